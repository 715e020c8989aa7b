#include <algorithm>

#include "base/text.h"
#include "codec/mailauth/authentication_results.h"
#include "codec/message/header_block.h"
#include "daemon/ctl/auth_tools.h"
#include "daemon/ctl/text_table.h"
#include "platform/json/json.h"

namespace mail::ctl::auth {
namespace {

using mailauth::AuthorDomains;
using mailauth::Findings;

std::string_view no_author(const Findings& findings) {
  return findings.authors.kind == AuthorDomains::Kind::too_many
             ? "the From names too many domains"
             : "the From names no domain that can be read in one way only";
}

std::string results_field(const Findings& findings, const Origin& origin, std::string_view id) {
  std::string field;
  const mailauth::Envelope envelope{origin.helo, origin.path.to_string(),
                                    origin.client.to_string()};
  append_authentication_results(field, describe(findings, envelope, id));
  return field;
}

// What stands behind the colon, for JSON.
std::string one_line(std::string_view field) {
  std::string value = message::unfold(field.substr(field.find(':') + 1));
  std::ranges::replace(value, '\t', ' ');
  return value;
}

std::string policy_of(const dmarc::Outcome& dmarc) {
  return dmarc.record_domain.empty() ? "" : std::string(to_string(dmarc.policy));
}

json::Value to_json(const Findings& findings, std::string_view field) {
  json::Array signatures;
  for (const dkim::SignatureResult& signature : findings.dkim.signatures) {
    signatures.push_back(json::Object{{"result", to_string(signature.verdict)},
                                      {"domain", signature.domain},
                                      {"selector", signature.selector},
                                      {"reason", signature.reason}});
  }
  const dmarc::Outcome* decisive = findings.dmarc_decisive();
  json::Object dmarc{
      {"result", "none"}, {"domain", ""}, {"policy", ""}, {"reason", no_author(findings)}};
  if (decisive != nullptr) {
    dmarc = {{"result", to_string(decisive->verdict)},
             {"domain", decisive->domain},
             {"policy", policy_of(*decisive)},
             {"reason", decisive->reason}};
  }
  return json::Object{{"spf", json::Object{{"result", to_string(findings.spf.verdict)},
                                           {"domain", findings.spf.domain},
                                           {"reason", findings.spf.reason}}},
                      {"dkim", std::move(signatures)},
                      {"dmarc", std::move(dmarc)},
                      {"arc", json::Object{{"result", to_string(findings.arc.verdict)},
                                           {"reason", findings.arc.reason}}},
                      {"authentication_results", one_line(field)}};
}

// What the people of the sending side can do; the reason stands in the table already.
std::vector<std::string> remedies(const Findings& findings, const Origin& origin) {
  std::vector<std::string> out;
  const std::string client = origin.client.to_string();
  switch (findings.spf.verdict) {
    case spf::Verdict::fail:
    case spf::Verdict::softfail:
    case spf::Verdict::neutral:
      out.push_back(concat("SPF: if ", client, " may send for ", findings.spf.domain,
                           ", add it to the SPF record there: \"",
                           origin.client.is_v4() ? "ip4:" : "ip6:", client, "\"."));
      break;
    case spf::Verdict::none:
      out.push_back(concat("SPF: publish a TXT record \"v=spf1 ... -all\" at ", findings.spf.domain,
                           " that names the hosts that send."));
      break;
    case spf::Verdict::permerror:
      out.push_back(concat("SPF: mend the record; `mailwright auth spf ", findings.spf.domain,
                           "` shows it."));
      break;
    default:
      break;
  }
  const auto& signatures = findings.dkim.signatures;
  const bool signed_well = std::ranges::any_of(
      signatures, [](const auto& signature) { return signature.verdict == dkim::Verdict::pass; });
  if (!signed_well) {
    out.emplace_back(signatures.empty() ? "DKIM: sign the mail; `mailwright auth sign` shows how."
                                        : "DKIM: compare what is published at "
                                          "SELECTOR._domainkey.DOMAIN with the key that signs, and "
                                          "look for what changes mail behind the signer.");
  }
  const dmarc::Outcome* dmarc = findings.dmarc_decisive();
  if (dmarc == nullptr) {
    out.emplace_back("DMARC: write one From field with one address.");
  } else if (dmarc->verdict == dmarc::Verdict::fail) {
    out.push_back(concat("DMARC: sign with d=", dmarc->domain, ", or send from ", dmarc->domain,
                         " with a MAIL FROM there that SPF passes."));
  } else if (dmarc->verdict == dmarc::Verdict::none) {
    out.push_back(concat("DMARC: publish a TXT record \"v=DMARC1; p=none\" at _dmarc.",
                         dmarc->domain, "; `mailwright auth dmarc ", dmarc->domain,
                         "` shows what is there."));
  }
  return out;
}

std::string to_text(const Findings& findings, const Origin& origin, const std::string& field) {
  TextTable table({"CHECK", "RESULT", "OF", "WHY"});
  table.add({"spf", std::string(to_string(findings.spf.verdict)), findings.spf.domain,
             findings.spf.reason});
  for (const dkim::SignatureResult& signature : findings.dkim.signatures) {
    table.add({"dkim", std::string(to_string(signature.verdict)),
               concat(signature.domain, " (", signature.selector, ')'), signature.reason});
  }
  if (findings.dkim.signatures.empty()) table.add({"dkim", "none", "", "nobody signed it"});
  for (const dmarc::Outcome& dmarc : findings.dmarc) {
    const std::string policy = policy_of(dmarc);
    table.add({"dmarc", std::string(to_string(dmarc.verdict)),
               policy.empty() ? dmarc.domain : concat(dmarc.domain, " (p=", policy, ')'),
               dmarc.reason});
  }
  if (findings.dmarc.empty()) table.add({"dmarc", "none", "", std::string(no_author(findings))});
  const bool chained = findings.arc.verdict == arc::Verdict::pass && !findings.arc.sets.empty();
  table.add(
      {"arc", std::string(to_string(findings.arc.verdict)),
       chained ? concat(findings.arc.sets.back().sealer, " (i=", findings.arc.instances, ')') : "",
       findings.arc.reason});
  std::string out = table.to_string();
  const std::vector<std::string> to_do = remedies(findings, origin);
  if (!to_do.empty()) out += "\nWhat to do\n";
  for (const std::string& line : to_do) append(out, "  ", wrapped(printable(line), 2), '\n');
  append(out, '\n', printable_text(field));
  return out;
}

}  // namespace

Answer check(const Command& command) {
  MAIL_TRY(const std::optional<Origin> origin, parse_origin(command));
  MAIL_ASSERT(origin.has_value());  // the command line requires --ip
  MAIL_TRY(const MessageFile message, MessageFile::open(command.line.text("FILE")));
  MAIL_TRY(const std::unique_ptr<Dns> dns, Dns::open(command));
  MAIL_TRY(const Findings findings, examine(command, *dns, message, *origin));
  const std::string field = results_field(findings, *origin, authserv_id(command));
  if (command.line.json) return print(json::to_string(to_json(findings, field)) + '\n');
  return print(to_text(findings, *origin, field));
}

}  // namespace mail::ctl::auth
