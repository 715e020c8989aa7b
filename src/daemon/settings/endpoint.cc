#include "daemon/settings/endpoint.h"

#include <algorithm>

#include "base/text.h"
#include "codec/address/address.h"
#include "platform/toml/toml.h"

namespace mail {

std::string Endpoint::text() const { return concat(host_text(address.to_string()), ":", port); }

bool Endpoint::is_any() const {
  const std::size_t from = address.is_v4() ? 12 : 0;
  return std::all_of(address.bytes.begin() + from, address.bytes.end(),
                     [](std::uint8_t octet) { return octet == 0; });
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != host.contains(':')) return std::nullopt;
  const auto address = IpAddress::parse(host);
  const auto port = parse_number(text.substr(colon + 1));
  if (!address || !port || *port > 65'535) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string nearest_endpoint(std::string_view text) {
  if (parse_number(text)) return nearest_endpoint(concat(":", text));
  const std::size_t colon = text.rfind(':');
  const std::string_view host = colon == std::string_view::npos ? text : text.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? "25" : text.substr(colon + 1);
  const bool any = host.empty() || host == "*";
  const std::string meant = any                   ? concat("0.0.0.0:", port)
                            : host == "localhost" ? concat("127.0.0.1:", port)
                            : IpAddress::parse(text) && !text.contains(':')
                                ? concat(text, ":25")
                                : concat("[", host, "]:", port);
  return parse_endpoint(meant) ? toml::quoted(meant) : std::string();
}

bool HostAndPort::is_loopback() const {
  if (host == "localhost") return true;
  const auto address = IpAddress::parse(host);
  return address && address->is_loopback();
}

std::optional<HostAndPort> parse_host_and_port(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed) {
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (end != std::string_view::npos) {
    host = text.substr(0, end);
    port = text.substr(end);
  }
  HostAndPort out;
  if (!port.empty()) {
    const auto number = port.front() == ':' ? parse_number(port.substr(1)) : std::nullopt;
    if (!number || *number == 0 || *number > 65'535) return std::nullopt;
    out.port = static_cast<std::uint16_t>(*number);
  }
  if (const auto address = IpAddress::parse(host)) {
    if (bracketed == address->is_v4()) return std::nullopt;
    out.host = address->to_string();
    return out;
  }
  const auto domain = Domain::parse(host);
  // "10.0.0" is a mistake in an address, not a host.
  const bool numbers = host.find_first_not_of("0123456789.") == std::string_view::npos;
  if (bracketed || numbers || !domain || domain->empty() || domain->is_literal()) {
    return std::nullopt;
  }
  out.host = domain->text();
  return out;
}

std::string host_text(std::string_view host) {
  return host.contains(':') ? concat("[", host, "]") : std::string(host);
}

}  // namespace mail
