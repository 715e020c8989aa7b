#include "platform/tls/digest.h"

#include <openssl/hmac.h>

#include "base/result.h"

namespace mail::tls {

std::array<std::uint8_t, 32> hmac_sha256(std::span<const std::byte> key, std::string_view bytes) {
  std::array<std::uint8_t, 32> out{};
  unsigned int size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data,
                                   bytes.size(), out.data(), &size);
  MAIL_ASSERT(made != nullptr && size == out.size());  // fails without memory only
  return out;
}

}  // namespace mail::tls
