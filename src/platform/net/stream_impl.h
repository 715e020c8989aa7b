// What a Stream is made of. For the .cc files of this folder.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "platform/net/address.h"
#include "platform/net/loop.h"
#include "platform/net/socket.h"
#include "platform/net/stream.h"

namespace mail::net {

// Each stream has at most one waiter: it resumes when what it waits for (EPOLLIN, EPOLLOUT) may be
// tried.
struct Stream::Impl final : Watched {
  Impl(Loop& the_loop, Address the_peer) : loop(the_loop), peer(std::move(the_peer)) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void happened(std::uint32_t events) override;
  void has_read(bool all_there_was) { drained = all_there_was && !stops_short; }
  void begin_wait(std::uint32_t what, MonoTime until, std::coroutine_handle<> caller);
  void end_wait(Errc why);  // the waiter resumes with `why`, from the loop
  void resume();
  void close_socket();  // a wait stays
  Result<void> outcome();

  struct Wait {
    Impl& impl;
    std::uint32_t what;
    MonoTime deadline;
    bool await_ready() const { return impl.closed; }
    void await_suspend(std::coroutine_handle<> caller) { impl.begin_wait(what, deadline, caller); }
    Result<void> await_resume() { return impl.outcome(); }
  };
  Wait wait(std::uint32_t what, MonoTime until) { return Wait{*this, what, until}; }

  Loop& loop;
  Fd fd;  // none: closed
  Loop::Key key = 0;
  Address peer;  // empty host: a Unix socket
  std::unique_ptr<Cipher> cipher;
  bool closed = false;
  bool more_inside = false;  // the cipher may hold bytes that no poll of the socket shows
  std::uint32_t read_waits_for = EPOLLIN;  // TLS may have to write before it can read
  std::uint32_t write_waits_for = EPOLLOUT;
  bool drained =
      true;  // all was read that had come, nothing has happened since: an event tells more
  // The peer's end, an error or an urgent octet has been told of: a read may stop short of what
  // there is, with no event to come.
  bool stops_short = false;

  std::coroutine_handle<> waiter;
  std::uint32_t waits_for = 0;
  MonoTime deadline;
  std::optional<Errc> ended_by;
  Impl* previous = nullptr;
  Impl* next = nullptr;
};

// Of a non-blocking socket.
Result<Stream> make_stream(Loop& loop, Fd socket, Address peer);

}  // namespace mail::net
