// TCP streams for coroutines.
// A Stream lives on the thread of its IoThread; it owns no read buffer while idle. Every wait has
// a deadline, kept by one sweep per thread (1 s), never by a timer per wait.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"
#include "platform/net/address.h"

namespace mail::net {

// What lies between a stream and its socket once TLS has begun (platform/tls). Non-blocking.
enum class Want : std::uint8_t { done, read, write, closed, failed };
class Cipher {
 public:
  virtual ~Cipher() = default;
  virtual Want handshake() = 0;
  virtual Want read(std::span<char> into, std::size_t* got) = 0;
  virtual Want write(std::span<const char> from, std::size_t* put) = 0;
  virtual void close_notify() = 0;
  virtual std::string version() const = 0;  // "TLSv1.3"
  virtual std::string cipher() const = 0;   // "TLS_AES_256_GCM_SHA384"
  virtual std::string last_error() const = 0;
};

// Who is at the other end of a Unix socket, as the kernel says.
struct PeerUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
};

// At most one wait at a time: a stream is served by one task.
class Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();  // closes

  // Waits until bytes may be there to read. Fails with deadline_exceeded, closed, io_error.
  Task<Result<void>> readable(MonoTime deadline);
  // What is there now, without waiting; 0 only when nothing is. Fails with closed at the end.
  Result<std::size_t> read_some(std::span<char> into);
  // What the socket takes now, without waiting; 0 when it takes nothing.
  Result<std::size_t> write_some(std::string_view bytes);
  Task<Result<void>> write_all(std::string_view bytes, MonoTime deadline);
  // Runs the handshake of `cipher`, which then carries all bytes.
  Task<Result<void>> secure(std::unique_ptr<Cipher> cipher, MonoTime deadline);
  const Cipher* cipher() const;                     // null in the clear
  Task<Result<void>> connected(MonoTime deadline);  // for connect()

  int native_handle() const;
  std::string peer_address() const;  // "192.0.2.1", without port; "" on a Unix socket
  std::uint16_t peer_port() const;
  Result<PeerUser> peer_user() const;  // Unix sockets only
  // Ends the wait under way with Errc::unavailable; the stream stays usable.
  void interrupt();
  void finish_writing();  // the peer reads an end; we may go on reading
  void close();           // ends every wait with Errc::closed

  struct Impl;
  explicit Stream(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace mail::net
