// Any bytes to the JSON parser. What parses is written and read back to the same text.
#include <cstdint>

#include "platform/json/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string quoted;
  mail::json::append_string(quoted, text);
  MAIL_ASSERT(mail::json::parse(quoted).has_value());  // whatever the bytes, the text is valid
  const mail::Result<mail::json::Value> value = mail::json::parse(text);
  if (!value) return 0;
  const std::string written = mail::json::to_string(*value);
  const mail::Result<mail::json::Value> again = mail::json::parse(written);
  MAIL_ASSERT(again.has_value() && mail::json::to_string(*again) == written);
  return 0;
}
