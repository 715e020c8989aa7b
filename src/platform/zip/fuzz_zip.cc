// Any octets as a zip archive: whatever it says of itself, no more is unpacked than the limits let.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "platform/zip/zip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view archive(reinterpret_cast<const char*>(data), size);
  constexpr mail::zip::Limits kLimits{.max_files = 4, .max_bytes = 10'000};
  const auto files = mail::zip::unpack(archive, kLimits);
  if (!files) return 0;
  MAIL_ASSERT(files->size() <= kLimits.max_files);
  std::size_t unpacked = 0;
  for (const mail::zip::File& file : *files) {
    MAIL_ASSERT(!file.name.ends_with('/'));
    unpacked += file.content.size();
  }
  MAIL_ASSERT(unpacked <= kLimits.max_bytes);
  return 0;
}
