#include "platform/net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/text.h"

namespace mail::net {

Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

Address SocketAddress::to_address() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return {text, ntohs(v4->sin_port)};
  }
  if (family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return {text, ntohs(v6->sin6_port)};
  }
  return {};
}

Result<SocketAddress> to_socket_address(const Address& address) {
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    out.size = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    out.size = sizeof(sockaddr_in6);
  } else {
    return fail(Errc::invalid_argument, concat("\"", address.host, "\" is not an IP address"));
  }
  return out;
}

Result<UnixAddress> to_unix_address(const std::filesystem::path& path) {
  UnixAddress out;
  out.name.sun_family = AF_UNIX;
  std::string text = path.string();
  if (text.size() >= sizeof out.name.sun_path) {
    std::string directory = path.parent_path().string();
    if (directory.empty()) directory = ".";
    out.directory = Fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.directory) {
      return fail(errno == ENOENT ? Errc::not_found : Errc::io_error,
                  concat("cannot open ", directory, ": ", errno_text(errno)));
    }
    text = concat("/proc/self/fd/", out.directory.get(), '/', path.filename().string());
    if (text.size() >= sizeof out.name.sun_path) {
      return fail(Errc::invalid_argument,
                  concat("the socket name ", path.string(), " is too long"));
    }
  }
  std::memcpy(out.name.sun_path, text.c_str(), text.size() + 1);
  return out;
}

Result<Fd> make_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Errc::io_error, concat("cannot make a socket: ", errno_text(errno)));
  return fd;
}

std::string errno_text(int number) { return std::generic_category().message(number); }

}  // namespace mail::net
