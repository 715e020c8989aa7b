// Keyed digests by OpenSSL. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace mail::tls {

// HMAC-SHA-256 (RFC 2104).
std::array<std::uint8_t, 32> hmac_sha256(std::span<const std::byte> key, std::string_view bytes);

}  // namespace mail::tls
