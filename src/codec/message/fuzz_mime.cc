// Any bytes as a message of parts: no part reaches beyond its parent, and decoding adds nothing.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "codec/message/date.h"
#include "codec/message/mime.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  const auto parts = mail::message::parse_mime(content);
  MAIL_ASSERT(!parts.empty());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto& part = parts[i];
    const auto& parent = parts[part.parent];
    MAIL_ASSERT(part.parent < i && part.depth == parent.depth + 1);
    MAIL_ASSERT(part.body.data() + part.body.size() <= parent.body.data() + parent.body.size());
    MAIL_ASSERT(part.header.data() >= parent.body.data());
    MAIL_ASSERT(decode_body(part).size() <= part.body.size() + 2);
  }
  static_cast<void>(mail::message::parse_date(content));
  return 0;
}
