// Whatever JSON rspamd answers: no crash, words for the client are one printable line.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "service/neighbours/rspamd_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = mail::parse_rspamd_answer({reinterpret_cast<const char*>(data), size});
  if (answer) {
    MAIL_ASSERT(
        std::ranges::all_of(answer->message, [](char c) { return c >= 0x20 && c <= 0x7E; }));
    MAIL_ASSERT(answer->changes.size() <= 1000);
  }
  return 0;
}
