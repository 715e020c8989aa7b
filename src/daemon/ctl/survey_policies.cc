// What a domain says about its mail, judged: SPF, DKIM, DMARC, MTA-STS, TLS-RPT, SRV.
#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/dmarc_record.h"
#include "codec/mailauth/spf.h"
#include "codec/mailauth/tag_list.h"
#include "daemon/ctl/survey_rows.h"
#include "service/signing/key_record.h"

namespace mail::ctl {
namespace {

using dns::Answer;
using Verdict = RecordVerdict;

// Texts of TXT records that are of a kind.
std::vector<std::string> texts(const Answer& answer,
                               const std::function<bool(std::string_view)>& is_one) {
  std::vector<std::string> out;
  for (const std::string& record : answer.records) {
    Result<std::string> text = dns::parse_txt(record);
    if (text && is_one(*text)) out.push_back(*std::move(text));
  }
  return out;
}

// --- SPF -----------------------------------------------------------------------------------------
constexpr std::string_view kSpfVersion = "v=spf1";

bool is_spf(std::string_view text) {  // RFC 7208 §4.5
  return istarts_with(text, kSpfVersion) &&
         (text.size() == kSpfVersion.size() || text[kSpfVersion.size()] == ' ');
}

bool has_term(std::string_view record, std::string_view term) {
  while (!record.empty()) {
    const std::size_t end = std::min(record.find(' '), record.size());
    if (iequals(record.substr(0, end), term)) return true;
    record.remove_prefix(std::min(end + 1, record.size()));
  }
  return false;
}

// The record that is there with this server put in front.
std::string with_us(const std::string& record, std::string_view mechanism) {
  if (has_term(record, mechanism)) return record;
  return concat(kSpfVersion, ' ', mechanism, record.substr(kSpfVersion.size()));
}

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

// One record is there; what it says of each of our addresses.
Task<void> judge_spf_record(const SurveyWorld& world, const std::string& domain, RecordRow& row,
                            std::vector<IpAddress> ours) {
  const std::string& record = row.now.front();
  for (const IpAddress& address : ours) {
    const spf::Outcome outcome = co_await check_spf(world, address, domain);
    if (outcome.verdict == spf::Verdict::pass) continue;
    if (outcome.verdict == spf::Verdict::temperror) {
      row.verdict = Verdict::unknown;
      row.remedy = concat("The DNS did not answer to all it names: ", outcome.reason);
      co_return;
    }
    row.verdict = Verdict::wrong;
    if (outcome.verdict == spf::Verdict::permerror) {  // what is broken stays so with us in it
      row.remedy = concat("It cannot be evaluated, and so counts as none: ", outcome.reason);
      co_return;
    }
    row.publish = with_us(record, concat("a:", world.hostname));
    row.remedy = concat("It says ", spf::to_string(outcome.verdict), " of this server's address ",
                        address.to_string(), ".");
    co_return;
  }
  if (has_term(record, "all") || has_term(record, "+all")) {
    row.verdict = Verdict::wrong;
    row.remedy = "Its \"all\" lets everybody send: end it in -all or ~all.";
    co_return;
  }
  row.verdict = ours.empty() ? Verdict::unknown : Verdict::ok;
  if (ours.empty()) {
    row.remedy = "Whether it names this server shows once its host name has an address.";
  } else {
    row.publish = record;
  }
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

// --- policies ------------------------------------------------------------------------------------
bool applies(std::string_view text) {
  const Result<dmarc::Record> record = dmarc::parse_record(text);
  return record && record->applies;
}

// RFC 8461 §3.1: 1 to 32 letters and digits.
bool is_sts_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && std::ranges::all_of(id, is_alnum);
}

// Records of which the domain has one, or none.
RecordRow judge_optional(const Asked& txt, std::string_view what, std::string publish,
                         std::string_view version, std::string_view remedy) {
  RecordRow row = row_of(what, txt, "TXT", std::move(publish));
  if (failed(txt.answer)) return row;
  row.now = texts(txt.answer, [&](std::string_view text) { return istarts_with(text, version); });
  row.verdict = row.now.empty()       ? Verdict::optional
                : row.now.size() == 1 ? Verdict::ok
                                      : Verdict::wrong;
  if (row.now.size() == 1) row.publish = row.now.front();
  if (row.now.empty()) row.remedy = remedy;
  if (row.now.size() > 1) row.remedy = "Several records count as none: keep one.";
  return row;
}

// The value of a tag of the one record that is there.
std::string tag_of(const RecordRow& row, std::string_view name) {
  const auto tags = mailauth::TagList::parse(row.now.front());
  return tags ? std::string(tags->value(name)) : std::string();
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

}  // namespace

Task<RecordRow> judge_spf(const SurveyWorld& world, const Asked& txt, std::string_view what,
                          std::string_view mechanism, std::vector<IpAddress> ours) {
  RecordRow row = row_of(what, txt, "TXT", concat("v=spf1 ", mechanism, " -all"));
  if (failed(txt.answer)) co_return row;
  row.now = texts(txt.answer, is_spf);
  if (row.now.empty()) {
    row.verdict = Verdict::missing;
    row.remedy = "Many receivers refuse mail of domains that do not say who sends it.";
  } else if (row.now.size() > 1) {  // RFC 7208 §4.5
    row.verdict = Verdict::wrong;
    row.publish = with_us(row.now.front(), mechanism);
    row.remedy = "Several SPF records count as none that can be read: make one of them.";
  } else {
    co_await judge_spf_record(world, txt.name, row, std::move(ours));
  }
  co_return row;
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

RecordRow judge_dmarc(const Asked& txt, const std::string& domain,
                      const std::vector<Asked>& above) {
  RecordRow row =
      row_of("DMARC", txt, "TXT", concat("v=DMARC1; p=none; rua=mailto:postmaster@", domain));
  if (failed(txt.answer)) return row;
  row.now = texts(txt.answer, dmarc::is_record);
  if (row.now.empty()) {
    row.verdict = Verdict::missing;
    row.remedy = "The large receivers want one of everybody who sends much.";
    for (const Asked& each : above) {  // dmarcbis §4.10
      const auto found = texts(each.answer, dmarc::is_record);
      if (found.size() != 1 || !applies(found.front())) continue;
      row.verdict = Verdict::optional;
      row.remedy = concat("That at ", each.name, " counts for it too.");
      break;
    }
    return row;
  }
  if (row.now.size() > 1 || !applies(row.now.front())) {
    row.verdict = Verdict::wrong;
    row.remedy = row.now.size() > 1 ? "Several records count as none: keep one."
                                    : "It cannot be read, and so counts as none.";
    return row;
  }
  row.verdict = Verdict::ok;
  row.publish = row.now.front();
  const dmarc::Record record = dmarc::parse_record(row.publish).value();
  if (record.policy == dmarc::Policy::none) {
    row.remedy =
        "p=none only watches: when the reports are clean, go on to p=quarantine or p=reject.";
  }
  return row;
}

RecordRow judge_sts(const Asked& txt, const SurveyWorld& world, const std::string& domain) {
  const std::string id = concat(world.now.time_since_epoch().count() / 1000);
  const std::string served =
      concat("https://mta-sts.", domain, "/.well-known/mta-sts.txt that serves: version: STSv1, ",
             "mode: testing, mx: ", world.hostname, ", max_age: 604800, a line each.");
  RecordRow row = judge_optional(
      txt, "MTA-STS", concat("v=STSv1; id=", id), "v=STSv1",
      concat("With it others send here under verified TLS only. It takes a web server at ",
             served));
  if (row.verdict != Verdict::ok) return row;
  row.remedy = concat("That the policy is there and names this server is not looked at here: ",
                      "https://mta-sts.", domain, "/.well-known/mta-sts.txt");
  if (!is_sts_id(tag_of(row, "id"))) {
    row.verdict = Verdict::wrong;
    row.publish = concat("v=STSv1; id=", id);
    row.remedy = "It counts as none without an id of letters and digits (RFC 8461 §3.1).";
  }
  return row;
}

RecordRow judge_tls_reports(const Asked& txt, const std::string& domain) {
  const std::string ours = concat("v=TLSRPTv1; rua=mailto:postmaster@", domain);
  RecordRow row = judge_optional(txt, "TLS-RPT", ours, "v=TLSRPTv1",
                                 "With it others report when TLS to this server fails.");
  if (row.verdict != Verdict::ok) return row;
  const std::string rua = tag_of(row, "rua");
  if (!istarts_with(rua, "mailto:") && !istarts_with(rua, "https:")) {  // RFC 8460 §3
    row.verdict = Verdict::wrong;
    row.publish = ours;
    row.remedy = "It names nobody who reads reports: rua=mailto:ADDRESS or rua=https://...";
  }
  return row;
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
  if (row.now.empty()) {
    row.remedy = "With it mail programs find this server by themselves.";
  } else if (!ours) {
    row.remedy = row.now.front().ends_with(" .") ? "It says that there is no such service."
                                                 : "It leads mail programs to another server.";
  }
  return row;
}

}  // namespace mail::ctl
