// The queue at work: tells the pure Scheduler what happens, and does what it says: reads deliveries
// from the store, asks DNS for their hosts, hands jobs to the courier, settles outcomes.
//
// Threads: it has one of its own, "mw-queue", which owns the scheduler. enqueued(), attempted(),
// job_done() and reload() may be called from any thread and never block; the
// operator's verbs from any thread that serves an executor, where they resume. start() and stop()
// belong to the thread that owns the Queue.
// Errors: a store that fails to settle keeps the outcomes here, and they are handed over again once
// it is healthy: what was delivered is not sent again by this process. Dying before leaves at most
// doubles, which the next process logs as queue.possible_duplicate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/resolver.h"
#include "base/result.h"
#include "base/task.h"
#include "service/mx/mx.h"
#include "service/outbound/courier.h"
#include "service/queue/queue_settings.h"
#include "service/report/notice_policy.h"
#include "service/routing/placer.h"
#include "service/routing/route.h"
#include "service/store/enqueued.h"
#include "service/store/mail_store.h"

namespace mail {

// All of it outlives the queue.
struct QueueParts {
  MailStore& store;
  dns::Resolver& resolver;
  Placer& placer;
  NoticePolicy& notices;
  Random& random;
  const Clock& clock;
  // Where it notes what is being sent, for the process after a crash; empty: nowhere.
  std::filesystem::path in_flight{};
};

// What is live: a reload brings a new one.
struct QueueWorld {
  QueueSettings settings;
  std::shared_ptr<const Routes> routes;
  std::shared_ptr<const mx::MxWorld> mx;
};

// Everything given must match; nothing given matches all.
struct QueueFilter {
  std::vector<MessageId> ids{};
  std::string sender{};     // the whole address, any case; "<>": the null path
  std::string recipient{};  // the whole address, any case
  std::string domain{};     // of a recipient, any case
  std::size_t limit = 1000;
  bool empty() const {
    return ids.empty() && sender.empty() && recipient.empty() && domain.empty();
  }
};

struct QueueRow {
  enum class State : std::uint8_t { queued, sending, held };
  MessageId message;
  std::uint32_t number = 0;  // tells the deliveries of one message apart
  State state = State::queued;
  std::string sender;  // "" for the null path
  std::vector<std::string> recipients;
  std::optional<WallTime> next_try;  // queued only
  std::string reason;                // why it waits: a time, a limit, the next hop's last words
  std::uint32_t attempts = 0;
  WallTime since;
  QueueName queue;  // empty when held
};
std::string_view to_string(QueueRow::State state);  // "queued"

// What a verb did: rows as they were, and those it had to leave alone, each with the reason
// ("is being sent right now"). An outcome of a named message that is being written is waited for.
struct QueueChange {
  std::vector<QueueRow> changed;
  std::vector<QueueRow> refused;
};

struct QueueStatus {
  bool ready = false;         // every queue on disk is known
  std::size_t in_memory = 0;  // deliveries
  std::size_t queues = 0;     // known by name
  std::size_t sites = 0;
  std::size_t sites_down = 0;
  std::size_t sending = 0;    // deliveries handed to the courier
  std::size_t unsettled = 0;  // outcomes not yet on disk
};

class Queue final : public CourierEvents, public EnqueuedSink {
 public:
  Queue(QueueParts parts, QueueWorld world);
  ~Queue() override;  // after stop()

  void start(Courier& courier);  // which outlives stop()
  // No new jobs; waits until what is under way has come back, `grace` at most, and is settled.
  void stop(Milliseconds grace);
  void reload(QueueWorld world);

  void enqueued(Enqueued mail) override;
  void attempted(std::vector<Attempt> attempts) override;
  void job_done(std::uint64_t site, std::uint32_t slot, std::vector<Parcel> untried,
                std::optional<SiteTrouble> trouble) override;

  // Queued ones in order of their queues and due times, then those held.
  Task<Result<std::vector<QueueRow>>> list(QueueFilter filter);
  // Due now, whatever the back-off of its site or domain.
  Task<Result<QueueChange>> retry(QueueFilter filter);
  Task<Result<QueueChange>> hold(QueueFilter filter, std::string reason);
  Task<Result<QueueChange>> release(QueueFilter filter);  // from held, to where it goes now
  // To its sender, also what is held; `reason` is what the sender reads.
  Task<Result<QueueChange>> bounce(QueueFilter filter, std::string reason);
  Task<QueueStatus> status();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mail
