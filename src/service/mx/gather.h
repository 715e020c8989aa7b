// Runs tasks side by side on one thread and waits until all have ended:
//
//   Gather questions;
//   questions.start(ask_into(...));
//   questions.start(ask_into(...));
//   co_await questions.all();
//
// What the tasks write to must outlive all(). all() is awaited once, on every path.
#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

namespace mail::mx {

class Gather {
 public:
  Gather() = default;
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;
  ~Gather() { MAIL_ASSERT(running_ == 0); }

  // Runs it up to its first wait, here and now.
  void start(Task<void> task) {
    ++running_;
    run(*this, std::move(task));
  }

  struct All {
    Gather& gather;
    bool await_ready() const { return gather.running_ == 0; }
    void await_suspend(std::coroutine_handle<> caller) const { gather.waiter_ = caller; }
    void await_resume() const {}
  };
  All all() { return All{*this}; }

 private:
  static mail::detail::Detached run(Gather& gather, Task<void> task) {
    co_await std::move(task);
    // The waiter may end the life of `gather`: nothing of it is touched afterwards.
    if (--gather.running_ == 0 && gather.waiter_) gather.waiter_.resume();
  }

  std::size_t running_ = 0;
  std::coroutine_handle<> waiter_;
};

}  // namespace mail::mx
