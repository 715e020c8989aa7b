// Any text as a hash of another server: nothing crashes, and what is taken stood at its end.
#include <cstddef>
#include <cstdint>

#include "platform/password/import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto hash = mail::password::parse_imported(text);
  if (!hash) {
    MAIL_ASSERT(hash.error().code == mail::Errc::invalid_argument);
    MAIL_ASSERT(!hash.error().detail.empty());
    return 0;
  }
  MAIL_ASSERT(hash->starts_with('$') && text.ends_with(*hash));
  MAIL_ASSERT(hash->size() == text.size() || text.starts_with('{'));
  return 0;
}
