// What is in memory of what is on disk: leases, the bounds of the window, and the way back.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "service/queue/scheduler.h"

namespace mail::queue {
namespace {

constexpr std::size_t kPage = 256;          // rows of a lease, at most
constexpr std::size_t kSmallPage = 16;      // where few are due
constexpr std::size_t kLow = 128;           // deliveries ready in a queue: below, more are leased
constexpr std::size_t kFreshReady = 64;     // of a queue, once the window is half full
constexpr std::size_t kProbeParcels = 10;   // of a site that was down
constexpr std::size_t kMaxLeases = 8;       // at a time
constexpr std::size_t kMaxOutcomes = 2000;  // waiting; beyond, sweeps pause
constexpr Milliseconds kYoung = std::chrono::seconds(5);
constexpr Milliseconds kStoreRetry = std::chrono::seconds(5);
constexpr Milliseconds kClockDoubt = std::chrono::minutes(5);
constexpr Milliseconds kFarthest = std::chrono::days(365);

MonoTime mono_of(WallTime wall, Now now) {
  if (wall <= now.wall) return now.mono;
  return now.mono + std::min(Milliseconds(wall - now.wall), kFarthest);
}

// Before all rows that are due then.
QueueKey just_before(const QueueName& name, WallTime due) {
  return {.queue = name,
          .due = due - Milliseconds(1),
          .message = {},
          .number = std::numeric_limits<std::uint32_t>::max()};
}

}  // namespace

// No schedule of ours makes a row that is further away than retry_max, but for one that was never
// tried: then the clock was elsewhere when it was written (security.md 14).
bool Scheduler::is_due(const QueuedDelivery& row, Now now) const {
  if (row.key.due <= now.wall) return true;
  if (row.key.due <= now.wall + settings_.retry_max) return false;
  return row.delivery.attempts > 0 || row.delivery.since > now.wall + kClockDoubt;
}

// A newsletter does not fill it: what else is fresh finds room.
bool Scheduler::has_room_for_fresh(const WaitingQueue& queue, std::size_t charge) const {
  const std::size_t content = content_bytes_ + charge;
  if (items_.size() < settings_.window / 2 && content <= settings_.content_memory / 2) return true;
  return items_.size() < settings_.window && content <= settings_.content_memory &&
         queue.ready.size() < kFreshReady;
}

// So fresh that enqueued() may still have to be told of it.
bool Scheduler::is_young(const QueuedDelivery& row, Now now) {
  const WallTime since = row.delivery.since;
  return row.delivery.attempts == 0 && since <= now.wall && since + kYoung > now.wall;
}

void Scheduler::set_disk_due(WaitingQueue& queue, std::optional<WallTime> due, Now now) {
  if (queue.timer.has_value()) queue_timers_.erase({*queue.timer, &queue});
  queue.timer.reset();
  queue.disk_due = due;
  if (!due.has_value()) return;
  queue.timer = mono_of(*due, now);
  queue_timers_.insert({*queue.timer, &queue});
}

void Scheduler::note_on_disk(WaitingQueue& queue, WallTime due, Now now) {
  if (queue.leasing) queue.noted = std::min(queue.noted.value_or(due), due);
  // Nothing else is on disk only: there is no need to wade through what was before.
  if (!queue.disk_due.has_value() && !queue.leasing) queue.scanned = just_before(queue.name, due);
  if (!queue.disk_due.has_value() || due < *queue.disk_due) set_disk_due(queue, due, now);
  if (queue.scanned.has_value() && due <= queue.scanned->due) {
    queue.scanned = just_before(queue.name, due);
  }
}

// The disk has them: memory is for what can go.
void Scheduler::evict(WaitingQueue& queue, Now now) {
  if (queue.in_lane) {
    Site& site = *queue.domain->site;
    site.lanes.remove(queue);
    site.ready -= queue.ready.size();
  }
  for (Item* item : std::exchange(queue.ready, {})) {
    note_on_disk(queue, item->key().due, now);
    forget(*item);
  }
}

void Scheduler::disk_is_due(WaitingQueue& queue, Now now) {
  if (queue.domain == nullptr) return make_hungry(queue);
  DomainState& domain = *queue.domain;
  if (domain.outage.down()) return probe(domain, now);
  if (domain.site != nullptr && domain.site->outage.down()) return probe(*domain.site, now);
  make_hungry(queue);
}

void Scheduler::make_hungry(WaitingQueue& queue) {
  if (queue.hungry || queue.leasing) return;
  queue.hungry = true;
  hungry_.push_back(&queue);
}

bool Scheduler::may_lease(const WaitingQueue& queue, Now now) const {
  if (!queue.disk_due.has_value() || queue.timer.has_value() || queue.leasing) return false;
  if (queue.ready.size() >= kLow) return false;
  if (queue.domain == nullptr) return true;
  if (queue.domain->outage.down() || crowded(queue)) return false;
  const Site* site = queue.domain->site;
  if (site == nullptr || !site->outage.down()) return true;
  return site->outage.until <= now.mono && site->busy == 0 && site->ready == 0;
}

void Scheduler::feed(Now now) {
  if (halted_) return;
  while (leases_out_ < kMaxLeases && !hungry_.empty() && has_room()) {
    WaitingQueue& queue = *hungry_.front();
    hungry_.pop_front();
    queue.hungry = false;
    if (!may_lease(queue, now)) {
      hand_on(queue, now);
      continue;
    }
    const bool probing = outage_of(queue) != nullptr;
    queue.leasing = true;
    ++leases_out_;
    actions_.leases.push_back({.id = queue.id,
                               .queue = queue.name,
                               .after = queue.scanned,
                               .limit = probing ? kProbeParcels : queue.page});
  }
  // One at a time: it may wait, and the others are for mail that flows.
  while (!sweep_out_ && leases_out_ < kMaxLeases && !sweeps_.empty() &&
         outcomes_.size() < kMaxOutcomes) {
    const auto found = queues_by_id_.find(sweeps_.front());
    if (found != queues_by_id_.end() && found->second->leasing) return;  // soon
    sweeps_.pop_front();
    if (found == queues_by_id_.end() || outage_of(*found->second) == nullptr) continue;
    WaitingQueue& queue = *found->second;
    queue.leasing = true;
    queue.sweeping = true;
    sweep_out_ = true;
    ++leases_out_;
    actions_.leases.push_back({.id = queue.id,
                               .queue = queue.name,
                               .after = queue.swept,
                               .limit = kPage,
                               .patient = true});
  }
}

void Scheduler::leased(LeasedRows rows, Now now) {
  const auto found = queues_by_id_.find(rows.id);
  MAIL_ASSERT(found != queues_by_id_.end() && found->second->leasing);
  WaitingQueue& queue = *found->second;
  --leases_out_;
  const bool sweeping = std::exchange(queue.sweeping, false);
  if (sweeping) sweep_out_ = false;
  if (rows.failed) {
    if (!sweeping) set_disk_due(queue, now.wall + kStoreRetry, now);
  } else if (sweeping) {
    take_sweep(queue, rows, now);
  } else {
    take_window(queue, rows, now);
  }
  finish_lease(queue, now);
}

void Scheduler::take_window(WaitingQueue& queue, LeasedRows& rows, Now now) {
  std::optional<WallTime> next;  // of the first that stays on disk only
  for (Loaded& load : rows.rows) {
    QueueKey key = load.row.key;
    if (find(key) == nullptr) {
      if (!is_due(load.row, now) || !has_room()) {
        next = key.due;
        break;
      }
      // Whoever committed it is about to say so; taken from both hands it would go twice.
      if (is_young(load.row, now)) {
        next = load.row.delivery.since + kYoung;
        break;
      }
      Item& item = make_item(queue, std::move(load));
      add_sibling(item);
      admit(item, false, now);
    }
    queue.scanned = std::move(key);
  }
  queue.page = next.has_value() ? kSmallPage : std::min(queue.page * 4, kPage);
  if (!next.has_value()) {
    if (rows.last.has_value()) queue.scanned = rows.last;
    if (rows.more && rows.last.has_value()) next = rows.last->due;
  }
  set_disk_due(queue, next, now);
}

// Looks for what the outage ends, or is to be told of; the rest stays as it is.
void Scheduler::take_sweep(WaitingQueue& queue, LeasedRows& rows, Now now) {
  const Outage* outage = outage_of(queue);
  if (outage == nullptr) return;  // it is over
  bool all_due = true;
  for (Loaded& load : rows.rows) {
    // It waited for the connection that failed only if it was due by then.
    all_due = load.row.key.due <= outage->at;
    if (!all_due) break;
    if (find(load.row.key) != nullptr) continue;
    if (Settlement::past_deadline(load, now.wall)) {
      Item& item = make_item(queue, std::move(load));
      settle(item, settlement_.of_deadline(item.load, now.wall));
    } else if (settlement_.trouble_matters(load, outage->trouble, outage->at, now.wall)) {
      Item& item = make_item(queue, std::move(load));
      settle(item, settlement_.of_trouble(item.load, outage->trouble, outage->at, now.wall));
    }
  }
  if (!all_due || !rows.more) return;
  queue.swept = rows.last;
  sweeps_.push_front(queue.id);
}

void Scheduler::finish_lease(WaitingQueue& queue, Now now) {
  queue.leasing = false;
  for (Item* item : std::exchange(queue.gone, {})) {
    item->state = Item::State::gone;
    forget(*item);
  }
  if (const auto noted = std::exchange(queue.noted, std::nullopt); noted.has_value()) {
    if (*noted == WallTime::min()) {  // the clock jumped meanwhile
      queue.scanned.reset();
      set_disk_due(queue, now.wall, now);
    } else {
      note_on_disk(queue, *noted, now);
    }
  }
  if (!queue.ready.empty()) activate(queue, now);
  if (queue.disk_due.has_value() && !queue.timer.has_value()) disk_is_due(queue, now);
  hand_on(queue, now);
}

// `queue` was to lend its site or domain the mail to probe with, and has none: another one may.
void Scheduler::hand_on(const WaitingQueue& queue, Now now) {
  if (queue.domain == nullptr) return;
  if (queue.domain->outage.down()) return probe(*queue.domain, now);
  if (queue.domain->site != nullptr) probe(*queue.domain->site, now);
}

}  // namespace mail::queue
