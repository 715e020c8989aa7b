// Tells other domains once a day how mail in their name fared here: a DMARC aggregate report per
// domain and day of UTC, to the addresses of its record as it stands when the report goes
// (RFC 7489 §7.2; the draft of the aggregate format).
//
// Bounded: kMaxRowsPerReport lines and kMaxReportText octets of them, kMaxAddresses readers,
// kMaxReportsAtOnce; what could not be told for kKeepObserved is forgotten. Domains whose DNS does
// not answer keep no others waiting. A report may go twice where the process dies in between: its
// id is the same, by which readers tell. Threads: tick() on one thread that serves an executor,
// about once a second, never twice at once.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/resolver.h"
#include "base/task.h"
#include "service/feedback/observations.h"
#include "service/feedback/report_store.h"
#include "service/report/draft_signer.h"
#include "service/routing/placer.h"
#include "service/store/enqueued.h"
#include "service/store/mail_store.h"

namespace mail::feedback {

inline constexpr std::size_t kMaxAddresses = 5;
inline constexpr std::size_t kMaxReportsAtOnce = 100;  // every ten minutes
// Of the rows before they are packed; those of the fewest messages are left out.
inline constexpr std::size_t kMaxReportText = std::size_t{8} << 20;

struct AggregateSettings {
  bool enabled = true;
  std::string hostname;
  std::string from{};  // "": postmaster@hostname
};

// What the sender works with; all of it outlives it.
struct AggregateTools {
  ReportStore& reports;
  Observations& observations;
  MailStore& store;
  const DraftPlacer& placer;
  dns::Resolver& resolver;
  const DraftSigner* signer;
  WorkerPool& pool;
  const Clock& clock;
  bool (*is_public_suffix)(std::string_view name);
};

class AggregateSender {
 public:
  AggregateSender(AggregateTools tools, AggregateSettings settings);
  Task<void> tick(EnqueuedSink& outgoing);
  // Now, whatever the time: of days before `today`.
  Task<void> send_due(Day today, EnqueuedSink& outgoing);
  Task<void> flush();  // what was observed goes into the store

 private:
  enum class Done : std::uint8_t { told, nobody_asks, later };
  struct Pending {
    ReportStore::Due due;
    std::optional<std::vector<std::string>> readers{};  // nothing: the DNS does not say now
  };
  Result<std::vector<Pending>> pending(Day today);
  Task<void> find_readers(Pending& report);
  Task<Done> tell(ReportStore::Due due, std::vector<std::string> to, EnqueuedSink& outgoing);
  Task<std::optional<std::vector<std::string>>> readers(std::string domain);
  std::string organizational_domain(std::string_view domain) const;

  AggregateTools tools_;
  AggregateSettings settings_;
  MonoTime next_flush_;
  MonoTime next_send_;
  std::map<std::pair<Day, std::string>, MonoTime> not_before_;  // of those told later
};

}  // namespace mail::feedback
