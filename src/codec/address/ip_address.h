// IP addresses and networks as values (RFC 4291, RFC 5321 §4.1.3 for the literal forms).
// Pure; IPv4 is held as ::ffff:a.b.c.d so that one comparison serves both families.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  // "192.0.2.1", "2001:db8::1"; no brackets, no zone. Fails with bad_syntax.
  static Result<IpAddress> parse(std::string_view text);
  // RFC 5321 §4.1.3, as it stands in commands: "[192.0.2.1]", "[IPv6:2001:db8::1]". Fails with
  // bad_syntax.
  static Result<IpAddress> parse_literal(std::string_view text);
  bool is_v4() const;
  bool is_loopback() const;        // 127.0.0.0/8, ::1
  std::string to_string() const;   // shortest form, RFC 5952
  std::string to_literal() const;  // "[192.0.2.1]", "[IPv6:2001:db8::1]"
  auto operator<=>(const IpAddress&) const = default;
};

struct IpNetwork {
  IpAddress address;
  std::uint8_t prefix = 128;  // bits of the 16-byte form

  // "127.0.0.0/8", "::1/128", or an address alone. Host bits that are set: bad_syntax.
  static Result<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& candidate) const;
};

}  // namespace mail
