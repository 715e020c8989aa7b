// What the Scheduler is told and what it asks for, as values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/envelope/options.h"
#include "codec/record/envelope.h"
#include "service/outbound/courier.h"
#include "service/routing/route.h"
#include "service/store/outcome.h"

namespace mail::queue {

struct Now {
  WallTime wall;
  MonoTime mono;
};

// A row of a queue, with what its message's envelope says.
struct Loaded {
  QueuedDelivery row;
  MailOptions options;
  std::uint64_t size = 0;  // of the content
  record::BodyRef body;
};

// Rows behind `after` in order of due time, due or not, at most `limit`: what lies behind the last
// one that is due says when to come back.
struct LeaseRows {
  std::uint64_t id = 0;
  QueueName queue;
  std::optional<QueueKey> after;
  std::size_t limit = 0;
  bool patient = false;  // looks through what waits for a dead site; mail that flows goes first
};
struct LeasedRows {
  std::uint64_t id = 0;
  std::vector<Loaded> rows;
  std::optional<QueueKey> last;  // of all rows read, damaged ones too
  bool more = false;             // the limit was reached
  bool failed = false;           // the store could not say; it is asked again later
};

// Which hosts stand for a domain, or for the host of a configured route.
struct ResolveHosts {
  std::uint64_t id = 0;
  std::string domain;
  std::shared_ptr<const Route> route;
};
struct Resolution {
  enum class Kind : std::uint8_t { found, refused, failed };
  Kind kind = Kind::failed;
  std::vector<HopHost> hosts;  // found; empty for a Unix socket
  std::string site;            // found: equal for domains that share connections
  std::string name;            // found: of the site, for people
  std::string enhanced;        // refused: "5.1.10"; failed: "4.4.3"
  std::string why;
  std::chrono::seconds ttl{0};
};

struct Actions {
  std::vector<LeaseRows> leases;
  std::vector<ResolveHosts> resolves;
  std::vector<Job> jobs;
  std::vector<Outcome> settle;  // not empty: to be settled together; none else is under way
  bool empty() const {
    return leases.empty() && resolves.empty() && jobs.empty() && settle.empty();
  }
};

// Where one delivery is, for those who ask.
struct Explanation {
  enum class State : std::uint8_t { waiting, sending, settling };
  State state = State::waiting;
  WallTime next_try;
  std::string reason;
};

}  // namespace mail::queue
