// What an IoThread and the streams on it share. For the .cc files of this folder.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "platform/net/asio.h"
#include "platform/net/stream.h"

namespace mail::net {

struct Loop {
  explicit Loop(const Clock& the_clock) : clock(the_clock), timer(io.get_executor()) { arm(); }

  void sweep();
  void arm();

  const Clock& clock;
  asio::io_context io{1};  // one thread runs it
  Timer timer;
  std::vector<std::function<void()>> each_second;
  Stream::Impl* waits = nullptr;  // all streams somebody waits for; an intrusive list
};

// Ready: what `type` names may be tried now. Each stream has at most one waiter.
struct Stream::Impl {
  Impl(Loop& the_loop, Address the_peer)
      : loop(the_loop), descriptor(the_loop.io.get_executor()), peer(std::move(the_peer)) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void begin_wait(WaitType type, MonoTime until, std::coroutine_handle<> caller);
  void end_wait(Errc why);  // the waiter resumes with `why`, from the loop
  void ready(const error_code& error);
  Result<void> outcome();

  struct Wait {
    Impl& impl;
    WaitType type;
    MonoTime deadline;
    bool await_ready() const { return impl.closed; }
    void await_suspend(std::coroutine_handle<> caller) { impl.begin_wait(type, deadline, caller); }
    Result<void> await_resume() { return impl.outcome(); }
  };
  Wait wait(WaitType type, MonoTime until) { return Wait{*this, type, until}; }

  Loop& loop;
  Descriptor descriptor;
  int fd = -1;
  Address peer;  // empty host: a Unix socket
  std::unique_ptr<Cipher> cipher;
  bool closed = false;
  bool more_inside = false;  // the cipher may hold bytes that no poll of the socket shows
  WaitType read_waits_for = WaitType::wait_read;  // TLS may have to write before it can read
  WaitType write_waits_for = WaitType::wait_write;

  std::coroutine_handle<> waiter;
  MonoTime deadline;
  std::optional<Errc> ended_by;
  Impl* previous = nullptr;
  Impl* next = nullptr;
};

// Takes `fd`, a non-blocking socket, also when it fails.
Result<Stream> make_stream(Loop& loop, int fd, Address peer);

// "Address already in use", for sentences.
std::string errno_text(int number);

}  // namespace mail::net
