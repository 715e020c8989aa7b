#include "base/executor.h"

namespace mail {
namespace {
thread_local Executor* current_executor = nullptr;
}  // namespace

Executor* Executor::current() { return current_executor; }
void Executor::set_current(Executor* executor) { current_executor = executor; }

void LoopExecutor::post(Work work) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  changed_.notify_one();  // under the lock: run_until() may end and destroy us right after
}

void LoopExecutor::run_until(const std::function<bool()>& done) {
  while (!done()) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !queue_.empty(); });
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_waiting) : max_waiting_(max_waiting) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::try_post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= max_waiting_) return false;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void WorkerPool::serve() {
  for (;;) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

namespace {
detail::Detached run_counted(std::size_t* running, Task<void> task) {
  co_await std::move(task);
  --*running;
}
}  // namespace

TaskSet::~TaskSet() { MAIL_ASSERT(running_ == 0); }

void TaskSet::spawn(Task<void> task) {
  ++running_;
  run_counted(&running_, std::move(task));
}

}  // namespace mail
