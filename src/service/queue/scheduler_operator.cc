// What operators ask and decide.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/text.h"
#include "service/queue/scheduler.h"

namespace mail::queue {
namespace {

constexpr WallTime kFirst{std::chrono::hours(1)};  // of 1970: due before all that came since

Loaded load_of(const HeldDelivery& held, const MailOptions& options) {
  Loaded load;
  load.row.key.message = held.key.message;
  load.row.key.number = held.key.number;
  load.row.delivery = held.delivery;
  load.options = options;
  return load;
}

}  // namespace

// Due now whatever its site says, and before all others of its queue. It moves on disk first:
// `load` may be old by now, and what is not there any more must not be sent again.
bool Scheduler::retry(const Loaded& load, Now now) {
  Item* item = find(load.row.key);
  if (item != nullptr && item->state != Item::State::ready) return false;
  WaitingQueue& queue = queue_for(load.row.key.queue);
  if (item != nullptr) {
    nudge(queue, now);
    return true;
  }
  Item& made = make_item(queue, load);
  settle(made, Settlement::of_move(made.load, queue.name, kFirst, now.wall));
  outcome_retries_.push_back(queue.id);
  return true;
}

// What its domain and site wait for is over.
void Scheduler::nudge(WaitingQueue& queue, Now now) {
  if (queue.domain == nullptr) return;
  DomainState& domain = *queue.domain;
  if (domain.outage.down()) {
    domain_timers_.erase({domain.outage.until, domain.id});
    domain.outage.until = now.mono;
    domain.outage.next_try = now.wall;
    domain_timers_.insert({now.mono, domain.id});
  }
  if (Site* site = domain.site; site != nullptr && site->outage.down()) {
    site_timers_.erase({site->outage.until, site->id});
    site->outage.until = now.mono;
    site->outage.next_try = now.wall;
    site_timers_.insert({now.mono, site->id});
  }
}

bool Scheduler::take_out(const Loaded& load, Item*& item) {
  item = find(load.row.key);
  if (item == nullptr) {
    item = &make_item(queue_for(load.row.key.queue), load);
    return true;
  }
  if (item->state != Item::State::ready) return false;
  WaitingQueue& queue = *item->queue;
  std::erase(queue.ready, item);
  if (!queue.in_lane) return true;
  Site& site = *queue.domain->site;
  --site.ready;
  if (queue.ready.empty()) site.lanes.remove(queue);
  return true;
}

bool Scheduler::hold(const Loaded& load, std::string reason, Now now) {
  Item* item = nullptr;
  if (!take_out(load, item)) return false;
  settle(*item, Settlement::of_hold(item->load, std::move(reason), now.wall));
  return true;
}

bool Scheduler::bounce(const Loaded& load, std::string_view why, Now now) {
  Item* item = nullptr;
  if (!take_out(load, item)) return false;
  settle(*item, settlement_.of_bounce(item->load, item->key(), "5.7.1", why, now.wall));
  return true;
}

Outcome Scheduler::release(const HeldDelivery& held, const MailOptions& options, Now now) {
  return settlement_.of_placement(load_of(held, options), held.key,
                                  placer_.place(held.delivery, now.wall), now.wall);
}

Outcome Scheduler::bounce_held(const HeldDelivery& held, const MailOptions& options,
                               std::string_view why, Now now) {
  return settlement_.of_bounce(load_of(held, options), held.key, "5.7.1", why, now.wall);
}

void Scheduler::note(const Outcome& outcome, Now now) {
  for (const Delivery& rest : outcome.rest) {
    if (const auto* route = std::get_if<ToRoute>(&rest.target)) {
      note_on_disk(queue_for(route->queue), route->due, now);
    }
  }
}

Explanation Scheduler::explain(const QueueKey& key, const record::PendingDelivery& delivery,
                               Now now) const {
  Explanation answer{
      .state = Explanation::State::waiting, .next_try = std::max(key.due, now.wall), .reason = {}};
  std::string_view last_words;
  for (const auto& pending : delivery.recipients) {
    if (last_words.empty()) last_words = pending.reason;
  }
  const Item* item = find(key);
  if (item != nullptr && item->state == Item::State::sending) {
    answer.state = Explanation::State::sending;
    answer.reason = "is being sent right now";
    return answer;
  }
  if (item != nullptr && item->state != Item::State::ready) {
    answer.state = Explanation::State::settling;
    answer.reason = "what became of it is being written";
    return answer;
  }
  const WaitingQueue* queue = find_queue(key.queue);
  const DomainState* domain = queue == nullptr ? nullptr : queue->domain;
  if (domain != nullptr && domain->outage.down()) {
    answer.next_try = std::max(key.due, domain->outage.next_try);
    answer.reason = concat("the hosts of ", domain->name,
                           " cannot be found: ", domain->outage.trouble.verdict.text);
    return answer;
  }
  const Site* site = domain == nullptr ? nullptr : domain->site;
  if (site != nullptr && site->outage.down()) {
    answer.next_try = std::max(key.due, site->outage.next_try);
    answer.reason =
        concat(site->destination->name, " cannot be reached: ", site->outage.trouble.verdict.text);
    return answer;
  }
  if (key.due > now.wall) {
    answer.reason = last_words.empty() ? "its time has not come" : std::string(last_words);
  } else if (domain != nullptr && domain->resolving) {
    answer.reason = concat("the hosts of ", domain->name, " are being looked up");
  } else if (site != nullptr && site->busy >= site->limit) {
    answer.reason = concat("all ", site->busy, " connections to ", site->destination->name,
                           " are in use; the turn of lane \"", key.queue.lane, "\" comes");
  } else if (!has_room()) {
    answer.reason = "too many deliveries are under way at once";
  } else {
    answer.reason = "its turn comes";
  }
  return answer;
}

SchedulerStatus Scheduler::status() const {
  SchedulerStatus status{.in_memory = items_.size(),
                         .content_bytes = content_bytes_,
                         .queues = queues_.size(),
                         .sites = sites_.size(),
                         .sites_down = 0,
                         .sending = sending_,
                         .unsettled = outcome_items_.size() + flight_items_.size()};
  for (const auto& [key, site] : sites_) status.sites_down += site->outage.down() ? 1 : 0;
  return status;
}

bool Scheduler::knows(const QueueKey& key, Now now) const {
  const Item* item = find(key);
  if (item != nullptr && item->state != Item::State::gone) return true;
  const WaitingQueue* queue = find_queue(key.queue);
  if (queue == nullptr) return false;
  if (queue->leasing) return true;                     // its answer says
  constexpr auto kPatience = std::chrono::seconds(5);  // with young rows, and after a failed lease
  const WallTime latest = std::max(key.due, now.wall) + kPatience;
  if (!queue->disk_due.has_value() || *queue->disk_due > latest) return false;
  return !queue->scanned.has_value() || *queue->scanned < key;
}

}  // namespace mail::queue
