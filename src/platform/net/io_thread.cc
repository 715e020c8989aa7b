#include "platform/net/io_thread.h"

#include <pthread.h>

#include "platform/net/loop.h"

namespace mail::net {

IoThread::IoThread(const Clock& clock) : clock_(clock), loop_(std::make_unique<Loop>(clock)) {}

IoThread::~IoThread() {
  stop();
  join();
}

void IoThread::start(const std::string& name) {
  MAIL_ASSERT(!thread_.joinable());
  thread_ = std::thread([this] {
    Executor::set_current(this);
    loop_->run();
    Executor::set_current(nullptr);
  });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

void IoThread::run_until(const std::function<bool()>& done) {
  Executor* const before = Executor::current();
  Executor::set_current(this);
  while (!done()) loop_->run_once();
  Executor::set_current(before);
}

void IoThread::stop() { loop_->stop(); }

void IoThread::join() {
  if (thread_.joinable()) thread_.join();
}

void IoThread::post(Work work) { loop_->post(std::move(work)); }

void IoThread::every_second(std::function<void()> work) {
  loop_->each_second.push_back(std::move(work));
}

void IoThread::sweep_now() {
  post([this] { loop_->sweep(); });
}

}  // namespace mail::net
