// Socket calls with owned descriptors and sentences for errors. For the .cc files of this folder.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <string>
#include <utility>

#include "base/result.h"
#include "platform/net/address.h"

namespace mail::net {

class Fd {  // owns a descriptor
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd();
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  Address to_address() const;  // host "" for what is not IP
};
Result<SocketAddress> to_socket_address(const Address& address);

// sun_path holds 107 octets; longer paths go through a descriptor of their directory, which this
// keeps open as long as the address is used.
struct UnixAddress {
  Fd directory;
  sockaddr_un name{};
};
Result<UnixAddress> to_unix_address(const std::filesystem::path& path);

Result<Fd> make_socket(int family);  // non-blocking, closed on exec

// "Address already in use", for sentences.
std::string errno_text(int number);

}  // namespace mail::net
