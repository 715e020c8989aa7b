// PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt):
// what a load balancer sends in front of a connection, to say whose it is.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "codec/address/ip_address.h"

namespace mail::proxy {

struct Origin {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const Origin&) const = default;
};

struct Header {
  // Octets that are still of the header, so that nobody reads beyond it; 0: it is whole.
  std::size_t missing = 0;
  // Whose connection it is. Nothing: the balancer's own (LOCAL, a check of its), or it does not
  // know.
  std::optional<Origin> origin;
};

// `begin` is what has come of the header, and no octet more. Fails with bad_syntax as soon as it
// can be none; headers over 4 KiB are refused as well.
Result<Header> parse(std::string_view begin);

}  // namespace mail::proxy
