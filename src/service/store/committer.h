// The one thread that owns synced writes (design §2.5, §4). It gathers what waits into a group, up
// to a bound of bytes, has it written and synced by a GroupWriter, and wakes the callers: one post
// per executor and group. One group is in flight; there is no waiting window.
// A group that fails is never tried again: all of it gets the error, what waits behind it is
// refused, and nothing is taken until the writer has recovered.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"

namespace mail {

struct Group;  // what a change adds itself to; the writer's

// What one caller wants done. Lives in the caller's coroutine until it is resumed.
class Change {
 public:
  virtual ~Change() = default;
  // On the committer's thread. Fails without having added anything; then only this caller fails.
  virtual Result<void> apply(Group& group) = 0;
  virtual std::size_t size() const { return 0; }  // in bytes, about
  virtual std::size_t bulk() const { return 0; }  // of it, what may go into a segment
  virtual bool alone() const { return false; }    // reads what it changes: shares no group
  // Nobody waits for it: it may ride with the next group for kPatience (security.md 13).
  virtual bool patient() const { return false; }

  Result<void> result;

 private:
  friend class Committer;
  std::coroutine_handle<> caller_;
  Executor* home_ = nullptr;  // null: the caller's thread waits
  Change* next_ = nullptr;    // of the same group and home
  bool done_ = false;
};

class GroupWriter {
 public:
  virtual ~GroupWriter() = default;
  // Sets the result of each change. False: the write failed as a whole, as their results say.
  virtual bool write(std::span<Change* const> group) = 0;
  virtual bool tick() = 0;     // now and then; false: a write failed
  virtual bool recover() = 0;  // close, reopen, check; false: try again later
};

class Committer {
 public:
  static constexpr Milliseconds kPatience{10};

  Committer(GroupWriter& writer, std::size_t group_bytes, Milliseconds tick);
  ~Committer();  // writes what waits, then joins
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  bool healthy() const { return !broken_; }
  void report_failure();  // an unsynced write elsewhere failed

  // co_await committer.run(change): resumes on the awaiting executor with the change's result. On a
  // thread that serves no executor it waits.
  class Run {
   public:
    Run(Committer& committer, Change& change) : committer_(committer), change_(change) {}
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
      return committer_.submit(change_, caller, Executor::current());
    }
    Result<void> await_resume() { return std::move(change_.result); }

   private:
    Committer& committer_;
    Change& change_;
  };
  Run run(Change& change) { return {*this, change}; }

 private:
  using Lock = std::unique_lock<std::mutex>;
  bool submit(Change& change, std::coroutine_handle<> caller, Executor* home);
  void serve();
  void take_group(Lock& lock, std::chrono::steady_clock::time_point until);
  void write_group(Lock& lock);
  void look_after(Lock& lock);
  void complete(Lock& lock, std::span<Change* const> group);
  bool group_due() const;
  void refuse_waiting(Lock& lock);

  GroupWriter& writer_;
  const std::size_t group_bytes_;
  const Milliseconds tick_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable finished_;  // for callers without an executor
  std::deque<Change*> queue_;
  std::vector<Change*> group_;                           // in flight; the committer's thread's
  std::size_t impatient_ = 0;                            // of those that wait
  std::chrono::steady_clock::time_point patience_ends_;  // of the first that waits
  bool stopping_ = false;
  std::atomic<bool> broken_ = false;
  bool wake_ = false;
  std::thread thread_;
};

}  // namespace mail
