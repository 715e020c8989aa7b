#include "daemon/ctl/domain_survey.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/dmarc_record.h"
#include "codec/mailauth/spf.h"
#include "service/mx/gather.h"
#include "service/signing/key_record.h"

namespace mail::ctl {
namespace {

using dns::Answer;
using dns::Type;
using Verdict = RecordVerdict;

struct Asked {
  std::string name;
  Type type = Type::txt;
  Answer answer{};
};

Task<void> ask_into(const SurveyWorld& world, Asked& asked) {
  asked.answer = co_await world.resolver.ask(asked.name, asked.type, world.deadline);
}

bool failed(const Answer& answer) { return answer.kind == Answer::Kind::failed; }

// A row that the DNS has something to say of: its verdict is for the judge of its kind.
RecordRow row_of(std::string_view what, const Asked& asked, std::string_view type,
                 std::string publish) {
  RecordRow row;
  row.what = what;
  row.name = asked.name;
  row.type = type;
  row.publish = std::move(publish);
  if (failed(asked.answer)) {
    row.verdict = Verdict::unknown;
    row.remedy = concat("The DNS did not answer", asked.answer.why.empty() ? "" : " (",
                        asked.answer.why, asked.answer.why.empty() ? "" : ")",
                        ": try again, and check the name servers of the domain.");
  }
  return row;
}

// Texts of TXT records that begin so.
std::vector<std::string> texts(const Answer& answer, std::string_view prefix) {
  std::vector<std::string> out;
  for (const std::string& record : answer.records) {
    Result<std::string> text = dns::parse_txt(record);
    if (text && istarts_with(*text, prefix)) out.push_back(*std::move(text));
  }
  return out;
}

std::vector<IpAddress> addresses_of(const Asked& a, const Asked& aaaa) {
  std::vector<IpAddress> out;
  for (const std::string& record : a.answer.records) {
    if (const auto address = dns::parse_a(record)) out.push_back(*address);
  }
  for (const std::string& record : aaaa.answer.records) {
    if (const auto address = dns::parse_aaaa(record)) out.push_back(*address);
  }
  return out;
}

// --- the host ------------------------------------------------------------------------------------
RecordRow judge_host(const Asked& a, const Asked& aaaa) {
  RecordRow row;
  row.what = "Host";
  row.name = a.name;
  row.type = "A/AAAA";
  for (const IpAddress& address : addresses_of(a, aaaa)) row.now.push_back(address.to_string());
  if (!row.now.empty()) {
    row.verdict = Verdict::ok;
  } else if (failed(a.answer) || failed(aaaa.answer)) {
    row.remedy = "The DNS did not answer: try again.";
  } else {
    row.verdict = Verdict::missing;
    row.remedy =
        "Publish the public address of this server under its host name, or correct hostname in the "
        "configuration.";
  }
  return row;
}

// Receivers want the address a message comes from to have a name that has the address.
RecordRow judge_ptr(const Asked& ptr, const IpAddress& address, const std::string& hostname) {
  RecordRow row = row_of("PTR", ptr, "PTR", concat(hostname, "."));
  const std::string whose =
      concat("Only who lends you ", address.to_string(), " can set it: ask the hosting provider.");
  for (const std::string& record : ptr.answer.records) {
    if (const auto name = dns::parse_name_rdata(record)) row.now.push_back(concat(*name, "."));
  }
  const bool ours = std::ranges::any_of(
      row.now, [&](const std::string& name) { return iequals(name, row.publish); });
  if (ours) {
    row.verdict = Verdict::ok;
  } else if (!failed(ptr.answer)) {
    row.verdict = row.now.empty() ? Verdict::missing : Verdict::wrong;
    row.remedy = whose;
  }
  return row;
}

// --- MX ------------------------------------------------------------------------------------------
Task<bool> leads_here(const SurveyWorld& world, const std::string& host,
                      const std::vector<IpAddress>& ours) {
  const auto same = [&](const std::string& name) { return iequals(name, host); };
  if (std::ranges::any_of(world.own_names, same)) co_return true;
  Asked a{host, Type::a};
  Asked aaaa{host, Type::aaaa};
  mx::Gather questions;
  questions.start(ask_into(world, a));
  questions.start(ask_into(world, aaaa));
  co_await questions.all();
  const std::vector<IpAddress> theirs = addresses_of(a, aaaa);
  co_return std::ranges::any_of(theirs, [&](const IpAddress& address) {
    return std::ranges::find(ours, address) != ours.end();
  });
}

Task<RecordRow> judge_mx(const SurveyWorld& world, const Asked& mx,
                         const std::vector<IpAddress>& ours) {
  RecordRow row = row_of("MX", mx, "MX", concat("10 ", world.hostname, "."));
  if (failed(mx.answer)) co_return row;
  row.verdict = Verdict::missing;
  row.remedy = "Without it mail for the domain does not come here.";
  for (const std::string& record : mx.answer.records) {
    const auto parsed = dns::parse_mx(record);
    if (!parsed) continue;
    const bool null_mx = parsed->host == ".";
    row.now.push_back(concat(parsed->preference, ' ', parsed->host, null_mx ? "" : "."));
    if (row.verdict == Verdict::ok || null_mx) continue;
    if (co_await leads_here(world, parsed->host, ours)) row.verdict = Verdict::ok;
  }
  if (row.verdict == Verdict::ok) {
    row.remedy.clear();
  } else if (!row.now.empty()) {
    row.verdict = Verdict::wrong;
    row.remedy =
        "Mail for the domain goes to another server: put this one in its place, or beside "
        "it, when it is to come here.";
  }
  co_return row;
}

// --- SPF -----------------------------------------------------------------------------------------
Task<spf::Outcome> check_spf(const SurveyWorld& world, IpAddress client, std::string domain) {
  spf::Evaluator check({.client = client,
                        .helo = world.hostname,
                        .local_part = "postmaster",
                        .domain = std::move(domain),
                        .now = world.now});
  while (!check.questions().empty()) {
    std::vector<Answer> answers;
    for (const spf::Question& question : check.questions()) {
      answers.push_back(co_await world.resolver.ask(question.name, question.type, world.deadline));
    }
    check.answer(std::move(answers));
  }
  co_return check.outcome();
}

// The record that is there with this server put in front.
std::string with_us(const std::string& record, std::string_view mechanism) {
  constexpr std::string_view kVersion = "v=spf1";
  return concat(kVersion, ' ', mechanism, record.substr(kVersion.size()));
}

// `mechanism` is what names this server: "mx", "a".
Task<RecordRow> judge_spf(const SurveyWorld& world, const Asked& txt, std::string_view what,
                          std::string_view mechanism, std::vector<IpAddress> ours) {
  RecordRow row = row_of(what, txt, "TXT", concat("v=spf1 ", mechanism, " -all"));
  if (failed(txt.answer)) co_return row;
  row.now = texts(txt.answer, "v=spf1");
  if (row.now.empty()) {
    row.verdict = Verdict::missing;
    row.remedy = "Many receivers refuse mail of domains that do not say who sends it.";
    co_return row;
  }
  if (row.now.size() > 1) {  // RFC 7208 §4.5
    row.verdict = Verdict::wrong;
    row.publish = with_us(row.now.front(), mechanism);
    row.remedy = "Several SPF records count as none that can be read: make one of them.";
    co_return row;
  }
  row.verdict = Verdict::ok;
  for (const IpAddress& address : ours) {
    const spf::Outcome outcome = co_await check_spf(world, address, txt.name);
    if (outcome.verdict == spf::Verdict::pass) continue;
    if (outcome.verdict == spf::Verdict::temperror) {
      row.verdict = Verdict::unknown;
      row.remedy = concat("The DNS did not answer to all it names: ", outcome.reason);
      co_return row;
    }
    row.verdict = Verdict::wrong;
    row.publish = with_us(row.now.front(), concat("a:", world.hostname));
    row.remedy = concat("It says ", spf::to_string(outcome.verdict), " of this server's address ",
                        address.to_string(), ".");
    co_return row;
  }
  if (ours.empty()) {
    row.verdict = Verdict::unknown;
    row.remedy = "Whether it names this server shows once its host name has an address.";
  } else {
    row.publish = row.now.front();
  }
  co_return row;
}

// --- DKIM ----------------------------------------------------------------------------------------
std::string day_of(WallTime time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  const auto two = [](unsigned number) { return concat(number < 10 ? "0" : "", number); };
  return concat(static_cast<int>(day.year()), '-', two(static_cast<unsigned>(day.month())), '-',
                two(static_cast<unsigned>(day.day())));
}

void judge_live_key(const signing::SeenKey& seen, RecordRow& row) {
  using signing::Sight;
  const bool forced = seen.key.forced && seen.key.state == DkimKeyState::active;
  switch (seen.sight) {
    case Sight::shown:
      row.verdict = Verdict::ok;
      row.now = {row.publish};
      return;
    case Sight::unknown:
      row.remedy = "The DNS did not answer: try again.";
      return;
    case Sight::absent:
      row.verdict = Verdict::missing;
      break;
    case Sight::other:
      row.verdict = Verdict::wrong;
      row.now = {"another text, or several records"};
      break;
  }
  row.remedy = forced
                   ? "Mail is signed all the same, since you said so; receivers cannot verify it."
                   : "Mail is not signed with this key before the DNS shows it.";
}

RecordRow judge_key(const signing::SeenKey& seen) {
  using signing::Sight;
  const DkimKeyRow& key = seen.key;
  RecordRow row;
  row.what = "DKIM";
  row.name = signing::record_name(key);
  row.type = "TXT";
  row.publish = signing::record_text(key);
  if (key.state == DkimKeyState::pending || key.state == DkimKeyState::active) {
    judge_live_key(seen, row);
    return row;
  }
  if (seen.sight == Sight::unknown) {
    row.remedy = "The DNS did not answer: try again.";
    return row;
  }
  if (seen.sight != Sight::absent) row.now = {row.publish};
  if (key.state == DkimKeyState::retired) {
    row.verdict = seen.sight == Sight::shown ? Verdict::ok : Verdict::optional;
    row.remedy = concat("Not used since ", day_of(key.changed),
                        "; mail that is still on its way is verified by it.");
    return row;
  }
  row.publish.clear();
  row.verdict = seen.sight == Sight::absent ? Verdict::ok : Verdict::obsolete;
  if (seen.sight != Sight::absent) row.remedy = "The key is revoked: remove the record.";
  return row;
}

// --- policies ------------------------------------------------------------------------------------
RecordRow judge_dmarc(const Asked& txt, const std::string& domain) {
  RecordRow row =
      row_of("DMARC", txt, "TXT", concat("v=DMARC1; p=none; rua=mailto:postmaster@", domain));
  if (failed(txt.answer)) return row;
  row.now = texts(txt.answer, "v=DMARC1");
  if (row.now.empty()) {
    row.verdict = Verdict::missing;
    row.remedy = "The large receivers want one of everybody who sends much.";
    return row;
  }
  const Result<dmarc::Record> record = dmarc::parse_record(row.now.front());
  if (row.now.size() > 1 || !record || !record->applies) {
    row.verdict = Verdict::wrong;
    row.remedy = row.now.size() > 1 ? "Several records count as none: keep one."
                                    : "It cannot be read, and so counts as none.";
    return row;
  }
  row.verdict = Verdict::ok;
  row.publish = row.now.front();
  if (record->policy == dmarc::Policy::none) {
    row.remedy =
        "p=none only watches: when the reports are clean, go on to p=quarantine or p=reject.";
  }
  return row;
}

RecordRow judge_optional(const Asked& txt, std::string_view what, std::string publish,
                         std::string_view prefix, std::string_view remedy) {
  RecordRow row = row_of(what, txt, "TXT", std::move(publish));
  if (failed(txt.answer)) return row;
  row.now = texts(txt.answer, prefix);
  row.verdict = row.now.empty()       ? Verdict::optional
                : row.now.size() == 1 ? Verdict::ok
                                      : Verdict::wrong;
  if (row.now.size() == 1) row.publish = row.now.front();
  if (row.now.empty()) row.remedy = remedy;
  if (row.now.size() > 1) row.remedy = "Several records count as none: keep one.";
  return row;
}

// RFC 2782: priority, weight, port, target.
std::optional<std::string> srv_text(std::string_view rdata) {
  if (rdata.size() < 7) return std::nullopt;
  const auto number = [&](std::size_t at) {
    return static_cast<unsigned char>(rdata[at]) * 256 + static_cast<unsigned char>(rdata[at + 1]);
  };
  const auto target = dns::parse_name_rdata(rdata.substr(6));
  if (!target) return std::nullopt;
  return concat(number(0), ' ', number(2), ' ', number(4), ' ', *target, *target == "." ? "" : ".");
}

// RFC 6186 §3.1, RFC 8314 §5.1: where programs look for the port to send through.
RecordRow judge_srv(const Asked& srv, const SubmissionPort& port, const std::string& hostname) {
  RecordRow row = row_of("SRV", srv, "SRV", concat("0 1 ", port.port, ' ', hostname, "."));
  if (failed(srv.answer)) return row;
  for (const std::string& record : srv.answer.records) {
    if (auto text = srv_text(record)) row.now.push_back(*std::move(text));
  }
  const std::string tail = concat(' ', port.port, ' ', hostname, ".");
  const bool ours = std::ranges::any_of(
      row.now, [&](const std::string& text) { return to_lower(text).ends_with(tail); });
  row.verdict = ours ? Verdict::ok : row.now.empty() ? Verdict::optional : Verdict::wrong;
  if (row.now.empty()) row.remedy = "With it mail programs find this server by themselves.";
  if (!row.now.empty() && !ours) row.remedy = "It leads mail programs to another server.";
  return row;
}

std::string sts_remedy(const SurveyWorld& world, const std::string& domain) {
  return concat(
      "With it others send here under verified TLS only. It takes a web server at "
      "https://mta-sts.",
      domain,
      "/.well-known/mta-sts.txt that serves: version: STSv1, mode: testing, mx: ", world.hostname,
      ", max_age: 604800, a line each.");
}

}  // namespace

std::string_view to_string(RecordVerdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::missing:
      return "missing";
    case Verdict::wrong:
      return "wrong";
    case Verdict::optional:
      return "optional";
    case Verdict::obsolete:
      return "obsolete";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

Task<std::vector<RecordRow>> survey(const SurveyWorld& world, std::string domain,
                                    std::vector<signing::SeenKey> keys) {
  Asked host_a{world.hostname, Type::a};
  Asked host_aaaa{world.hostname, Type::aaaa};
  Asked mx{domain, Type::mx};
  Asked txt{domain, Type::txt};
  Asked helo{world.hostname, Type::txt};
  Asked policy{concat("_dmarc.", domain), Type::txt};
  Asked sts{concat("_mta-sts.", domain), Type::txt};
  Asked tls_reports{concat("_smtp._tls.", domain), Type::txt};
  std::vector<Asked> services;
  for (const SubmissionPort& port : world.submission) {
    const std::string_view service = port.implicit_tls ? "_submissions._tcp." : "_submission._tcp.";
    services.push_back({concat(service, domain), Type::srv});
  }
  {
    mx::Gather questions;
    for (Asked* asked : {&host_a, &host_aaaa, &mx, &txt, &helo, &policy, &sts, &tls_reports}) {
      questions.start(ask_into(world, *asked));
    }
    for (Asked& asked : services) questions.start(ask_into(world, asked));
    co_await questions.all();
  }
  const std::vector<IpAddress> ours = addresses_of(host_a, host_aaaa);

  std::vector<RecordRow> rows;
  rows.push_back(judge_host(host_a, host_aaaa));
  for (const IpAddress& address : ours) {
    Asked ptr{dns::reverse_name(address), Type::ptr};
    co_await ask_into(world, ptr);
    rows.push_back(judge_ptr(ptr, address, world.hostname));
  }
  rows.push_back(co_await judge_mx(world, mx, ours));
  const bool elsewhere = rows.back().verdict == Verdict::wrong;  // "mx" would name others
  const std::string us = elsewhere ? concat("a:", world.hostname) : "mx";
  rows.push_back(co_await judge_spf(world, txt, "SPF", us, ours));
  // Notices come from the null path, and the name in HELO is judged in its place.
  if (world.hostname != domain) {
    rows.push_back(co_await judge_spf(world, helo, "SPF of the host", "a", ours));
  }
  for (const signing::SeenKey& key : keys) rows.push_back(judge_key(key));
  rows.push_back(judge_dmarc(policy, domain));
  rows.push_back(judge_optional(sts, "MTA-STS",
                                concat("v=STSv1; id=", world.now.time_since_epoch().count() / 1000),
                                "v=STSv1", sts_remedy(world, domain)));
  rows.push_back(judge_optional(tls_reports, "TLS-RPT",
                                concat("v=TLSRPTv1; rua=mailto:postmaster@", domain), "v=TLSRPTv1",
                                "With it others report when TLS to this server fails."));
  for (std::size_t i = 0; i < services.size(); ++i) {
    rows.push_back(judge_srv(services[i], world.submission[i], world.hostname));
  }
  co_return rows;
}

}  // namespace mail::ctl
