// DMARC aggregate reports (RFC 7489 §7.2, appendix C, and the draft of the aggregate format that
// follows it): read from the XML of others, written for others, shown as JSON.
// Pure. What a reporter wrote is a stranger's word; words of closed lists (results, dispositions)
// are lower case, and empty where the report says something else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/json/json.h"

namespace mail::feedback {

// A report of more is not read: what becomes of it in memory is many times what stands in a mail.
inline constexpr std::size_t kMaxRowsRead = 10'000;
inline constexpr std::size_t kMaxElements = 25 * kMaxRowsRead;
// Of the year 9999: what lies behind it is no date of a report.
inline constexpr std::int64_t kLastSecond = 253'402'300'799;

struct PolicyOverride {
  std::string type;  // "other" where it is none of the list
  std::string comment;
  auto operator<=>(const PolicyOverride&) const = default;
};
struct AuthResult {
  std::string domain;
  std::string selector{};  // DKIM
  std::string scope{};     // SPF: "mfrom", "helo" or nothing
  std::string result;
  std::string human_result{};
  auto operator<=>(const AuthResult&) const = default;
};
struct Extension {
  std::string name;
  std::string definition;
};

struct ReportRow {
  std::string source_ip;
  std::uint64_t count = 0;
  std::string disposition;  // none, pass, quarantine, reject
  std::string dkim;         // aligned: pass, fail
  std::string spf;
  std::vector<PolicyOverride> reasons;
  std::string header_from;
  std::string envelope_from;
  std::string envelope_to;
  std::vector<AuthResult> dkim_results;
  std::vector<AuthResult> spf_results;
  std::vector<Extension> extensions;
};

struct PublishedPolicy {
  std::string domain;
  std::string version;
  std::string adkim;  // r, s or nothing
  std::string aspf;
  std::string p;
  std::string sp;
  std::string np;
  bool testing = false;
  std::string discovery_method;
  std::string fo;
};

struct AggregateReport {
  std::string version;
  std::string org_name;
  std::string email;
  std::string extra_contact_info;
  std::string report_id;
  std::int64_t begin = 0;  // seconds since 1970, UTC; as read from 0 to kLastSecond
  std::int64_t end = 0;
  std::vector<std::string> errors;
  std::string generator;
  PublishedPolicy policy;
  std::vector<ReportRow> rows;
  std::vector<Extension> extensions;
};

// Fails with bad_syntax where it is no report, too_large over the limits of platform/xml.
Result<AggregateReport> read_aggregate_report(std::string_view xml);
// As the schema of the draft has it; rows must not be empty.
std::string write_aggregate_report(const AggregateReport& report);
json::Value to_json(const AggregateReport& report);

}  // namespace mail::feedback
