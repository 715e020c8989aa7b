// One destination: its slots for jobs, and the lanes that share it. A lane whose mail is rare goes
// first, the others take turns by weight (deficit round robin with new flows first, RFC 8290 §4.1),
// so that a newsletter never delays a password reset; within a lane the domains take turns.
// Pure; owned by the Scheduler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "service/outbound/courier.h"
#include "service/queue/waiting.h"

namespace mail::queue {

struct Lane {
  std::string name;
  std::int64_t weight = 1;
  std::int64_t deficit = 0;
  bool listed = false;
  std::deque<WaitingQueue*> queues;  // each has something ready
};

class Lanes {
 public:
  // `queue` has something ready and is not in its lane yet.
  void add(WaitingQueue& queue, std::int64_t weight);
  // The delivery whose turn it is, out of its queue; null: there is none.
  Item* next();
  void take(Item& item);             // it goes with another, out of turn: its lane pays for it
  void remove(WaitingQueue& queue);  // from its lane, whatever it has ready
  bool empty() const { return queues_ == 0; }

 private:
  void retire(Lane& lane);
  std::unordered_map<std::string, Lane> lanes_;
  std::deque<Lane*> fresh_;
  std::deque<Lane*> old_;
  std::size_t queues_ = 0;
};

struct Site {
  struct Slot {
    bool busy = false;
    WallTime began;
    MonoTime began_mono;
    bool attempted = false;  // something of the job was
    std::vector<ItemKey> parcels;
  };
  std::uint64_t id = 0;
  std::string key;
  std::shared_ptr<const Destination> destination;
  Lanes lanes;
  std::vector<Slot> slots;
  std::size_t busy = 0;
  std::size_t ready = 0;      // deliveries in the lanes
  std::size_t limit = 0;      // connections at present; grows with success
  std::size_t successes = 0;  // jobs, since `limit` changed
  std::uint32_t barren = 0;   // jobs in a row that came back without a try or a reason
  bool full = false;          // its queues wait on disk until fewer are ready
  std::optional<MonoTime> last_success;
  Outage outage;
  std::set<DomainState*, ById> domains;

  std::uint32_t take_slot();  // the lowest free one
};

}  // namespace mail::queue
