#include "daemon/ctl/domain_survey.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "daemon/ctl/survey_rows.h"
#include "service/mx/gather.h"

namespace mail::ctl {
namespace {

using dns::Type;
using Verdict = RecordVerdict;

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

// Where the name asked leads to by a CNAME; empty: it does not.
std::string alias_of(const Asked& asked) {
  const std::string& found = asked.answer.canonical_name;
  return found.empty() || iequals(found, asked.name) ? std::string() : found;
}

// --- the host ------------------------------------------------------------------------------------
RecordRow judge_host(const Asked& a, const Asked& aaaa) {
  RecordRow row;
  row.what = "Host";
  row.name = a.name;
  row.type = "A/AAAA";
  for (const IpAddress& address : addresses_of(a, aaaa)) row.now.push_back(address.to_string());
  const std::string alias = alias_of(a);
  if (!row.now.empty() && !alias.empty()) {
    row.verdict = Verdict::wrong;
    row.remedy = concat("It is an alias (CNAME) of ", alias,
                        ", which no MX record may name (RFC 2181 §10.3): give it its own address.");
  } else if (!row.now.empty()) {
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
// No other record may stand beside an alias (RFC 1034 §3.6.2).
RecordRow judge_alias(const std::string& domain, const std::string& target) {
  RecordRow row;
  row.what = "Alias";
  row.name = domain;
  row.type = "CNAME";
  row.now.push_back(concat(target, "."));
  row.verdict = Verdict::wrong;
  row.remedy = "What is below has to stand in its place: remove it, and give the name its address.";
  return row;
}

enum class Leads : std::uint8_t { here, here_by_alias, elsewhere, unknown };

Task<Leads> leads(const SurveyWorld& world, std::string host, const std::vector<IpAddress>& ours) {
  Asked a{host, Type::a};
  Asked aaaa{host, Type::aaaa};
  mx::Gather questions;
  questions.start(ask_into(world, a));
  questions.start(ask_into(world, aaaa));
  co_await questions.all();
  const bool here = std::ranges::any_of(addresses_of(a, aaaa), [&](const IpAddress& address) {
    return std::ranges::find(ours, address) != ours.end();
  });
  if (here) co_return alias_of(a).empty() ? Leads::here : Leads::here_by_alias;
  const auto same = [&](const std::string& name) { return iequals(name, host); };
  if (std::ranges::any_of(world.own_names, same)) co_return Leads::here;  // judged by itself
  co_return failed(a.answer) || failed(aaaa.answer) ? Leads::unknown : Leads::elsewhere;
}

// What the records that are there come to: the best of them counts.
Task<void> judge_mx_records(const SurveyWorld& world, const Asked& mx,
                            const std::vector<IpAddress>& ours, RecordRow& row) {
  row.verdict = Verdict::wrong;
  row.remedy =
      "Mail for the domain goes to another server: put this one in its place, or beside "
      "it, when it is to come here.";
  for (const std::string& record : mx.answer.records) {
    const auto parsed = dns::parse_mx(record);
    if (!parsed) continue;
    const bool null_mx = parsed->host == ".";
    row.now.push_back(concat(parsed->preference, ' ', parsed->host, null_mx ? "" : "."));
    if (null_mx && mx.answer.records.size() == 1) {
      row.remedy = "It says that the domain takes no mail at all (RFC 7505).";
    }
    if (row.verdict == Verdict::ok || null_mx) continue;
    const Leads where = co_await leads(world, parsed->host, ours);
    if (where == Leads::here) {
      row.verdict = Verdict::ok;
      row.publish = row.now.back();
      row.remedy.clear();
    } else if (where == Leads::here_by_alias) {
      row.remedy = concat(parsed->host, " is an alias (CNAME), which no MX record may name (RFC ",
                          "2181 §10.3): name this server by its host name.");
    } else if (where == Leads::unknown && row.verdict == Verdict::wrong) {
      row.verdict = Verdict::unknown;
      row.remedy = concat("The DNS did not answer where ", parsed->host, " is: try again.");
    }
  }
}

Task<RecordRow> judge_mx(const SurveyWorld& world, const Asked& mx,
                         const std::vector<IpAddress>& ours) {
  RecordRow row = row_of("MX", mx, "MX", concat("10 ", world.hostname, "."));
  if (failed(mx.answer)) co_return row;
  if (!mx.answer.records.empty()) {
    co_await judge_mx_records(world, mx, ours, row);
    co_return row;
  }
  const Leads domain = co_await leads(world, mx.name, ours);  // RFC 5321 §5.1, the implicit MX
  if (domain == Leads::here || domain == Leads::here_by_alias) {
    row.verdict = Verdict::optional;
    row.remedy = "Mail comes here by the address of the domain itself; this says it plainly.";
  } else {
    row.verdict = Verdict::missing;
    row.remedy = "Without it mail for the domain does not come here.";
  }
  co_return row;
}

// The domains above, below the top, nearest first (dmarcbis §4.10).
std::vector<Asked> policies_above(std::string_view domain) {
  constexpr std::size_t kMax = 7;
  std::vector<Asked> out;
  for (std::size_t dot = domain.find('.'); dot != std::string_view::npos && out.size() < kMax;
       dot = domain.find('.')) {
    domain.remove_prefix(dot + 1);
    if (domain.contains('.')) out.push_back({concat("_dmarc.", domain), Type::txt});
  }
  return out;
}

}  // namespace

Task<void> ask_into(const SurveyWorld& world, Asked& asked) {
  asked.answer = co_await world.resolver.ask(asked.name, asked.type, world.deadline);
}

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
  std::vector<Asked> above = policies_above(domain);
  {
    mx::Gather questions;
    for (Asked* asked : {&host_a, &host_aaaa, &mx, &txt, &helo, &policy, &sts, &tls_reports}) {
      questions.start(ask_into(world, *asked));
    }
    for (Asked& asked : services) questions.start(ask_into(world, asked));
    for (Asked& asked : above) questions.start(ask_into(world, asked));
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
  if (const std::string alias = alias_of(mx); !alias.empty()) {
    rows.push_back(judge_alias(domain, alias));
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
  rows.push_back(judge_dmarc(policy, domain, above));
  rows.push_back(judge_sts(sts, world, domain));
  rows.push_back(judge_tls_reports(tls_reports, domain));
  for (std::size_t i = 0; i < services.size(); ++i) {
    rows.push_back(judge_srv(services[i], world.submission[i], world.hostname));
  }
  co_return rows;
}

}  // namespace mail::ctl
