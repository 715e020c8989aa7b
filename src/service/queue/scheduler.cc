#include "service/queue/scheduler.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"

namespace mail::queue {
namespace {

constexpr Milliseconds kClockDoubt = std::chrono::minutes(5);  // security.md 14
constexpr Milliseconds kExpiryPause = std::chrono::minutes(30);
constexpr std::size_t kMostSiblings = 256;  // known of a message; a list may have thousands
constexpr Milliseconds kIdle = std::chrono::minutes(1);

Milliseconds offset_of(Now now) {
  return now.wall.time_since_epoch() -
         std::chrono::duration_cast<Milliseconds>(now.mono.time_since_epoch());
}

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

}  // namespace

Scheduler::Scheduler(QueueSettings settings, std::shared_ptr<const Routes> routes, Placer& placer,
                     NoticePolicy& notices, std::uint64_t seed, Now now)
    : settings_(std::move(settings)),
      routes_(std::move(routes)),
      placer_(placer),
      random_(seed),
      settlement_(notices, [this] { return random_(); }),
      clock_offset_(offset_of(now)),
      idle_swept_(now.mono) {
  settlement_.set(settings_);
}

Scheduler::~Scheduler() = default;

WaitingQueue* Scheduler::find_queue(const QueueName& name) const {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

WaitingQueue& Scheduler::queue_for(const QueueName& name) {
  std::unique_ptr<WaitingQueue>& queue = queues_[name];
  if (queue == nullptr) {
    queue = std::make_unique<WaitingQueue>();
    queue->id = next_id_++;
    queue->name = name;
    queues_by_id_[queue->id] = queue.get();
  }
  return *queue;
}

Item* Scheduler::find(const QueueKey& key) const {
  const WaitingQueue* queue = find_queue(key.queue);
  if (queue == nullptr) return nullptr;
  const auto found = items_.find({queue, key.message, key.number, key.due});
  return found == items_.end() ? nullptr : found->second.get();
}

Item& Scheduler::make_item(WaitingQueue& queue, Loaded load) {
  const QueueKey& key = load.row.key;
  std::unique_ptr<Item>& item = items_[{&queue, key.message, key.number, key.due}];
  MAIL_ASSERT(item == nullptr);
  item = std::make_unique<Item>();
  item->load = std::move(load);
  item->queue = &queue;
  ++queue.items;
  return *item;
}

void Scheduler::add_sibling(Item& item) {
  std::vector<Item*>& siblings = siblings_[item.key().message];
  if (siblings.size() == kMostSiblings) return;
  siblings.push_back(&item);
  item.has_siblings = true;
}

void Scheduler::drop_sibling(Item& item) {
  if (!std::exchange(item.has_siblings, false)) return;
  const auto found = siblings_.find(item.key().message);
  std::erase(found->second, &item);
  if (found->second.empty()) siblings_.erase(found);
}

void Scheduler::forget(Item& item) {
  WaitingQueue& queue = *item.queue;
  drop_sibling(item);
  content_bytes_ -= std::exchange(item.charge, 0);
  item.content.reset();
  if (item.state == Item::State::settling && queue.leasing) {
    item.state = Item::State::gone;  // the lease may have read the row before it went
    queue.gone.push_back(&item);
    return;
  }
  --queue.items;
  const QueueKey key = item.key();
  items_.erase({&queue, key.message, key.number, key.due});
}

void Scheduler::learned(const QueueKey& first, Now now) {
  note_on_disk(queue_for(first.queue), first.due, now);
}

void Scheduler::enqueued(Enqueued mail, Now now) {
  std::vector<WaitingQueue*> woken;
  for (QueuedDelivery& row : mail.deliveries) {
    WaitingQueue& queue = queue_for(row.key.queue);
    if (find(row.key) != nullptr) continue;  // a lease was quicker
    const std::size_t charge = mail.content == nullptr ? 0 : mail.content->size();
    const Outage* outage = outage_of(queue);
    const bool waits = outage != nullptr && outage->until > now.mono;
    // More would be more than memory is for: beyond, the disk has it.
    // What comes late may have been leased, sent and settled meanwhile.
    if (halted_ || waits || !is_due(row, now) || !is_young(row, now) ||
        !has_room_for_fresh(queue, charge)) {
      note_on_disk(queue, row.key.due, now);
      continue;
    }
    MailOptions options = options_for(mail.options, mail.reverse_path, row.delivery.reverse_path);
    Loaded load{
        .row = std::move(row), .options = std::move(options), .size = mail.size, .body = mail.body};
    Item& item = make_item(queue, std::move(load));
    item.content = mail.content;
    item.charge = charge;
    content_bytes_ += charge;
    if (mail.deliveries.size() > 1) add_sibling(item);
    if (admit(item, true, now)) woken.push_back(&queue);
  }
  // All of it is in its lanes before any of it goes.
  for (WaitingQueue* queue : woken) join_lane(*queue, now);
  for (WaitingQueue* queue : woken) {
    if (queue->in_lane) dispatch(*queue->domain->site, now);
  }
}

// To the end of its queue, or where it belongs today: then it is settled, and the answer is no.
bool Scheduler::admit(Item& item, bool fresh, Now now) {
  WaitingQueue& queue = *item.queue;
  const std::shared_ptr<const Route>& route =
      routes_->find(queue.name.domain, domain_of(item.load.row.delivery.reverse_path));
  if (redirect(item, *route, fresh, now)) return false;
  if (Settlement::past_deadline(item.load, now.wall)) {
    settle(item, settlement_.of_deadline(item.load, now.wall));
    return false;
  }
  if (queue.domain == nullptr) bind(queue, route);
  item.state = Item::State::ready;
  queue.ready.push_back(&item);
  if (queue.in_lane) ++queue.domain->site->ready;
  return true;
}

bool Scheduler::redirect(Item& item, const Route& route, bool fresh, Now now) {
  const QueueName& name = item.queue->name;
  const Loaded& load = item.load;
  if (route.kind == Route::Kind::local || (!fresh && placer_.is_local(name.domain))) {
    settle(item, settlement_.of_placement(load, load.row.key,
                                          placer_.place(load.row.delivery, now.wall), now.wall));
    return true;
  }
  if (route.kind == Route::Kind::hold) {
    settle(item, Settlement::of_hold(load, "its route is hold", now.wall));
    return true;
  }
  if (route.kind == Route::Kind::discard) {
    settle(item, Settlement::of_discard(load, now.wall));
    return true;
  }
  if (route.to == name.route) return false;
  settle(item, Settlement::of_move(load, {route.to, name.domain, name.lane}, now.wall, now.wall));
  return true;
}

void Scheduler::settle(Item& item, Outcome outcome) {
  if (item.state == Item::State::sending) --sending_;
  item.state = Item::State::settling;
  content_bytes_ -= std::exchange(item.charge, 0);
  item.content.reset();
  for (const Delivery& rest : outcome.rest) {
    if (const auto* route = std::get_if<ToRoute>(&rest.target)) outcome_rests_.push_back(*route);
  }
  outcomes_.push_back(std::move(outcome));
  outcome_items_.push_back(&item);
}

void Scheduler::settled(Now now) {
  MAIL_ASSERT(settling_);
  settling_ = false;
  for (Item* item : std::exchange(flight_items_, {})) forget(*item);
  for (const ToRoute& rest : std::exchange(flight_rests_, {})) {
    note_on_disk(queue_for(rest.queue), rest.due, now);
  }
  for (const std::uint64_t id : std::exchange(flight_retries_, {})) {
    if (const auto found = queues_by_id_.find(id); found != queues_by_id_.end()) {
      nudge(*found->second, now);
    }
  }
}

// RFC 7505, RFC 5321 §5.1: DNS says for good that no mail goes there.
void Scheduler::refuse(WaitingQueue& queue, Now now) {
  MAIL_ASSERT(queue.domain != nullptr && queue.domain->refused.has_value());
  const Resolution& refused = *queue.domain->refused;
  for (Item* item : std::exchange(queue.ready, {})) {
    settle(*item,
           settlement_.of_bounce(item->load, item->key(), refused.enhanced, refused.why, now.wall));
  }
}

void Scheduler::attempted(std::vector<Attempt> attempts, Now now) {
  for (const Attempt& attempt : attempts) {
    Item* item = find(attempt.key);
    if (item == nullptr || item->state != Item::State::sending) continue;
    Site& site = *sites_by_id_.at(item->site);
    site.slots[item->slot].attempted = true;
    const bool lmtp = site.destination->route->kind == Route::Kind::lmtp;
    const bool answered = std::ranges::any_of(attempt.recipients, [](const smtp::Verdict& verdict) {
      return verdict.cause == smtp::Verdict::Cause::reply;
    });
    settle(*item, settlement_.of_attempt(item->load, attempt, lmtp, now.wall));
    if (!answered) continue;
    site.last_success = now.mono;
    if (site.outage.down()) site_up(site, now);
  }
}

void Scheduler::reload(QueueSettings settings, std::shared_ptr<const Routes> routes, Now now) {
  settings_ = std::move(settings);
  settlement_.set(settings_);
  routes_ = std::move(routes);
  // Everything finds its way anew; what is under way keeps the route it began with.
  for (const auto& [name, queue] : queues_) {
    evict(*queue, now);
    unbind(*queue);
  }
  domains_.clear();
  domains_by_id_.clear();
  domain_timers_.clear();
  site_timers_.clear();
  sites_.clear();
  std::erase_if(sites_by_id_, [](const auto& entry) { return entry.second->busy == 0; });
  for (const auto& [id, site] : sites_by_id_) site->domains.clear();
  for (const auto& [name, queue] : queues_) {
    if (queue->disk_due.has_value() && !queue->timer.has_value()) make_hungry(*queue);
  }
}

void Scheduler::clock_check(Now now) {
  const Milliseconds offset = offset_of(now);
  if (std::chrono::abs(offset - clock_offset_) > kClockDoubt) {
    expiry_pause_ = now.mono + kExpiryPause;
    settlement_.pause_expiry(true);
    // Due times on disk were said by the other clock: every queue is looked at again, from its
    // start, and rows that no clock of ours would have made are taken as due.
    for (const auto& [name, queue] : queues_) {
      queue->scanned.reset();
      if (queue->leasing) queue->noted = WallTime::min();
      if (queue->disk_due.has_value()) set_disk_due(*queue, now.wall, now);
    }
  }
  // Slow steering of the wall clock adds up to nothing.
  clock_offset_ = offset;
  if (expiry_pause_.has_value() && now.mono >= *expiry_pause_) {
    expiry_pause_.reset();
    settlement_.pause_expiry(false);
  }
}

void Scheduler::sweep_idle(Now now) {
  if (now.mono < idle_swept_ + kIdle) return;
  idle_swept_ = now.mono;
  for (auto entry = queues_.begin(); entry != queues_.end();) {
    WaitingQueue& queue = *entry->second;
    if (queue.items > 0 || queue.disk_due.has_value() || queue.leasing || queue.hungry) {
      ++entry;
      continue;
    }
    unbind(queue);
    queues_by_id_.erase(queue.id);
    entry = queues_.erase(entry);
  }
  for (auto entry = domains_.begin(); entry != domains_.end();) {
    DomainState& domain = *entry->second;
    if (!domain.queues.empty() || domain.resolving || now.mono < domain.valid_until) {
      ++entry;
      continue;
    }
    leave_site(domain, now);
    if (domain.outage.down()) domain_timers_.erase({domain.outage.until, domain.id});
    domains_by_id_.erase(domain.id);
    entry = domains_.erase(entry);
  }
  std::vector<Site*> idle;
  for (const auto& [id, site] : sites_by_id_) {
    if (site->domains.empty() && site->busy == 0) idle.push_back(site.get());
  }
  for (Site* site : idle) drop_site(*site);
}

Actions Scheduler::take(Now now) {
  clock_check(now);
  while (!queue_timers_.empty() && queue_timers_.begin()->first <= now.mono) {
    WaitingQueue& queue = *queue_timers_.begin()->second;
    queue_timers_.erase(queue_timers_.begin());
    queue.timer.reset();
    disk_is_due(queue, now);
  }
  while (!site_timers_.empty() && site_timers_.begin()->first <= now.mono) {
    const std::uint64_t id = site_timers_.begin()->second;
    site_timers_.erase(site_timers_.begin());
    probe(*sites_by_id_.at(id), now);
  }
  while (!domain_timers_.empty() && domain_timers_.begin()->first <= now.mono) {
    const std::uint64_t id = domain_timers_.begin()->second;
    domain_timers_.erase(domain_timers_.begin());
    probe(*domains_by_id_.at(id), now);
  }
  feed(now);
  sweep_idle(now);
  if (!settling_ && !outcomes_.empty()) {
    settling_ = true;
    actions_.settle = std::exchange(outcomes_, {});
    flight_items_ = std::exchange(outcome_items_, {});
    flight_rests_ = std::exchange(outcome_rests_, {});
    flight_retries_ = std::exchange(outcome_retries_, {});
  }
  return std::exchange(actions_, {});
}

std::optional<MonoTime> Scheduler::next_due() const {
  if (halted_) return std::nullopt;
  std::optional<MonoTime> next;
  const auto sooner = [&](const auto& timers) {
    if (timers.empty()) return;
    if (!next.has_value() || timers.begin()->first < *next) next = timers.begin()->first;
  };
  sooner(queue_timers_);
  sooner(site_timers_);
  sooner(domain_timers_);
  return next;
}

}  // namespace mail::queue
