// The message that carries an aggregate report, and whom it may go to (RFC 7489 §7.2.1, the draft
// of the aggregate format §2.6). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/address/address.h"
#include "service/feedback/aggregate_report.h"

namespace mail::feedback {

struct ReportMail {
  std::string hostname;  // ours: submitter, and the end of Message-ID and report id
  std::string from;      // an address
  std::vector<std::string> to;
  std::string message_id;  // without angle brackets
  WallTime now;
};

// Whole, CRLF line ends, 7 bit. `report` has its rows; its metadata must be set.
std::string compose_report_mail(const AggregateReport& report, const ReportMail& mail);

// The addresses of mailto: URIs, in their order, at most `limit`; others are not served.
std::vector<Mailbox> report_addresses(const std::vector<std::string>& uris, std::size_t limit);
// Where a domain says that it takes reports about another (RFC 7489 §7.1); nothing: it is within
// the same organizational domain as the policy and need not say so.
std::optional<std::string> consent_name(std::string_view policy_domain, std::string_view org_domain,
                                        std::string_view destination);

}  // namespace mail::feedback
