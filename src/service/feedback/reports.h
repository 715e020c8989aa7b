// What others report to us by mail, taken out of the message that carries it: complaints (ARF),
// DMARC aggregate reports and TLS reports, attached plain, as gzip or as zip, whatever the
// attachment is called. Pure; bounded in what is unpacked.
#pragma once

#include <cstddef>
#include <string_view>
#include <variant>
#include <vector>

#include "codec/dsn/feedback_report.h"
#include "service/feedback/aggregate_report.h"
#include "service/feedback/tls_report.h"

namespace mail::feedback {

inline constexpr std::size_t kMaxAttachments = 10;
inline constexpr std::size_t kMaxUnpacked = std::size_t{16} << 20;  // octets, of all attachments

using Report = std::variant<dsn::FeedbackReport, AggregateReport, TlsReport>;

struct Reports {
  std::vector<Report> found;
  std::vector<std::string> problems;  // of attachments that looked like a report, a sentence each
};
// `content`: the whole message, CRLF line ends.
Reports read_reports(std::string_view content);

}  // namespace mail::feedback
