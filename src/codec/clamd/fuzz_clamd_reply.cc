// Whatever clamd answers: no crash, and what it found is printable.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codec/clamd/clamd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto answer = mail::clamd::parse_answer(input);
  if (answer && *answer) {
    MAIL_ASSERT(
        std::ranges::all_of((*answer)->found, [](char c) { return c >= 0x20 && c <= 0x7E; }));
  }
  return 0;
}
