// The sessions of one I/O thread. All but the constructor runs on that thread; `idle` is told
// under its mutex.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/executor.h"
#include "service/smtpd/connection.h"
#include "service/smtpd/pauses.h"

namespace mail {

class Site {
 public:
  Site(net::IoThread& thread, Services& services, ClientTable& clients);

  void take(net::Stream stream, std::shared_ptr<const ServedListener> settings);
  void begin_stop();                     // tells every session; takes no more
  void cut_all();                        // closes what is left
  bool wait_idle(Milliseconds at_most);  // from the owner's thread, after begin_stop() was posted

  net::IoThread& thread() { return thread_; }

 private:
  Task<void> serve(net::Stream stream, std::shared_ptr<const ServedListener> settings,
                   smtp::Peer peer, bool by_proxy);
  void link(Connection& connection);
  void unlink(Connection& connection);
  void look_if_idle();
  void report_if_idle();

  net::IoThread& thread_;
  Services& services_;
  ClientTable& clients_;
  TaskSet tasks_;
  Pauses pauses_;
  Connection* first_ = nullptr;
  bool stopping_ = false;
  bool look_posted_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool idle_ = false;
};

}  // namespace mail
