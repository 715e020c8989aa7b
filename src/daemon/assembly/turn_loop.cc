#include "daemon/assembly/turn_loop.h"

#include <algorithm>
#include <utility>

namespace mail {

TurnLoop::TurnLoop(std::vector<Turn> turns, const Clock& clock) : thread_(clock) {
  for (Turn& turn : turns) seats_.push_back({std::move(turn)});
  thread_.every_second([this] { go_round(); });
  thread_.start("mw-clock");
}

TurnLoop::~TurnLoop() {
  thread_.post([this] {
    stopping_ = true;
    stop_if_idle();
  });
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_; });
  }
  thread_.stop();
  thread_.join();
}

void TurnLoop::go_round() {
  if (stopping_) return;
  for (std::size_t seat = 0; seat < seats_.size(); ++seat) {
    if (!std::exchange(seats_[seat].busy, true)) tasks_.spawn(run(seat));
  }
}

void TurnLoop::stop_if_idle() {
  if (!stopping_ || std::ranges::any_of(seats_, &Seat::busy)) return;
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Task<void> TurnLoop::run(std::size_t seat) {
  co_await seats_[seat].turn();
  // Posted, so that this task has ended when the next round is made.
  thread_.post([this, seat] {
    seats_[seat].busy = false;
    stop_if_idle();
  });
}

}  // namespace mail
