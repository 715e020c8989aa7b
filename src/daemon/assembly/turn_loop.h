// Gives a few of the house a turn once a second each, on one thread of their own ("mw-clock"), so
// that DNS, new keys and disks keep no session waiting. A turn that takes longer than a second is
// not given twice; one that waits keeps the others from nothing.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/task.h"
#include "platform/net/io_thread.h"

namespace mail {

class TurnLoop {
 public:
  using Turn = std::function<Task<void>()>;

  // Each makes a task; what they refer to outlives the loop, and `clock` too.
  TurnLoop(std::vector<Turn> turns, const Clock& clock);
  ~TurnLoop();  // waits for the turns under way
  TurnLoop(const TurnLoop&) = delete;
  TurnLoop& operator=(const TurnLoop&) = delete;

 private:
  struct Seat {
    Turn turn;
    bool busy = false;
  };
  void go_round();
  void stop_if_idle();
  Task<void> run(std::size_t seat);

  net::IoThread thread_;
  std::vector<Seat> seats_;  // thread_'s, as the next two
  TaskSet tasks_;            //
  bool stopping_ = false;    //
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;  // guarded by mutex_
};

}  // namespace mail
