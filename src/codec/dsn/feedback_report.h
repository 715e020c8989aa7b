// Abuse reports (ARF, RFC 5965; authentication failures, RFC 6591), read from the message that
// carries one. Pure; every value is a stranger's word, as it stood, unfolded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace mail::dsn {

struct FeedbackReport {
  std::string feedback_type;  // lower case: "abuse", "fraud", "auth-failure", "not-spam"
  std::string user_agent;
  std::uint64_t version = 0;
  std::optional<WallTime> arrival;  // Arrival-Date, or the Received-Date of older drafts
  std::uint64_t incidents = 1;
  std::string original_envelope_id;
  std::string original_mail_from;
  std::vector<std::string> original_recipients;
  std::vector<std::string> authentication_results;
  std::vector<std::string> reported_domains;
  std::vector<std::string> reported_uris;
  std::string reporting_mta;  // without its type
  std::string source_ip;      // without comments
  std::uint64_t source_port = 0;

  // RFC 6591 §3.2
  std::string auth_failure;  // lower case
  std::string delivery_result;
  std::string identity_alignment;
  std::string dkim_adsp_dns;
  std::string dkim_canonicalized_body;  // base64, without its folds
  std::string dkim_canonicalized_header;
  std::string dkim_domain;
  std::string dkim_identity;
  std::string dkim_selector;
  std::string dkim_selector_dns;
  std::string spf_dns;

  // Of the message complained of, as far as it came along; its body is not kept.
  std::string original_header;
};

inline constexpr std::size_t kMaxListed = 100;  // values of a field that may come again

// `content`: the whole message, CRLF line ends. Nothing: it is no such report.
std::optional<FeedbackReport> parse_feedback_report(std::string_view content);

}  // namespace mail::dsn
