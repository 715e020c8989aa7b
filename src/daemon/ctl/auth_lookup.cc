#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/dmarc.h"
#include "codec/mailauth/spf.h"
#include "codec/mailauth/spf_record.h"
#include "daemon/ctl/auth_tools.h"
#include "daemon/ctl/text_table.h"
#include "platform/idn/idn.h"
#include "platform/json/json.h"
#include "platform/psl/psl.h"

namespace mail::ctl::auth {
namespace {

// "tom@yahoo.test", or a domain alone. Whatever stands there is for SPF to judge.
struct Sender {
  std::string local_part;
  std::string domain;
};
Sender parse_sender(std::string_view text) {
  const std::size_t at = text.rfind('@');
  Sender sender;
  if (at != std::string_view::npos) sender.local_part = text.substr(0, at);
  sender.domain = at == std::string_view::npos ? text : text.substr(at + 1);
  if (!is_ascii(sender.domain)) {
    if (auto ascii = idn::to_ascii(sender.domain)) sender.domain = std::move(*ascii);
  }
  return sender;
}

// The records at a name that `is_wanted`, or why there are none.
struct Published {
  std::vector<std::string> records;
  std::string trouble;  // DNS did not answer
};
Published look_up(Dns& dns, const Clock& clock, const std::string& name,
                  bool (*is_wanted)(std::string_view)) {
  Published found;
  const auto normal = dns::normalize_name(name);
  if (!normal) return found;
  const dns::Answer answer = dns.wait(
      dns.resolver().ask(*normal, dns::Type::txt, clock.mono_now() + std::chrono::seconds(20)));
  if (answer.kind == dns::Answer::Kind::failed) found.trouble = answer.why;
  for (const std::string& rdata : answer.records) {
    auto text = dns::parse_txt(rdata);
    if (text && is_wanted(*text)) found.records.push_back(std::move(*text));
  }
  return found;
}

void row(std::string& out, std::string_view name, std::string_view text) {
  constexpr std::size_t kColumn = 14;
  if (text.empty()) return;
  append(out, name, std::string(kColumn - std::min(name.size(), kColumn), ' '),
         wrapped(printable(text), kColumn), '\n');
}

json::Array to_json(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) append(out, out.empty() ? "" : ", ", text);
  return out;
}

// What is wrong with what a domain publishes, as far as it shows without a client.
std::string spf_mistake(const std::string& domain, const Published& published) {
  const bool is_name = dns::normalize_name(domain) && domain.find_first_of(" \t@") == domain.npos;
  if (!is_name)
    return concat('"', domain, "\" is no domain name: nobody can publish anything there");
  if (!published.trouble.empty()) return concat("DNS could not tell: ", published.trouble);
  if (published.records.empty()) {
    return concat(domain,
                  " publishes no SPF record: a TXT record \"v=spf1 ... -all\" would say "
                  "which hosts send its mail");
  }
  if (published.records.size() > 1) {
    return "more than one SPF record: receivers take none of them (RFC 7208 §4.5)";
  }
  const auto record = spf::parse_record(published.records.front());
  return record ? "" : concat("bad record: ", record.error().detail);
}

}  // namespace

Answer spf(const Command& command) {
  const Sender sender = parse_sender(command.line.text("DOMAIN"));
  std::optional<IpAddress> client;
  if (command.line.has("--ip")) {
    MAIL_TRY(client, parse_ip(command));
  }
  MAIL_TRY(const std::unique_ptr<Dns> dns, Dns::open(command));
  const Published published = look_up(*dns, command.clock, sender.domain, spf::is_record);
  const std::string mistake = spf_mistake(sender.domain, published);
  json::Object out{
      {"domain", sender.domain}, {"records", to_json(published.records)}, {"mistake", mistake}};
  std::string text;
  row(text, "Domain", sender.domain);
  for (const std::string& record : published.records) row(text, "Record", record);
  row(text, "Mistake", mistake);
  if (client) {
    spf::Evaluator evaluator({*client, command.line.text("--helo"), sender.local_part,
                              sender.domain, authserv_id(command), command.clock.wall_now()});
    dns->wait(run_to_end(evaluator, dns->resolver(), command.clock));
    const spf::Outcome& outcome = evaluator.outcome();
    row(text, "Client", client->to_string());
    row(text, "Result", to_string(outcome.verdict));
    row(text, "Why", outcome.reason);
    row(text, "Explanation", outcome.explanation);
    out.insert(out.end(), {{"result", to_string(outcome.verdict)},
                           {"mechanism", outcome.mechanism},
                           {"reason", outcome.reason},
                           {"explanation", outcome.explanation}});
  } else if (!command.line.json && mistake.empty()) {
    text += "\nWith --ip ADDRESS it is told what comes of a client.\n";
  }
  return print(command.line.json ? json::to_string(out) + '\n' : text);
}

Answer dmarc(const Command& command) {
  MAIL_TRY(const Domain domain, parse_domain(command.line.text("DOMAIN")));
  MAIL_TRY(const std::unique_ptr<Dns> dns, Dns::open(command));
  dmarc::Subject subject;
  subject.author_domain = domain.text();
  subject.is_public_suffix = &psl::is_public_suffix;
  dmarc::Evaluator evaluator(std::move(subject));
  dns->wait(run_to_end(evaluator, dns->resolver(), command.clock));
  const dmarc::Outcome& outcome = evaluator.outcome();
  const bool found = !outcome.record_domain.empty();
  const Published published =
      look_up(*dns, command.clock, concat("_dmarc.", found ? outcome.record_domain : domain.text()),
              dmarc::is_record);
  const dmarc::Record& record = outcome.record;
  const auto mode = [](bool strict) { return strict ? "strict" : "relaxed"; };
  std::string why;  // there is no policy
  if (!found) {
    why = published.records.size() > 1 ? "more than one DMARC record: receivers take none of them"
                                       : outcome.reason;
  }
  if (command.line.json) {
    json::Object out{{"domain", domain.text()},
                     {"record_domain", outcome.record_domain},
                     {"records", to_json(published.records)},
                     {"policy", found ? to_string(outcome.policy) : ""},
                     {"testing", record.testing},
                     {"dkim_alignment", mode(record.strict_dkim)},
                     {"spf_alignment", mode(record.strict_spf)},
                     {"aggregate_reports", to_json(record.aggregate_uris)},
                     {"failure_reports", to_json(record.failure_uris)},
                     {"reason", why}};
    return print(json::to_string(out) + '\n');
  }
  std::string text;
  row(text, "Domain", domain.text());
  for (const std::string& one : published.records) row(text, "Record", one);
  if (found) {
    row(text, "Found at", concat("_dmarc.", outcome.record_domain));
    row(text, "Policy",
        concat("mail that fails: ", to_string(outcome.policy),
               record.testing ? " (the domain is testing, so one step milder)" : ""));
    row(text, "Alignment",
        concat("DKIM ", mode(record.strict_dkim), ", SPF ", mode(record.strict_spf)));
    row(text, "Reports to", joined(record.aggregate_uris));
    row(text, "Failures to", joined(record.failure_uris));
  } else {
    row(text, "Policy", why);
    append(text, "\nA TXT record \"v=DMARC1; p=none; rua=mailto:...\" at _dmarc.", domain.text(),
           " would begin one.\n");
  }
  return print(text);
}

}  // namespace mail::ctl::auth
