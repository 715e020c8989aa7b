// Values of DSN parameters and times: what is taken has no control in it, and what we write of it
// reads the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codec/envelope/date_time.h"
#include "codec/envelope/options.h"
#include "codec/envelope/original_recipient.h"

namespace {

void check_clean(std::string_view text) {
  MAIL_ASSERT(std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto decoded = mail::decode_xtext(text)) {
    check_clean(*decoded);
    std::string wire;
    mail::append_xtext(wire, *decoded);
    MAIL_ASSERT(mail::decode_xtext(wire) == *decoded);
  }
  if (const auto original = mail::parse_original_recipient(text, data[0] % 2 == 1)) {
    check_clean(*original);
  }
  if (const auto at = mail::parse_date_time(text)) {
    std::string wire;
    mail::append_date_time(wire, *at);
    check_clean(wire);
  }
  return 0;
}
