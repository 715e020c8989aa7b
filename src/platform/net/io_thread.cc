#include "platform/net/io_thread.h"

#include <pthread.h>

#include <cstring>
#include <system_error>

#include "platform/net/loop.h"

namespace mail::net {

std::string errno_text(int number) { return std::generic_category().message(number); }

void Loop::arm() {
  timer.expires_after(std::chrono::seconds(1));
  timer.async_wait([this](const error_code& error) {
    if (error) return;
    sweep();
    for (const auto& work : each_second) work();
    arm();
  });
}

void Loop::sweep() {
  const MonoTime now = clock.mono_now();
  for (Stream::Impl* stream = waits; stream != nullptr; stream = stream->next) {
    if (stream->deadline <= now) stream->end_wait(Errc::deadline_exceeded);
  }
}

IoThread::IoThread(const Clock& clock) : clock_(clock), loop_(std::make_unique<Loop>(clock)) {}

IoThread::~IoThread() {
  stop();
  join();
}

void IoThread::start(const std::string& name) {
  MAIL_ASSERT(!thread_.joinable());
  thread_ = std::thread([this] {
    Executor::set_current(this);
    loop_->io.run();
    Executor::set_current(nullptr);
  });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

void IoThread::run_until(const std::function<bool()>& done) {
  Executor* const before = Executor::current();
  Executor::set_current(this);
  while (!done()) loop_->io.run_one();  // the timer of the sweep keeps it from running dry
  Executor::set_current(before);
}

void IoThread::stop() { loop_->io.stop(); }

void IoThread::join() {
  if (thread_.joinable()) thread_.join();
}

void IoThread::post(Work work) {
  asio::post(loop_->io, [kept = std::move(work)]() mutable { kept(); });
}

void IoThread::every_second(std::function<void()> work) {
  loop_->each_second.push_back(std::move(work));
}

void IoThread::sweep_now() {
  post([this] { loop_->sweep(); });
}

}  // namespace mail::net
