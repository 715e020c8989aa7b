// One I/O thread: an event loop as an Executor, with the sweep that keeps all deadlines.
// Threads: post(), stop() and sweep_now() from any; the rest belongs to the loop's thread or to the
// time before start(). Whatever lives on the loop (streams, listeners) goes before the IoThread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

namespace mail::net {

class Loop;

class IoThread final : public Executor {
 public:
  explicit IoThread(const Clock& clock);  // `clock` outlives it
  ~IoThread() override;                   // stop() and join()
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Serves on a thread of its own, which inherits the caller's signal mask, until stop().
  void start(const std::string& name);
  // Serves on the calling thread until `done` says so; for commands and tests.
  void run_until(const std::function<bool()>& done);
  void stop();
  void join();

  void post(Work work) override;
  // Called on the loop's thread once a second, after the deadlines were swept. Before start().
  void every_second(std::function<void()> work);
  // Ends the waits whose deadline has passed now; the loop does so itself once a second.
  void sweep_now();

  const Clock& clock() const { return clock_; }
  Loop& loop() { return *loop_; }  // for this folder

 private:
  const Clock& clock_;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

// Runs a task on `io` to its end, on the calling thread; `io` must not have been started.
template <typename T>
T run_task(IoThread& io, Task<T> task) {
  std::optional<T> result;
  io.post([&] { detail::store_result(std::move(task), &result); });
  io.run_until([&] { return result.has_value(); });
  MAIL_ASSERT(result.has_value());
  return std::move(*result);
}

}  // namespace mail::net
