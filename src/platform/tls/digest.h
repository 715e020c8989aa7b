// Keyed digests by OpenSSL. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mail::tls {

// HMAC-SHA-256 (RFC 2104).
std::array<std::uint8_t, 32> hmac_sha256(std::span<const std::byte> key, std::string_view bytes);

// HMAC-SHA-1, for SRS as postsrsd makes it and nothing else.
std::array<std::uint8_t, 20> hmac_sha1(std::string_view key, std::string_view bytes);

// HMAC-MD5, for CRAM-MD5 (RFC 2195) and nothing else.
std::array<std::uint8_t, 16> hmac_md5(std::string_view key, std::string_view bytes);

// The state of HMAC-MD5 once it has seen the key (RFC 2104 §4): enough to sign, and no way back to
// the key but by guessing. In hex, the outer state first, as Dovecot's {CRAM-MD5} has it.
std::string hmac_md5_state(std::string_view key);
// Nothing if `state` is none.
std::optional<std::array<std::uint8_t, 16>> hmac_md5_from(std::string_view state,
                                                          std::string_view bytes);

bool equal_in_constant_time(std::string_view a, std::string_view b);  // but for their sizes

}  // namespace mail::tls
