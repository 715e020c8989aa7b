// Any bytes as a line on the control socket, from either end.
#include <cstdint>

#include "daemon/ctl/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto request = mail::ctl::parse_request(line)) {
    const std::string again = mail::ctl::to_line(*request);
    const auto second =
        mail::ctl::parse_request(std::string_view(again).substr(0, again.size() - 1));
    MAIL_ASSERT(again.size() > mail::ctl::kMaxRequestLine || second.has_value());
  }
  if (const auto header = mail::ctl::parse_header(line)) {
    MAIL_ASSERT(mail::ctl::parse_header(mail::ctl::to_line(*header)).has_value());
  }
  return 0;
}
