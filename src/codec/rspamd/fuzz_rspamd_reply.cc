// Whatever comes back: no crash, and the same body however it is cut.
#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/rspamd/http.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  mail::rspamd::ResponseReader whole;
  const auto at_once = whole.consume(input);
  mail::rspamd::ResponseReader pieces;
  mail::Result<bool> by_octet = false;
  for (std::size_t i = 0; i < input.size() && by_octet && !*by_octet; ++i) {
    by_octet = pieces.consume(input.substr(i, 1));
  }
  MAIL_ASSERT(at_once.has_value() == by_octet.has_value());
  if (at_once) MAIL_ASSERT(*at_once == *by_octet && whole.body() == pieces.body());
  return 0;
}
