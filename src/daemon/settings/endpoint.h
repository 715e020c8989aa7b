// Internal to daemon/settings: addresses with a port, as the file writes them.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/address/ip_address.h"

namespace mail {

// "0.0.0.0:25", "[::]:25".
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  std::string text() const;
  bool is_any() const;  // every address of its family
};
std::optional<Endpoint> parse_endpoint(std::string_view text);
// For what others write: "25", ":25", "*:25", "localhost:25", "::1:25"; "" where nothing is near.
std::string nearest_endpoint(std::string_view text);

// "smarthost.test:587", "192.0.2.1", "[::1]:25". The host comes without brackets, in lower case.
struct HostAndPort {
  std::string host;
  std::optional<std::uint16_t> port;  // never 0

  bool is_loopback() const;  // what is sent there does not leave this machine
};
std::optional<HostAndPort> parse_host_and_port(std::string_view text);
// The host as it stands before a port: IPv6 in brackets.
std::string host_text(std::string_view host);

}  // namespace mail
