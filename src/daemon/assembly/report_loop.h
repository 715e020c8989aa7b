// Gives the reporter its turn once a second, on a thread of its own: "mw-report".
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/clock.h"
#include "platform/net/io_thread.h"
#include "service/report/reporter.h"

namespace mail {

class ReportLoop {
 public:
  // All outlive it.
  ReportLoop(Reporter& reporter, EnqueuedSink& outgoing, const Clock& clock);
  ~ReportLoop();  // waits for a turn under way
  ReportLoop(const ReportLoop&) = delete;
  ReportLoop& operator=(const ReportLoop&) = delete;

 private:
  void turn();
  Task<void> tick();

  Reporter& reporter_;
  EnqueuedSink& outgoing_;
  net::IoThread thread_;
  TaskSet tasks_;          // thread_'s, as the next two
  bool ticking_ = false;   //
  bool stopping_ = false;  //
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;  // guarded by mutex_
};

}  // namespace mail
