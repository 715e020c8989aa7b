// TCP streams for coroutines over Asio, which no header outside this folder sees.
// A Stream lives on the thread of its IoThread; it owns no read buffer while idle. Every wait has
// a deadline, kept by one sweep per thread (1 s), never by a timer per wait.
#pragma once

#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

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

// One I/O thread: an Executor with an event loop, timers and the deadline sweep.
class IoThread;

class Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();  // closes

  // Whether bytes can be read. Fails with deadline_exceeded, closed, io_error.
  Task<Result<void>> readable(MonoTime deadline);
  // What is there now, without waiting; 0 only when nothing is. Fails with closed at the end.
  Result<std::size_t> read_some(std::span<char> into);
  Task<Result<void>> write_all(std::string_view bytes, MonoTime deadline);
  // Runs the handshake of `cipher`, which then carries all bytes.
  Task<Result<void>> secure(std::unique_ptr<Cipher> cipher, MonoTime deadline);
  const Cipher* cipher() const;  // null in the clear

  int native_handle() const;
  std::string peer_address() const;  // "192.0.2.1", without port
  std::uint16_t peer_port() const;
  void close();  // ends every wait with Errc::closed

  struct Impl;
  explicit Stream(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace mail::net
