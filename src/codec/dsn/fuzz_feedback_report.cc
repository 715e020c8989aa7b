// Any octets as a message that may be a complaint (ARF): its lists are bounded, its words are lower
// case where they are of a list.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/text.h"
#include "codec/dsn/feedback_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = [](std::string_view content) {
    const auto report = mail::dsn::parse_feedback_report(content);
    if (!report) return;
    MAIL_ASSERT(!report->feedback_type.empty());
    MAIL_ASSERT(mail::to_lower(report->feedback_type) == report->feedback_type);
    for (const auto* list : {&report->original_recipients, &report->authentication_results,
                             &report->reported_domains, &report->reported_uris}) {
      MAIL_ASSERT(list->size() <= mail::dsn::kMaxListed);
    }
    MAIL_ASSERT(report->original_header.size() <= content.size());
  };
  read(text);
  // The fields alone, in a part of their own.
  read(
      mail::concat("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
                   "Content-Type: message/feedback-report\r\n\r\n",
                   text, "\r\n--b--\r\n"));
  return 0;
}
