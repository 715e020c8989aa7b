#include "daemon/assembly/report_loop.h"

namespace mail {

ReportLoop::ReportLoop(Reporter& reporter, EnqueuedSink& outgoing, const Clock& clock)
    : reporter_(reporter), outgoing_(outgoing), thread_(clock) {
  thread_.every_second([this] { turn(); });
  thread_.start("mw-report");
}

ReportLoop::~ReportLoop() {
  thread_.post([this] {
    stopping_ = true;
    turn();
  });
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_; });
  }
  thread_.stop();
  thread_.join();
}

void ReportLoop::turn() {
  if (ticking_) return;
  if (!stopping_) {
    ticking_ = true;
    return tasks_.spawn(tick());
  }
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Task<void> ReportLoop::tick() {
  co_await reporter_.tick(outgoing_);
  // Posted, so that this task has ended when the next turn is looked at.
  thread_.post([this] {
    ticking_ = false;
    if (stopping_) turn();
  });
}

}  // namespace mail
