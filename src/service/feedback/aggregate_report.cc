#include "service/feedback/aggregate_report.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/text.h"
#include "platform/xml/xml.h"

namespace mail::feedback {
namespace {

using xml::Element;
// A lying count is kept so low that the sum of all rows is one too.
constexpr std::uint64_t kMaxCount = 1'000'000'000'000;

using Words = std::initializer_list<std::string_view>;

constexpr Words kDispositions{"none", "pass", "quarantine", "reject"};
constexpr Words kPolicies{"none", "quarantine", "reject"};
constexpr Words kAligned{"pass", "fail"};
constexpr Words kAlignments{"r", "s"};
constexpr Words kResults{"none",   "pass",    "fail",      "softfail",
                         "policy", "neutral", "temperror", "permerror"};
constexpr Words kScopes{"mfrom", "helo"};
constexpr Words kMethods{"psl", "treewalk"};
constexpr Words kOverrides{"forwarded", "local_policy",     "mailing_list",
                           "other",     "policy_test_mode", "trusted_forwarder"};

std::string word_of(const Element& parent, std::string_view name, Words known) {
  std::string word = to_lower(parent.text_of(name));
  return std::ranges::find(known, std::string_view(word)) == known.end() ? std::string()
                                                                         : std::move(word);
}
std::string text_of(const Element& parent, std::string_view name) {
  return std::string(parent.text_of(name));
}
const Element& child_of(const Element& parent, std::string_view name) {
  static const Element kNone{.name = {}, .text = {}};
  const Element* const found = parent.child(name);
  return found == nullptr ? kNone : *found;
}

std::vector<Extension> extensions_of(const Element& parent) {
  std::vector<Extension> extensions;
  for (const Element& extension : child_of(parent, "extensions").children) {
    extensions.push_back(
        {std::string(extension.attribute("name")), std::string(extension.attribute("definition"))});
  }
  return extensions;
}

AuthResult auth_result_of(const Element& element) {
  return {.domain = to_lower(element.text_of("domain")),
          .selector = text_of(element, "selector"),
          .scope = word_of(element, "scope", kScopes),
          .result = word_of(element, "result", kResults),
          .human_result = text_of(element, "human_result")};
}

ReportRow row_of(const Element& record) {
  ReportRow out;
  const Element& row = child_of(record, "row");
  out.source_ip = text_of(row, "source_ip");
  out.count = std::min(parse_number(row.text_of("count")).value_or(0), kMaxCount);
  const Element& evaluated = child_of(row, "policy_evaluated");
  out.disposition = word_of(evaluated, "disposition", kDispositions);
  out.dkim = word_of(evaluated, "dkim", kAligned);
  out.spf = word_of(evaluated, "spf", kAligned);
  for (const Element& reason : evaluated.children) {
    if (reason.name != "reason") continue;
    std::string type = word_of(reason, "type", kOverrides);
    if (type.empty()) type = "other";
    out.reasons.push_back({std::move(type), text_of(reason, "comment")});
  }
  const Element& identifiers = child_of(record, "identifiers");
  out.header_from = to_lower(identifiers.text_of("header_from"));
  out.envelope_from = to_lower(identifiers.text_of("envelope_from"));
  out.envelope_to = to_lower(identifiers.text_of("envelope_to"));
  for (const Element& result : child_of(record, "auth_results").children) {
    if (result.name == "dkim") out.dkim_results.push_back(auth_result_of(result));
    if (result.name == "spf") out.spf_results.push_back(auth_result_of(result));
  }
  out.extensions = extensions_of(record);
  return out;
}

std::int64_t second_of(const Element& range, std::string_view name) {
  const std::uint64_t second = parse_number(range.text_of(name)).value_or(0);
  return static_cast<std::int64_t>(std::min<std::uint64_t>(second, kLastSecond));
}

void take_metadata(AggregateReport& report, const Element& metadata) {
  report.org_name = text_of(metadata, "org_name");
  report.email = text_of(metadata, "email");
  report.extra_contact_info = text_of(metadata, "extra_contact_info");
  report.report_id = text_of(metadata, "report_id");
  const Element& range = child_of(metadata, "date_range");
  report.begin = second_of(range, "begin");
  report.end = second_of(range, "end");
  for (const Element& error : metadata.children) {
    if (error.name == "error") report.errors.push_back(error.text);
  }
  report.generator = text_of(metadata, "generator");
}

PublishedPolicy policy_of(const Element& published) {
  return {.domain = to_lower(published.text_of("domain")),
          .version = text_of(published, "version_published"),
          .adkim = word_of(published, "adkim", kAlignments),
          .aspf = word_of(published, "aspf", kAlignments),
          .p = word_of(published, "p", kPolicies),
          .sp = word_of(published, "sp", kPolicies),
          .np = word_of(published, "np", kPolicies),
          .testing = iequals(published.text_of("testing"), "y"),
          .discovery_method = word_of(published, "discovery_method", kMethods),
          .fo = text_of(published, "fo")};
}

void add_if_any(Element& parent, std::string_view name, std::string_view text) {
  if (!text.empty()) parent.add(name, text);
}

void write_row(Element& feedback, const ReportRow& row) {
  Element& record = feedback.add("record");
  {
    Element& facts = record.add("row");
    facts.add("source_ip", row.source_ip);
    facts.add("count", concat(row.count));
    Element& evaluated = facts.add("policy_evaluated");
    evaluated.add("disposition", row.disposition);
    evaluated.add("dkim", row.dkim);
    evaluated.add("spf", row.spf);
    for (const PolicyOverride& reason : row.reasons) {
      Element& out = evaluated.add("reason");
      out.add("type", reason.type);
      add_if_any(out, "comment", reason.comment);
    }
  }
  {
    Element& identifiers = record.add("identifiers");
    identifiers.add("header_from", row.header_from);
    add_if_any(identifiers, "envelope_from", row.envelope_from);
    add_if_any(identifiers, "envelope_to", row.envelope_to);
  }
  Element& results = record.add("auth_results");
  for (const AuthResult& result : row.dkim_results) {
    Element& out = results.add("dkim");
    out.add("domain", result.domain);
    out.add("selector", result.selector);
    out.add("result", result.result);
    add_if_any(out, "human_result", result.human_result);
  }
  for (const AuthResult& result : row.spf_results) {
    Element& out = results.add("spf");
    out.add("domain", result.domain);
    add_if_any(out, "scope", result.scope);
    out.add("result", result.result);
  }
}

json::Value text_or_null(const std::string& text) {
  return text.empty() ? json::Value() : json::Value(text);
}

json::Value to_json(const std::vector<Extension>& extensions) {
  json::Array out;
  for (const Extension& extension : extensions) {
    out.push_back(json::Object{{"name", extension.name}, {"definition", extension.definition}});
  }
  return out;
}

json::Value to_json(const ReportRow& row) {
  json::Array reasons;
  for (const PolicyOverride& reason : row.reasons) {
    reasons.push_back(
        json::Object{{"type", reason.type}, {"comment", text_or_null(reason.comment)}});
  }
  json::Array dkim;
  for (const AuthResult& result : row.dkim_results) {
    dkim.push_back(json::Object{{"domain", result.domain},
                                {"selector", result.selector},
                                {"result", text_or_null(result.result)},
                                {"human_result", text_or_null(result.human_result)}});
  }
  json::Array spf;
  for (const AuthResult& result : row.spf_results) {
    spf.push_back(json::Object{{"domain", result.domain},
                               {"scope", text_or_null(result.scope)},
                               {"result", text_or_null(result.result)},
                               {"human_result", text_or_null(result.human_result)}});
  }
  json::Object evaluated{{"disposition", text_or_null(row.disposition)},
                         {"dkim", text_or_null(row.dkim)},
                         {"spf", text_or_null(row.spf)},
                         {"reason", std::move(reasons)}};
  json::Object facts{{"source_ip", row.source_ip},
                     {"count", row.count},
                     {"policy_evaluated", std::move(evaluated)}};
  json::Object identifiers{{"envelope_to", text_or_null(row.envelope_to)},
                           {"envelope_from", row.envelope_from},
                           {"header_from", row.header_from}};
  json::Object results{{"dkim", std::move(dkim)}, {"spf", std::move(spf)}};
  return json::Object{{"row", std::move(facts)},
                      {"identifiers", std::move(identifiers)},
                      {"auth_results", std::move(results)},
                      {"extensions", to_json(row.extensions)}};
}

json::Value to_json(const PublishedPolicy& policy) {
  return json::Object{{"domain", policy.domain},
                      {"version_published", text_or_null(policy.version)},
                      {"adkim", text_or_null(policy.adkim)},
                      {"aspf", text_or_null(policy.aspf)},
                      {"p", text_or_null(policy.p)},
                      {"sp", text_or_null(policy.sp)},
                      {"np", text_or_null(policy.np)},
                      {"testing", policy.testing},
                      {"discovery_method", text_or_null(policy.discovery_method)},
                      {"fo", text_or_null(policy.fo)}};
}

}  // namespace

Result<AggregateReport> read_aggregate_report(std::string_view text) {
  const auto root = xml::parse(text, {.max_elements = kMaxElements});
  if (!root) return std::unexpected(root.error());
  if (root->name != "feedback") return fail(Errc::bad_syntax, "XML, but no DMARC report");
  AggregateReport report;
  report.version = text_of(*root, "version");
  take_metadata(report, child_of(*root, "report_metadata"));
  report.policy = policy_of(child_of(*root, "policy_published"));
  if (report.policy.domain.empty()) return fail(Errc::bad_syntax, "a DMARC report of no domain");
  for (const Element& record : root->children) {
    if (record.name != "record") continue;
    if (report.rows.size() == kMaxRowsRead) {
      return fail(Errc::too_large, concat("a DMARC report of over ", kMaxRowsRead, " rows"));
    }
    report.rows.push_back(row_of(record));
  }
  report.extensions = extensions_of(*root);
  return report;
}

std::string write_aggregate_report(const AggregateReport& report) {
  MAIL_ASSERT(!report.rows.empty());
  Element feedback{.name = "feedback", .text = {}};
  feedback.attributes.push_back({"xmlns", "urn:ietf:params:xml:ns:dmarc-2.0"});
  feedback.add("version", report.version);
  {
    Element& metadata = feedback.add("report_metadata");
    metadata.add("org_name", report.org_name);
    metadata.add("email", report.email);
    add_if_any(metadata, "extra_contact_info", report.extra_contact_info);
    metadata.add("report_id", report.report_id);
    Element& range = metadata.add("date_range");
    range.add("begin", concat(report.begin));
    range.add("end", concat(report.end));
    if (!report.errors.empty()) metadata.add("error", report.errors.front());
    add_if_any(metadata, "generator", report.generator);
  }
  {
    const PublishedPolicy& policy = report.policy;
    Element& published = feedback.add("policy_published");
    published.add("domain", policy.domain);
    published.add("p", policy.p);
    add_if_any(published, "sp", policy.sp);
    add_if_any(published, "np", policy.np);
    add_if_any(published, "adkim", policy.adkim);
    add_if_any(published, "aspf", policy.aspf);
    add_if_any(published, "discovery_method", policy.discovery_method);
    add_if_any(published, "fo", policy.fo);
    published.add("testing", policy.testing ? "y" : "n");
  }
  for (const ReportRow& row : report.rows) write_row(feedback, row);
  return xml::to_string(feedback);
}

json::Value to_json(const AggregateReport& report) {
  json::Array errors;
  for (const std::string& error : report.errors) errors.push_back(error);
  json::Array rows;
  for (const ReportRow& row : report.rows) rows.push_back(to_json(row));
  json::Object range{{"begin", report.begin}, {"end", report.end}};
  json::Object metadata{{"org_name", report.org_name},
                        {"email", report.email},
                        {"extra_contact_info", text_or_null(report.extra_contact_info)},
                        {"report_id", report.report_id},
                        {"date_range", std::move(range)},
                        {"error", std::move(errors)},
                        {"generator", text_or_null(report.generator)}};
  return json::Object{{"version", text_or_null(report.version)},
                      {"report_metadata", std::move(metadata)},
                      {"policy_published", to_json(report.policy)},
                      {"record", std::move(rows)},
                      {"extensions", to_json(report.extensions)}};
}

}  // namespace mail::feedback
