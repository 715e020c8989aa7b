// The event loop of an IoThread: sockets, work posted to it, timers. For the .cc files of this
// folder. Each socket is registered once, edge-triggered, so that a wait costs no system call; a
// socket that is closed leaves by itself (docs/decisions/0026). Threads: post() and stop() from
// any; the rest on the thread that runs the loop, or before it runs and after.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "platform/net/socket.h"
#include "platform/net/stream.h"

namespace mail::net {

class Watched {
 public:
  // `events` (EPOLLIN, EPOLLOUT, ...) are true since they were last told, or since arm(). It may
  // destroy what was watched.
  virtual void happened(std::uint32_t events) = 0;

 protected:
  ~Watched() = default;
};

class Loop {
 public:
  explicit Loop(const Clock& the_clock);  // throws std::system_error where no descriptor is left
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();       // until stop()
  void run_once();  // what was posted, what is due, what happened; waits where there is none of it
  void stop();

  void post(Work work);  // in the order posted
  void after(std::chrono::milliseconds delay, Work work);

  // Names what is watched to the kernel: neither a pointer, which an event may outlive, nor the
  // descriptor, which the next connection may have.
  using Key = std::uint64_t;
  // From now on `watched` hears when `fd` can be read, of urgent octets and of its end. What there
  // is to read already is told as well. Fails with io_error.
  Result<Key> watch(int fd, Watched* watched);
  // Tells again what is true already of reading, its end, and `events`, and each that becomes true.
  Result<void> arm(int fd, Key key, std::uint32_t events);
  void forget(Key key);  // before `fd` is closed: it hears no more

  // Ends the waits whose deadline has passed; the loop does so once a second, then `each_second`.
  void sweep();

  const Clock& clock;
  std::vector<std::function<void()>> each_second;
  Stream::Impl* waits = nullptr;  // all streams somebody waits for; an intrusive list

 private:
  using RealClock = std::chrono::steady_clock;
  struct Place {
    Watched* watched = nullptr;
    std::uint32_t uses = 0;  // an event for an earlier one is nobody's
  };

  void every_second();
  void wake();
  bool run_posted();
  int until_due() const;  // milliseconds, -1: nothing is
  void run_due();
  void tell(const epoll_event& event);

  Fd epoll_;
  Fd wake_;  // an eventfd, at the first place
  std::vector<Place> places_{1};
  std::vector<std::uint32_t> vacant_;
  std::atomic<bool> stopped_ = false;

  std::mutex mutex_;
  // Below: what is dropped with the loop may own what is watched.
  std::multimap<RealClock::time_point, Work> timers_;
  std::vector<Work> posted_;          // guarded by mutex_
  std::vector<Work> spare_;           // an empty one, for its room
  std::atomic<bool> asleep_ = false;  // set under mutex_: who posts has to wake it
};

}  // namespace mail::net
