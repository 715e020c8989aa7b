// SMTP TLS reports (RFC 8460 §4): read from the JSON of others. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "platform/json/json.h"

namespace mail::feedback {

struct TlsFailure {
  std::string result_type;
  std::string sending_mta_ip;
  std::string receiving_mx_hostname;
  std::string receiving_mx_helo;
  std::string receiving_ip;
  std::uint64_t failed_sessions = 0;
  std::string additional_information;
  std::string failure_reason_code;
};

struct TlsPolicy {
  std::string type;  // "tlsa", "sts", "no-policy-found", or what the reporter made up
  std::vector<std::string> policy;
  std::string domain;
  std::vector<std::string> mx_hosts;
  std::uint64_t successful_sessions = 0;
  std::uint64_t failed_sessions = 0;
  std::vector<TlsFailure> failures;
};

struct TlsReport {
  std::string organization;
  std::string contact;
  std::string report_id;
  std::optional<WallTime> begin;
  std::optional<WallTime> end;
  std::vector<TlsPolicy> policies;
};

inline constexpr std::size_t kMaxTlsReport = std::size_t{2} << 20;  // octets of JSON

// Fails with bad_syntax where it is no such report, with too_large over kMaxTlsReport.
Result<TlsReport> read_tls_report(std::string_view text);
json::Value to_json(const TlsReport& report);  // in the form of RFC 8460 §4.4

}  // namespace mail::feedback
