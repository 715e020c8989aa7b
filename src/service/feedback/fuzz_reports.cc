// Any bytes as a message that may carry a report.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "service/feedback/reports.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  const mail::feedback::Reports reports = mail::feedback::read_reports(content);
  for (const mail::feedback::Report& report : reports.found) {
    if (const auto* aggregate = std::get_if<mail::feedback::AggregateReport>(&report)) {
      // What was read can be written, and is read again as the same.
      if (aggregate->rows.empty()) continue;
      const auto again =
          mail::feedback::read_aggregate_report(mail::feedback::write_aggregate_report(*aggregate));
      MAIL_ASSERT(!again || again->rows.size() == aggregate->rows.size());
    }
  }
  return 0;
}
