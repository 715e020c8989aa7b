// PROXY headers read as a driver does: what is missing never leads beyond the header, and the whole
// header reads the same however it came.
#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/proxy/proxy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string begin;
  for (;;) {
    const auto header = mail::proxy::parse(begin);
    if (!header) return 0;
    if (header->missing == 0) break;
    if (begin.size() + header->missing > input.size()) return 0;
    begin += input.substr(begin.size(), header->missing);
  }
  MAIL_ASSERT(begin.size() >= 15 && begin.size() <= 4096);
  for (std::size_t cut = 0; cut < begin.size() && cut < 128; ++cut) {
    const auto part = mail::proxy::parse(std::string_view(begin).substr(0, cut));
    MAIL_ASSERT(part && part->missing > 0 && cut + part->missing <= begin.size());
  }
  return 0;
}
