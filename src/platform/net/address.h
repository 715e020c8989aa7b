// Where sockets listen and connect: a numeric IP address and a port.
// Pure but for resolve(), which blocks. Errors: invalid_argument, not_found, with a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::net {

struct Address {
  std::string host;  // "192.0.2.1" or "2001:db8::1", without brackets
  std::uint16_t port = 0;

  bool is_v6() const { return host.find(':') != std::string::npos; }
  std::string text() const;  // "192.0.2.1:25", "[2001:db8::1]:25"
  bool operator==(const Address&) const = default;
};

// "host:port" or "[v6]:port", split but not looked up: `host` may be a name. Port 0 is allowed.
Result<Address> split_host_port(std::string_view text);
// The same, and the host must be an IP address; "localhost" is 127.0.0.1.
Result<Address> parse_address(std::string_view text);

// Looks a name up with the system's resolver; at least one address. For commands only: it blocks,
// and the server asks its own resolver.
Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);

}  // namespace mail::net
