// Answers that come late on purpose, on one I/O thread; to the second. All but the constructor on
// that thread.
#pragma once

#include <coroutine>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "platform/net/io_thread.h"

namespace mail {

class Pauses {
 public:
  // Before the thread starts; both may outlive the other.
  explicit Pauses(net::IoThread& thread) : state_(std::make_shared<State>()) {
    thread.every_second([state = state_, &clock = thread.clock()] {
      state->end([now = clock.mono_now()](MonoTime due) { return due <= now; });
    });
  }

  struct Wait {
    Pauses& pauses;
    MonoTime due;
    bool await_ready() const { return pauses.state_->over; }
    void await_suspend(std::coroutine_handle<> caller) const {
      pauses.state_->waiting.emplace_back(due, caller);
    }
    void await_resume() const {}
  };
  Wait until(MonoTime due) { return {*this, due}; }

  // Nobody is to wait any more: the server stops.
  void end_all() {
    state_->over = true;
    state_->end([](MonoTime) { return true; });
  }

 private:
  struct State {
    std::vector<std::pair<MonoTime, std::coroutine_handle<>>> waiting;
    bool over = false;

    void end(auto&& is_due) {
      std::vector<std::coroutine_handle<>> due;
      std::erase_if(waiting, [&](const auto& row) {
        if (!is_due(row.first)) return false;
        due.push_back(row.second);
        return true;
      });
      for (const std::coroutine_handle<> each : due) each.resume();
    }
  };
  std::shared_ptr<State> state_;
};

}  // namespace mail
