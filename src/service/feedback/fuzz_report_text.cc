// Any octets as the text of a report, without the mail around it: DMARC's XML or the JSON of TLS.
// What is read has a row that can be kept, whatever dates and counts it lies about; an aggregate
// report is written as something that is read the same again.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/text.h"
#include "platform/json/json.h"
#include "service/feedback/aggregate_report.h"
#include "service/feedback/report_store.h"
#include "service/feedback/reports.h"
#include "service/feedback/tls_report.h"

namespace feedback = mail::feedback;

namespace {

constexpr mail::WallTime kNow{std::chrono::seconds(1'790'000'000)};

void keep(const feedback::Report& report) {
  const feedback::ReceivedReport row = feedback::received(report, "carrier", kNow, false);
  constexpr mail::WallTime kLast{std::chrono::seconds(253'402'300'799)};
  MAIL_ASSERT(row.begin >= mail::WallTime{} && row.begin <= kLast);
  MAIL_ASSERT(row.end >= mail::WallTime{} && row.end <= kLast);
  MAIL_ASSERT(mail::json::parse(row.content).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto report = feedback::read_tls_report(text)) keep(*report);
  const auto report = feedback::read_aggregate_report(text);
  if (!report) return 0;
  keep(*report);
  if (report->rows.empty()) return 0;
  const auto again = feedback::read_aggregate_report(feedback::write_aggregate_report(*report));
  MAIL_ASSERT(again && again->rows.size() == report->rows.size());
  MAIL_ASSERT(again->begin == report->begin && again->end == report->end);
  for (std::size_t i = 0; i < report->rows.size(); ++i) {
    MAIL_ASSERT(again->rows[i].count == report->rows[i].count);
    MAIL_ASSERT(again->rows[i].dkim == report->rows[i].dkim);
    MAIL_ASSERT(again->rows[i].spf == report->rows[i].spf);
  }
  return 0;
}
