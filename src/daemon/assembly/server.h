// The server, assembled from its settings: stores, pools, judges, resolver, queue, senders, spool,
// I/O threads and the SMTP service, in the order in which they depend on each other.
// Threads: open(), listen(), reload() and stop() from one thread, which is no I/O thread; status()
// from any. Errors carry a sentence for the operator.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "codec/smtp/body_memory.h"
#include "codec/smtp/server_session.h"
#include "daemon/assembly/feedback.h"
#include "daemon/assembly/probe.h"
#include "daemon/assembly/state.h"
#include "daemon/assembly/status.h"
#include "daemon/assembly/turn_loop.h"
#include "daemon/settings/settings.h"
#include "platform/os/memory.h"
#include "platform/resolver/unbound_resolver.h"
#include "service/door/door.h"
#include "service/end_to_end/next_hops.h"
#include "service/neighbours/neighbour.h"
#include "service/outbound/sender.h"
#include "service/policy/local_limits.h"
#include "service/queue/queue.h"
#include "service/report/reporter.h"
#include "service/signing/key_keeper.h"
#include "service/signing/signer.h"
#include "service/smtpd/smtpd.h"
#include "service/spool/placer.h"

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
  // Says 421 to every session, waits a few seconds for them, for commits and for mail under way to
  // next hops.
  void stop();

  ControlStore& control() { return *state_->control; }
  MailStore& store() { return *state_->store; }
  Queue& queue() { return *queue_; }
  dns::Resolver& resolver() { return *resolver_; }
  feedback::ReportStore& reports() { return *state_->reports; }
  signing::KeyKeeper& keeper() { return *keeper_; }
  std::shared_ptr<const Settings> settings() const;
  ServerStatus status() const;

 private:
  Server(std::shared_ptr<const Settings> settings, const Clock& clock, log::Sink& sink,
         std::unique_ptr<State> state, std::unique_ptr<dns::UnboundResolver> resolver,
         std::unique_ptr<signing::KeyKeeper> keeper);
  Result<void> open_sender();

  const Clock& clock_;
  log::Sink& sink_;
  const WallTime started_at_;
  std::unique_ptr<State> state_;
  WorkerPool hash_pool_;
  Authenticator authenticator_;
  // A quarter of the memory there is, in shares of two chunks.
  std::shared_ptr<smtp::BodyMemory> bodies_ =
      std::make_shared<smtp::BodyMemory>(os::memory_limit() / 4 / (2 * smtp::kStageChunk));
  LocalLimits limits_;
  std::vector<Judge*> judges_;
  std::unique_ptr<dns::UnboundResolver> resolver_;
  std::unique_ptr<signing::KeyKeeper> keeper_;
  feedback::Observations observations_;  // filled at the door, told by feedback_
  door::Door door_;
  std::vector<std::unique_ptr<NeighbourJudge>> neighbours_;  // asked between the two of the door
  signing::Signer signer_;                                   // the last of judges_
  SystemRandom random_;
  NextHops next_hops_;
  SpoolPlacer placer_;
  Reporter reporter_;
  Feedback feedback_;
  std::unique_ptr<Queue> queue_;
  Spool spool_;
  std::vector<std::unique_ptr<net::IoThread>> threads_;
  std::unique_ptr<SmtpServer> smtp_;
  std::unique_ptr<Sender> sender_;
  std::unique_ptr<Probe> probe_;
  std::unique_ptr<TurnLoop> turns_;  // of those who have something to do by the clock
  bool sending_ = false;             // the queue was started and not yet stopped
  mutable std::mutex mutex_;         // guards what follows, and smtp_'s list of listeners
  std::shared_ptr<const Settings> settings_;
  std::vector<std::string> restart_needed_;
};

}  // namespace mail
