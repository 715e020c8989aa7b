// Any octets as gzip: no more comes out than the limit lets; any octets at all there and back.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "platform/zlib/gzip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kMost = 100'000;
  const auto text = mail::gzip::decompress(bytes, kMost);
  if (text) MAIL_ASSERT(text->size() <= kMost);
  const auto back = mail::gzip::decompress(mail::gzip::compress(bytes), size);
  MAIL_ASSERT(back && *back == bytes);
  return 0;
}
