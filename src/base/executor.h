// Where code runs. An Executor runs work on one thread, in the order posted; the thread that serves
// an executor names it as current(). What completes elsewhere (the committer, a pool) posts its
// continuation back to the executor that awaited it, so a session never changes threads.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"

namespace mail {

using Work = std::move_only_function<void()>;

class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Work work) = 0;  // from any thread; never runs `work` inline
  static Executor* current();        // of the calling thread; null on threads that serve none
  static void set_current(Executor* executor);
};

// Runs posted work on the thread that calls run_until(); for tests and commands.
class LoopExecutor final : public Executor {
 public:
  void post(Work work) override;
  // Serves the queue until `done` says so (asked after each piece of work).
  void run_until(const std::function<bool()>& done);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
};

// Threads for what blocks: password hashes, SQLite writes, reads from the store. At most
// `max_waiting` pieces of work wait; beyond that try_post() refuses (the caller says 4xx).
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t max_waiting);
  ~WorkerPool();  // runs what waits, then joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  bool try_post(Work work);

 private:
  void serve();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
  std::size_t max_waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// `co_await on(pool, work)`: runs `work` (returning Result<T>) on the pool, then goes on on the
// awaiting executor. A full pool answers Errc::overloaded without running it. Without a current
// executor (commands, tests on a plain thread) the work runs inline.
template <typename Function>
class OnPool {
 public:
  using Value = std::invoke_result_t<Function>;  // a Result<T>
  OnPool(WorkerPool& pool, Function work) : pool_(pool), work_(std::move(work)) {}

  bool await_ready() {
    if (Executor::current() != nullptr) return false;
    value_.emplace(work_());
    return true;
  }
  bool await_suspend(std::coroutine_handle<> caller) {
    Executor* home = Executor::current();
    const bool taken = pool_.try_post([this, home, caller] {
      value_.emplace(work_());
      home->post([caller] { caller.resume(); });
    });
    if (!taken) value_.emplace(fail(Errc::overloaded, "the worker pool is full"));
    return taken;
  }
  Value await_resume() {
    MAIL_ASSERT(value_.has_value());
    return std::move(*value_);
  }

 private:
  WorkerPool& pool_;
  Function work_;
  std::optional<Value> value_;
};

template <typename Function>
OnPool<Function> on(WorkerPool& pool, Function work) {
  return OnPool<Function>(pool, std::move(work));
}

// Starts tasks and remembers them until they end. One thread only: the executor's.
class TaskSet {
 public:
  TaskSet() = default;
  TaskSet(const TaskSet&) = delete;
  TaskSet& operator=(const TaskSet&) = delete;
  ~TaskSet();  // MAIL_ASSERTs that it is empty: nothing is detached

  void spawn(Task<void> task);  // runs it up to its first wait, here and now
  std::size_t size() const { return running_; }

 private:
  std::size_t running_ = 0;
};

// Runs a task to its end on the calling thread; for commands and tests.
template <typename T>
T block_on(LoopExecutor& loop, Task<T> task);

namespace detail {

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

template <typename T>
Detached store_result(Task<T> task, std::optional<T>* out) {
  out->emplace(co_await std::move(task));
}
inline Detached store_done(Task<void> task, bool* out) {
  co_await std::move(task);
  *out = true;
}

}  // namespace detail

template <typename T>
T block_on(LoopExecutor& loop, Task<T> task) {
  Executor* before = Executor::current();
  Executor::set_current(&loop);
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    detail::store_done(std::move(task), &done);
    loop.run_until([&] { return done; });
    Executor::set_current(before);
  } else {
    std::optional<T> result;
    detail::store_result(std::move(task), &result);
    loop.run_until([&] { return result.has_value(); });
    Executor::set_current(before);
    MAIL_ASSERT(result.has_value());
    return std::move(*result);
  }
}

}  // namespace mail
