#include "platform/net/loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/text.h"
#include "platform/net/stream_impl.h"

namespace mail::net {
namespace {

constexpr std::size_t kEventsAtOnce = 128;  // then what was posted gets its turn
constexpr std::uint32_t kWake = 0;          // the place of the eventfd; nobody hears of it

epoll_event event_of(Loop::Key key, std::uint32_t events) {
  epoll_event event{};
  event.events = events | EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
  event.data.u64 = key;
  return event;
}

std::uint32_t place_of(Loop::Key key) { return static_cast<std::uint32_t>(key); }

Fd opened(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return Fd(fd);
}

}  // namespace

Loop::Loop(const Clock& the_clock)
    : clock(the_clock),
      epoll_(opened(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(opened(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event = event_of(kWake, EPOLLIN);
  const int added = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  if (added != 0) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  after(std::chrono::seconds(1), [this] { every_second(); });
}

Loop::~Loop() = default;

void Loop::run() {
  while (!stopped_) run_once();
}

void Loop::run_once() {
  const bool ran = run_posted();
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 ran ? 0 : until_due());
  asleep_ = false;
  run_due();
  for (int i = 0; i < count; ++i) tell(events[i]);
}

void Loop::stop() {
  stopped_ = true;
  wake();
}

void Loop::post(Work work) {
  bool asleep = false;
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    asleep = asleep_.exchange(false);
  }
  if (asleep) wake();
}

// Edge-triggered, so each write is an event, and nobody has to read them away.
void Loop::wake() { ::eventfd_write(wake_.get(), 1); }

// Whether there was any. Otherwise whoever posts from here on wakes the loop.
bool Loop::run_posted() {
  std::vector<Work> now = std::exchange(spare_, {});  // not a member: work may run the loop
  {
    const std::lock_guard lock(mutex_);
    now.swap(posted_);
    asleep_ = now.empty();
  }
  for (Work& work : now) std::exchange(work, nullptr)();
  const bool ran = !now.empty();
  now.clear();
  spare_ = std::move(now);
  return ran;
}

void Loop::after(std::chrono::milliseconds delay, Work work) {
  timers_.emplace(RealClock::now() + delay, std::move(work));
}

int Loop::until_due() const {
  if (timers_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - RealClock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void Loop::run_due() {
  if (timers_.empty()) return;
  const auto now = RealClock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

void Loop::every_second() {
  sweep();
  for (const auto& work : each_second) work();
  after(std::chrono::seconds(1), [this] { every_second(); });
}

void Loop::sweep() {
  const MonoTime now = clock.mono_now();
  for (Stream::Impl* stream = waits; stream != nullptr; stream = stream->next) {
    if (stream->deadline <= now) stream->end_wait(Errc::deadline_exceeded);
  }
}

void Loop::tell(const epoll_event& event) {
  const Key key = event.data.u64;
  const Place place = places_[place_of(key)];  // may have gone by what an event before it did
  if (place.watched != nullptr && place.uses == key >> 32) place.watched->happened(event.events);
}

Result<Loop::Key> Loop::watch(int fd, Watched* watched) {
  if (vacant_.empty()) {
    vacant_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t at = vacant_.back();
  const Key key = Key{places_[at].uses} << 32 | at;
  epoll_event event = event_of(key, EPOLLIN);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail(Errc::io_error, concat("cannot watch a socket: ", errno_text(errno)));
  }
  vacant_.pop_back();
  places_[at].watched = watched;
  return key;
}

Result<void> Loop::arm(int fd, Key key, std::uint32_t events) {
  epoll_event event = event_of(key, events);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return fail(Errc::io_error, concat("cannot wait for a socket: ", errno_text(errno)));
  }
  return {};
}

void Loop::forget(Key key) {
  Place& place = places_[place_of(key)];
  place.watched = nullptr;
  ++place.uses;
  vacant_.push_back(place_of(key));
}

}  // namespace mail::net
