// Looks once, after the start, whether mail can leave: does the DNS answer, and does port 25 lead
// out? Says so in one line of the log where it does not; nobody waits for it.
// Threads: one of its own, "mw-probe".
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/random.h"
#include "platform/net/connect.h"
#include "platform/net/io_thread.h"
#include "platform/resolver/unbound_resolver.h"

namespace mail {

class Probe {
 public:
  // `port25`: the DNS is that of the internet, whose big providers can be called. All outlive it.
  Probe(dns::UnboundResolver& resolver, const Clock& clock, bool port25);
  ~Probe();  // resolver.stop() was called
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

 private:
  Task<void> run();
  Task<void> try_port25(MonoTime deadline);

  dns::UnboundResolver& resolver_;
  const bool port25_;
  net::IoThread thread_;
  TaskSet tasks_;  // thread_'s, as the next two
  std::unique_ptr<net::Dial> dial_;
  bool stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;  // guarded by mutex_
};

}  // namespace mail
