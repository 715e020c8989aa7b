#include "service/feedback/tls_report.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/envelope/date_time.h"

namespace mail::feedback {
namespace {

std::string text_of(const json::Value& value, std::string_view name) {
  return std::string(value.text_or(name, ""));
}

std::uint64_t count_of(const json::Value& value, std::string_view name) {
  const json::Value* const found = value.find(name);
  const std::int64_t* const count = found == nullptr ? nullptr : found->integer();
  // A lying count is kept so low that the sum of all policies is one too.
  constexpr std::int64_t kMaxCount = 1'000'000'000'000;
  return count == nullptr
             ? 0
             : static_cast<std::uint64_t>(std::clamp<std::int64_t>(*count, 0, kMaxCount));
}

// A list of texts; a single text is a list of one, as some write mx-host.
std::vector<std::string> texts_of(const json::Value& value, std::string_view name) {
  std::vector<std::string> texts;
  const json::Value* const found = value.find(name);
  if (found == nullptr) return texts;
  if (const std::string* text = found->text()) texts.push_back(*text);
  if (const json::Array* array = found->array()) {
    for (const json::Value& one : *array) {
      if (const std::string* text = one.text()) texts.push_back(*text);
    }
  }
  return texts;
}

std::optional<WallTime> time_of(const json::Value& range, std::string_view name) {
  const auto at = parse_date_time(range.text_or(name, ""));
  return at ? std::optional(*at) : std::nullopt;
}

TlsFailure failure_of(const json::Value& value) {
  return {.result_type = text_of(value, "result-type"),
          .sending_mta_ip = text_of(value, "sending-mta-ip"),
          .receiving_mx_hostname = text_of(value, "receiving-mx-hostname"),
          .receiving_mx_helo = text_of(value, "receiving-mx-helo"),
          .receiving_ip = text_of(value, "receiving-ip"),
          .failed_sessions = count_of(value, "failed-session-count"),
          .additional_information = text_of(value, "additional-information"),
          .failure_reason_code = text_of(value, "failure-reason-code")};
}

const json::Array& array_of(const json::Value& value, std::string_view name) {
  static const json::Array kNone;
  const json::Value* const found = value.find(name);
  const json::Array* const array = found == nullptr ? nullptr : found->array();
  return array == nullptr ? kNone : *array;
}

const json::Value& child_of(const json::Value& value, std::string_view name) {
  static const json::Value kNone;
  const json::Value* const found = value.find(name);
  return found == nullptr ? kNone : *found;
}

TlsPolicy policy_of(const json::Value& value) {
  const json::Value& policy = child_of(value, "policy");
  const json::Value& summary = child_of(value, "summary");
  TlsPolicy out{.type = text_of(policy, "policy-type"),
                .policy = texts_of(policy, "policy-string"),
                .domain = text_of(policy, "policy-domain"),
                .mx_hosts = texts_of(policy, "mx-host"),
                .successful_sessions = count_of(summary, "total-successful-session-count"),
                .failed_sessions = count_of(summary, "total-failure-session-count"),
                .failures = {}};
  for (const json::Value& failure : array_of(value, "failure-details")) {
    out.failures.push_back(failure_of(failure));
  }
  return out;
}

void add(json::Object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object.push_back({std::string(name), text});
}
void add(json::Object& object, std::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json::Array array;
  for (const std::string& text : texts) array.push_back(text);
  object.push_back({std::string(name), std::move(array)});
}

json::Value to_json(const TlsFailure& failure) {
  json::Object out;
  add(out, "result-type", failure.result_type);
  add(out, "sending-mta-ip", failure.sending_mta_ip);
  add(out, "receiving-mx-hostname", failure.receiving_mx_hostname);
  add(out, "receiving-mx-helo", failure.receiving_mx_helo);
  add(out, "receiving-ip", failure.receiving_ip);
  out.push_back({"failed-session-count", failure.failed_sessions});
  add(out, "additional-information", failure.additional_information);
  add(out, "failure-reason-code", failure.failure_reason_code);
  return out;
}

json::Value to_json(const TlsPolicy& policy) {
  json::Object stated;
  add(stated, "policy-type", policy.type);
  add(stated, "policy-string", policy.policy);
  add(stated, "policy-domain", policy.domain);
  add(stated, "mx-host", policy.mx_hosts);
  json::Object summary{{"total-successful-session-count", policy.successful_sessions},
                       {"total-failure-session-count", policy.failed_sessions}};
  json::Array failures;
  for (const TlsFailure& failure : policy.failures) failures.push_back(to_json(failure));
  return json::Object{{"policy", std::move(stated)},
                      {"summary", std::move(summary)},
                      {"failure-details", std::move(failures)}};
}

std::string shown(const std::optional<WallTime>& at) {
  std::string out;
  if (at) append_date_time(out, *at);
  return out;
}

}  // namespace

Result<TlsReport> read_tls_report(std::string_view text) {
  if (text.size() > kMaxTlsReport) return fail(Errc::too_large, "a TLS report too large");
  const auto root = json::parse(text);
  if (!root) return std::unexpected(root.error());
  if (root->find("policies") == nullptr) return fail(Errc::bad_syntax, "JSON, but no TLS report");
  TlsReport report;
  report.organization = text_of(*root, "organization-name");
  report.contact = text_of(*root, "contact-info");
  report.report_id = text_of(*root, "report-id");
  const json::Value& range = child_of(*root, "date-range");
  report.begin = time_of(range, "start-datetime");
  report.end = time_of(range, "end-datetime");
  for (const json::Value& policy : array_of(*root, "policies")) {
    report.policies.push_back(policy_of(policy));
  }
  return report;
}

json::Value to_json(const TlsReport& report) {
  json::Object range{{"start-datetime", shown(report.begin)}, {"end-datetime", shown(report.end)}};
  json::Array policies;
  for (const TlsPolicy& policy : report.policies) policies.push_back(to_json(policy));
  json::Object out;
  add(out, "organization-name", report.organization);
  out.push_back({"date-range", std::move(range)});
  add(out, "contact-info", report.contact);
  add(out, "report-id", report.report_id);
  out.push_back({"policies", std::move(policies)});
  return out;
}

}  // namespace mail::feedback
