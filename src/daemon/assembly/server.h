// The server, assembled from its settings: stores, pools, judges, spool, I/O threads and the SMTP
// service, in the order in which they depend on each other.
// Threads: open(), listen(), reload() and stop() from one thread, which is no I/O thread; status()
// from any. Errors carry a sentence for the operator.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/assembly/state.h"
#include "daemon/assembly/status.h"
#include "daemon/settings/settings.h"
#include "service/policy/local_limits.h"
#include "service/smtpd/smtpd.h"

namespace mail {

class Server {
 public:
  // Takes the state's lock, opens the stores, starts the threads. Nothing listens yet. `clock` and
  // `sink` outlive the server; `sink` is the log, whose level the settings decide.
  static Result<std::unique_ptr<Server>> open(std::shared_ptr<const Settings> settings,
                                              const Clock& clock, log::Sink& sink);
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Result<void> listen();
  // Unchanged listeners keep their sockets. On failure everything goes on as before. What only a
  // restart can change is named in the log and in status().
  Result<void> reload(const Settings& loaded);
  // Says 421 to every session, waits a few seconds for them and for commits under way.
  void stop();

  ControlStore& control() { return *state_->control; }
  MailStore& store() { return *state_->store; }
  ServerStatus status() const;

 private:
  Server(std::shared_ptr<const Settings> settings, const Clock& clock, log::Sink& sink,
         std::unique_ptr<State> state);

  const Clock& clock_;
  log::Sink& sink_;
  const WallTime started_at_;
  std::unique_ptr<State> state_;
  WorkerPool hash_pool_;
  Authenticator authenticator_;
  LocalLimits limits_;
  JudgeChain judges_;
  Spool spool_;
  std::vector<std::unique_ptr<net::IoThread>> threads_;
  std::unique_ptr<SmtpServer> smtp_;
  mutable std::mutex mutex_;  // guards what follows, and smtp_'s list of listeners
  std::shared_ptr<const Settings> settings_;
  std::vector<std::string> restart_needed_;
};

}  // namespace mail
