// Sockets that accept. On TCP one socket per I/O thread on the same port (SO_REUSEPORT), so that a
// connection is accepted on the thread that will serve it.
// Threads: open, start and stop from the thread that owns the Listener; `on_accept` runs on the
// I/O threads, and may still do so after stop() until they have run what was posted before.
// Errors are sentences for the operator: address in use, permission denied, ...
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "platform/net/address.h"
#include "platform/net/io_thread.h"
#include "platform/net/stream.h"

namespace mail::net {

struct ListenOptions {
  int backlog = 1024;
  // Of accepted sockets; 0: the kernel's, which grows to megabytes behind a peer that reads
  // nothing.
  int send_buffer = 0;
  // Sent to whoever comes while the process has no descriptor left, before hanging up.
  std::string no_descriptor_reply;
};

class Acceptor;

class Listener {
 public:
  // `thread`: the index in the span given to tcp(); 0 on a Unix socket.
  using OnAccept = std::function<void(std::size_t thread, Stream stream)>;

  // Connections wait in the backlog until start(). Port 0: the kernel chooses one, the same for
  // all threads. The threads outlive the listener.
  static Result<std::unique_ptr<Listener>> tcp(std::span<IoThread* const> threads,
                                               const Address& address,
                                               const ListenOptions& options = {});
  // A socket file left behind by a process that is gone is replaced. Paths of any length.
  static Result<std::unique_ptr<Listener>> unix_socket(IoThread& thread,
                                                       const std::filesystem::path& path,
                                                       mode_t mode);
  ~Listener();  // stop()
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start(OnAccept on_accept);  // once
  void stop();                     // closes the sockets; removes the socket file

  const Address& address() const { return address_; }  // with the port that was chosen

 private:
  Listener() = default;
  Address address_;
  std::filesystem::path path_;
  std::vector<IoThread*> threads_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
};

}  // namespace mail::net
