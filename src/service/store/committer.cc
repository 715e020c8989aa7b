#include "service/store/committer.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>

namespace mail {
namespace {

std::unexpected<Error> unhealthy() {
  return fail(Errc::store_unhealthy, "a write failed; the store is being reopened");
}

}  // namespace

Committer::Committer(GroupWriter& writer, std::size_t group_bytes, Milliseconds tick)
    : writer_(writer), group_bytes_(group_bytes), tick_(tick), thread_([this] { serve(); }) {}

Committer::~Committer() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void Committer::report_failure() {
  const Lock lock(mutex_);
  broken_ = true;
  wake_ = true;
  changed_.notify_one();
}

bool Committer::submit(Change& change, std::coroutine_handle<> caller, Executor* home) {
  Lock lock(mutex_);
  if (broken_ || stopping_) {
    change.result = unhealthy();
    return false;
  }
  change.caller_ = caller;
  change.home_ = home;
  if (queue_.empty()) patience_ends_ = std::chrono::steady_clock::now() + kPatience;
  queue_.push_back(&change);
  if (!change.patient()) ++impatient_;
  if (home != nullptr) {
    // The committer sleeps until there is something, and again until there is somebody in a hurry.
    const bool first = queue_.size() == 1 || (impatient_ == 1 && !change.patient());
    lock.unlock();  // else the thread that wakes would wait for us at once
    // `change` may be gone, we are not: its caller goes on on this very thread, later.
    if (first) changed_.notify_one();
    return true;
  }
  changed_.notify_one();
  finished_.wait(lock, [&] { return change.done_; });
  return false;
}

void Committer::serve() {
  using std::chrono::steady_clock;
  steady_clock::time_point next_tick = steady_clock::now() + tick_;
  Lock lock(mutex_);
  for (;;) {
    take_group(lock, next_tick);
    if (!group_.empty()) write_group(lock);
    if (stopping_ && queue_.empty()) return;
    if (steady_clock::now() >= next_tick || std::exchange(wake_, false)) {
      look_after(lock);
      next_tick = steady_clock::now() + tick_;
    }
  }
}

void Committer::take_group(Lock& lock, std::chrono::steady_clock::time_point until) {
  group_.clear();
  while (!stopping_ && !wake_ && !group_due()) {
    const auto end = queue_.empty() ? until : std::min(until, patience_ends_);
    if (changed_.wait_until(lock, end) == std::cv_status::timeout && end == until) break;
  }
  if (!stopping_ && !group_due()) return;
  std::size_t bytes = 0;
  while (!queue_.empty()) {
    Change* next = queue_.front();
    if (!group_.empty() && (next->alone() || bytes + next->size() > group_bytes_)) break;
    bytes += next->size();
    group_.push_back(next);
    queue_.pop_front();
    if (!next->patient()) --impatient_;
    if (next->alone()) break;
  }
}

bool Committer::group_due() const {
  if (queue_.empty()) return false;
  return impatient_ > 0 || std::chrono::steady_clock::now() >= patience_ends_;
}

void Committer::write_group(Lock& lock) {
  lock.unlock();
  const bool written = writer_.write(group_);
  lock.lock();
  if (!written) {
    broken_ = true;
    wake_ = true;
  }
  complete(lock, group_);
  if (!written) refuse_waiting(lock);
}

void Committer::look_after(Lock& lock) {
  const bool was_broken = broken_;
  if (was_broken) refuse_waiting(lock);
  lock.unlock();
  const bool well = was_broken ? writer_.recover() : writer_.tick();
  lock.lock();
  if (was_broken) {
    broken_ = !well;  // a failure reported while we recovered is of the closed database
  } else if (!well) {
    broken_ = true;
    wake_ = true;  // recover at once, then once a tick
  }
}

void Committer::refuse_waiting(Lock& lock) {
  const std::vector<Change*> waiting(queue_.begin(), queue_.end());
  queue_.clear();
  impatient_ = 0;
  for (Change* change : waiting) change->result = unhealthy();
  complete(lock, waiting);
}

void Committer::complete(Lock& lock, std::span<Change* const> group) {
  struct Home {
    Executor* executor;
    Change* first;  // of a chain, in the order of the group
    Change* last;
  };
  boost::container::small_vector<Home, 8> homes;
  for (Change* change : group) {
    if (change->home_ == nullptr) {
      change->done_ = true;  // its thread reads this under the lock we hold
      continue;
    }
    change->next_ = nullptr;
    auto home = std::ranges::find(homes, change->home_, &Home::executor);
    if (home == homes.end()) {
      homes.push_back({change->home_, change, change});
    } else {
      home->last = home->last->next_ = change;
    }
  }
  lock.unlock();
  finished_.notify_all();
  for (const Home& home : homes) {
    home.executor->post([first = home.first] {
      for (Change* change = first; change != nullptr;) {
        Change* next = change->next_;  // a change ends with its caller
        change->caller_.resume();
        change = next;
      }
    });
  }
  lock.lock();
}

}  // namespace mail
