// Secrets that are kept in a store: sealed by AES-256-GCM (NIST SP 800-38D) under a key that is
// kept elsewhere. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::tls {

class SecretBox {
 public:
  // The key is derived from `secret`, whatever its form (HMAC-SHA-256 with `purpose`).
  SecretBox(std::string_view secret, std::string_view purpose);
  ~SecretBox();  // wipes the key
  SecretBox(const SecretBox&) = delete;
  SecretBox& operator=(const SecretBox&) = delete;

  // In base64. What is sealed for one `context` opens for no other, so that rows cannot be swapped.
  Result<std::string> seal(std::string_view plain, std::string_view context) const;
  // not_allowed: sealed under another key, for another context, or changed since.
  Result<std::string> open(std::string_view sealed, std::string_view context) const;

 private:
  std::array<std::byte, 32> key_{};
};

}  // namespace mail::tls
