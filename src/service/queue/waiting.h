// What the Scheduler remembers: deliveries in memory, their queues, the domains these belong to.
// Owned by the Scheduler; pointers between them are cut by it before one of them goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "codec/envelope/options.h"
#include "codec/record/envelope.h"
#include "service/outbound/courier.h"
#include "service/queue/work.h"
#include "service/routing/route.h"
#include "service/store/outcome.h"

namespace mail::queue {

struct Site;
struct WaitingQueue;

// A delivery in memory. Those that wait for their time are on disk only.
struct Item {
  enum class State : std::uint8_t {
    ready,     // in its queue's `ready`
    sending,   // with the courier
    settling,  // its outcome is under way to disk
    gone,      // settled; remembered while a lease that may have seen it is out
  };
  Loaded load;
  std::shared_ptr<const std::string> content;  // fresh mail only
  std::size_t charge = 0;                      // of the content memory
  WaitingQueue* queue = nullptr;
  State state = State::ready;
  bool has_siblings = false;  // it is in Scheduler::siblings_
  std::uint64_t site = 0;     // sending: which job
  std::uint32_t slot = 0;

  const QueueKey& key() const { return load.row.key; }
};

// No mail can go now: what happened, and when it is tried again.
struct Outage {
  std::uint32_t failures = 0;
  bool is_down = false;
  MonoTime until;
  WallTime next_try;  // `until`, for people
  WallTime at;        // when the failed try began
  SiteTrouble trouble;
  std::optional<MonoTime> swept;  // when those that wait were last looked through
  bool down() const { return is_down; }
};

// In the order in which they came: what happens never hangs on where they lie in memory.
struct ById {
  template <typename T>
  bool operator()(const T* a, const T* b) const {
    return a->id < b->id;
  }
};

// What is resolved together: a recipient domain by MX, or the host of a configured route.
struct DomainState {
  std::uint64_t id = 0;
  std::string key;
  std::string name;
  std::shared_ptr<const Route> route;
  Site* site = nullptr;  // while `valid_until` lies ahead
  MonoTime valid_until;
  bool resolving = false;
  std::optional<Resolution> refused;  // permanently, until `valid_until`
  Outage outage;                      // its DNS fails
  std::set<WaitingQueue*, ById> queues;
};

// A queue on disk and its window in memory. Rows at or before `scanned` are in memory or gone; of
// those behind it the first is due at `disk_due`; nothing: there is none.
struct WaitingQueue {
  std::uint64_t id = 0;
  QueueName name;
  std::shared_ptr<const Route> route;  // null until the first delivery shows which
  DomainState* domain = nullptr;
  std::deque<Item*> ready;
  std::size_t items = 0;  // in memory, whatever their state
  std::optional<QueueKey> scanned;
  std::optional<WallTime> disk_due;
  std::optional<MonoTime> timer;  // its entry in the Scheduler's timers
  std::optional<WallTime> noted;  // earliest row that was put on disk while a lease is out
  std::size_t page = 16;          // rows of the next lease: more, as more turn out to be due
  bool leasing = false;
  bool hungry = false;    // in the list of those that want a lease
  bool in_lane = false;   // has its turn at the site
  bool sweeping = false;  // the next lease looks for what is too old
  std::optional<QueueKey> swept;
  std::vector<Item*> gone;  // see Item::State
};

struct QueueNameHash {
  std::size_t operator()(const QueueName& name) const {
    const std::hash<std::string> hash;
    return (hash(name.domain) * 31 + hash(name.lane)) * 31 + hash(name.route);
  }
};

// Names an item: the same delivery with another due time is another row.
struct ItemKey {
  const WaitingQueue* queue = nullptr;
  MessageId message;
  std::uint32_t number = 0;
  WallTime due;
  bool operator==(const ItemKey&) const = default;
};
struct ItemKeyHash {
  std::size_t operator()(const ItemKey& key) const {
    const std::size_t parts = key.number * 0x9E3779B97F4A7C15ULL +
                              static_cast<std::size_t>(key.due.time_since_epoch().count());
    return std::hash<MessageId>{}(key.message) ^ parts;
  }
};

}  // namespace mail::queue
