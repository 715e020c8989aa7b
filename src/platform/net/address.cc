#include "platform/net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <memory>

#include "base/text.h"

namespace mail::net {
namespace {

bool is_ip_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

std::string Address::text() const {
  return is_v6() ? concat('[', host, "]:", port) : concat(host, ':', port);
}

Result<Address> split_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return fail(Errc::invalid_argument,
                concat("\"", text, "\" is not host:port; write 127.0.0.1:2525 or [::1]:2525"));
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) {
    return fail(Errc::invalid_argument,
                concat("\"", text, "\" is ambiguous; write an IPv6 address as [::1]:2525"));
  }
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port > 65535) {
    return fail(Errc::invalid_argument, concat("\"", text, "\" has no port from 0 to 65535"));
  }
  return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

Result<Address> parse_address(std::string_view text) {
  MAIL_TRY(Address address, split_host_port(text));
  if (iequals(address.host, "localhost")) address.host = "127.0.0.1";
  if (!is_ip_address(address.host)) {
    return fail(Errc::invalid_argument,
                concat("\"", address.host, "\" is not an IP address; write 127.0.0.1 or [::1]"));
  }
  return address;
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    return fail(Errc::not_found, concat("cannot look up ", host, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<Address> found;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      found.push_back(Address{text, port});
    }
  }
  if (found.empty()) return fail(Errc::not_found, concat(host, " has no address"));
  return found;
}

}  // namespace mail::net
