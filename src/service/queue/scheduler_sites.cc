// Where it goes: domains are resolved, domains with the same hosts share a site, sites get jobs,
// and wait when they are down.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "service/queue/backoff.h"
#include "service/queue/scheduler.h"

namespace mail::queue {
namespace {

constexpr std::size_t kStartLimit = 5;     // connections, until a site has shown that it can more
constexpr std::size_t kProbeParcels = 10;  // of a site that was down
constexpr std::size_t kSample = 10;        // deliveries of a domain without DNS that say so on disk
constexpr std::size_t kMostTogether = 100;  // deliveries of one message in a transaction
constexpr std::size_t kFew = 8;             // not worth a connection more
constexpr std::size_t kLow = 128;           // deliveries ready in a queue: below, more are leased
constexpr std::size_t kSiteReady = 256;     // see Scheduler::crowded()
constexpr std::uint32_t kMaxBarren = 3;
constexpr std::chrono::seconds kLeastTtl{5};
constexpr std::chrono::seconds kMostTtl{3600};
constexpr Milliseconds kSweepEvery = std::chrono::hours(1);

// What makes connections differ; two routes alike may share theirs.
std::string identity_of(const Route& route) {
  std::string text = concat(route.to, '\n', route.source, '\n', route.helo, '\n',
                            static_cast<int>(route.tls), route.verify ? "v" : "");
  if (route.login.has_value()) append(text, '\n', route.login->user);
  return text;
}

}  // namespace

std::int64_t Scheduler::weight_of(std::string_view lane) const {
  const std::size_t slash = lane.rfind('/');
  const std::string_view stream = slash == std::string_view::npos ? lane : lane.substr(slash + 1);
  const auto found = settings_.stream_weights.find(std::string(stream));
  return found == settings_.stream_weights.end() ? kLaneWeight : found->second;
}

std::size_t Scheduler::start_limit() const {
  return std::min<std::size_t>(kStartLimit, settings_.connections_per_site);
}

const Outage* Scheduler::outage_of(const WaitingQueue& queue) const {
  if (queue.domain == nullptr) return nullptr;
  if (queue.domain->outage.down()) return &queue.domain->outage;
  const Site* site = queue.domain->site;
  return site != nullptr && site->outage.down() ? &site->outage : nullptr;
}

void Scheduler::bind(WaitingQueue& queue, const std::shared_ptr<const Route>& route) {
  queue.route = route;
  std::string key = identity_of(*route);
  if (route->kind == Route::Kind::mx) append(key, '\n', queue.name.domain);
  std::unique_ptr<DomainState>& domain = domains_[key];
  if (domain == nullptr) {
    domain = std::make_unique<DomainState>();
    domain->id = next_id_++;
    domain->key = std::move(key);
    domain->name = route->kind == Route::Kind::mx ? queue.name.domain : route->host;
    domain->route = route;
    domains_by_id_[domain->id] = domain.get();
  }
  queue.domain = domain.get();
  domain->queues.insert(&queue);
}

void Scheduler::unbind(WaitingQueue& queue) {
  if (queue.domain != nullptr) queue.domain->queues.erase(&queue);
  queue.domain = nullptr;
  queue.route.reset();
}

// A site that is slow does not fill the window with what waits for it. While there is plenty of
// room much may be ready: mail that flows needs no disk.
bool Scheduler::crowded(const WaitingQueue& queue) const {
  Site* site = queue.domain == nullptr ? nullptr : queue.domain->site;
  if (site == nullptr || site->ready < kSiteReady) return false;
  if (items_.size() < settings_.window / 2) return false;
  site->full = true;
  return true;
}

// `queue` has something ready: onwards with it.
void Scheduler::activate(WaitingQueue& queue, Now now) {
  join_lane(queue, now);
  if (queue.in_lane) dispatch(*queue.domain->site, now);
}

void Scheduler::join_lane(WaitingQueue& queue, Now now) {
  if (queue.ready.empty() || queue.in_lane) return;
  DomainState& domain = *queue.domain;
  const bool valid = now.mono < domain.valid_until;
  if (domain.outage.down()) {
    if (domain.outage.until > now.mono) return evict(queue, now);
    return resolve(domain, now);
  }
  if (valid && domain.refused.has_value()) return refuse(queue, now);
  if (!valid || domain.site == nullptr) return resolve(domain, now);
  Site& site = *domain.site;
  if (site.outage.down() && (site.outage.until > now.mono || site.busy > 0)) {
    return evict(queue, now);
  }
  site.lanes.add(queue, weight_of(queue.name.lane));
  site.ready += queue.ready.size();
}

void Scheduler::resolve(DomainState& domain, Now now) {
  (void)now;
  if (domain.resolving || halted_) return;
  domain.resolving = true;
  actions_.resolves.push_back({.id = domain.id, .domain = domain.name, .route = domain.route});
}

void Scheduler::resolved(std::uint64_t id, Resolution resolution, Now now) {
  const auto found = domains_by_id_.find(id);
  if (found == domains_by_id_.end()) return;  // from before a reload
  DomainState& domain = *found->second;
  domain.resolving = false;
  domain.refused.reset();
  if (resolution.kind == Resolution::Kind::failed) return domain_failed(domain, resolution, now);
  if (domain.outage.down()) domain_timers_.erase({domain.outage.until, domain.id});
  domain.outage = {};
  domain.valid_until = now.mono + std::clamp(resolution.ttl, kLeastTtl, kMostTtl);
  if (resolution.kind == Resolution::Kind::refused) {
    leave_site(domain, now);
    domain.refused = std::move(resolution);
  } else {
    Site& site = site_for(resolution, domain.route);
    if (domain.site != &site) {
      leave_site(domain, now);
      domain.site = &site;
      site.domains.insert(&domain);
    }
  }
  wake(domain, now);
}

// It waits alone; a few of those that are due say so, the others wait on disk as they are.
void Scheduler::domain_failed(DomainState& domain, const Resolution& resolution, Now now) {
  const SiteTrouble trouble{.verdict = {.kind = smtp::Verdict::Kind::deferred,
                                        .cause = smtp::Verdict::Cause::abandoned,
                                        .stage = smtp::Stage::greeting,
                                        .code = 0,
                                        .enhanced = resolution.enhanced,
                                        .text = resolution.why},
                            .connection = {}};
  leave_site(domain, now);
  std::vector<Item*> sample;
  for (WaitingQueue* queue : domain.queues) {
    while (sample.size() < kSample && !queue->ready.empty()) {
      sample.push_back(queue->ready.front());
      queue->ready.pop_front();
    }
  }
  fail_parcels(sample, trouble, now.wall, now);
  if (domain.outage.down()) domain_timers_.erase({domain.outage.until, domain.id});
  const bool sweep = start_outage(domain.outage, trouble, now.wall, now);
  domain_timers_.insert({domain.outage.until, domain.id});
  for (WaitingQueue* queue : domain.queues) evict(*queue, now);
  if (sweep) start_sweeps(domain);
}

Site& Scheduler::site_for(const Resolution& resolution, const std::shared_ptr<const Route>& route) {
  std::string key = concat(identity_of(*route), '\n', resolution.site);
  Site*& known = sites_[key];
  if (known == nullptr) {
    auto site = std::make_unique<Site>();
    site->id = next_id_++;
    site->key = std::move(key);
    site->limit = start_limit();
    known = site.get();
    sites_by_id_[site->id] = std::move(site);
  }
  known->destination = std::make_shared<const Destination>(
      Destination{.route = route, .hosts = resolution.hosts, .name = resolution.name});
  return *known;
}

void Scheduler::leave_site(DomainState& domain, Now now) {
  if (domain.site == nullptr) return;
  Site& site = *domain.site;
  for (WaitingQueue* queue : domain.queues) {
    if (!queue->in_lane) continue;
    site.lanes.remove(*queue);
    site.ready -= queue->ready.size();
  }
  site.domains.erase(&domain);
  domain.site = nullptr;
  probe(site, now);  // one of its queues may have been about to make the probe
}

void Scheduler::drop_site(Site& site) {
  if (site.outage.down()) site_timers_.erase({site.outage.until, site.id});
  if (const auto found = sites_.find(site.key); found != sites_.end() && found->second == &site) {
    sites_.erase(found);
  }
  sites_by_id_.erase(site.id);
}

void Scheduler::wake(DomainState& domain, Now now) {
  // join_lane() may settle and evict, but neither makes nor removes a queue of the domain.
  for (WaitingQueue* queue : domain.queues) {
    join_lane(*queue, now);
    if (queue->disk_due.has_value() && !queue->timer.has_value()) disk_is_due(*queue, now);
  }
  if (domain.site != nullptr) dispatch(*domain.site, now);
}

void Scheduler::dispatch(Site& site, Now now) {
  if (halted_) return;
  if (site.outage.down()) {
    if (site.outage.until <= now.mono && site.busy == 0) send_job(site, kProbeParcels, now);
    return;
  }
  const std::size_t limit = std::min<std::size_t>(site.limit, settings_.connections_per_site);
  while (site.busy < limit && !site.lanes.empty()) {
    const std::size_t free = limit - site.busy;
    const std::size_t share = std::max(kFew, (site.ready + free - 1) / free);
    if (!send_job(site, std::min<std::size_t>(share, settings_.messages_per_job), now)) return;
  }
}

// One of its deliveries is out: is more to be had from disk?
void Scheduler::left_lane(Site& site, WaitingQueue& queue) {
  --site.ready;
  if (queue.ready.size() < kLow && queue.disk_due.has_value() && !queue.timer.has_value()) {
    make_hungry(queue);
  }
}

// What `item`'s message has for other domains of its site: it is one transaction.
void Scheduler::pick_siblings(Site& site, const Item& item, std::vector<Item*>& picked, Now now) {
  if (!item.has_siblings) return;
  std::size_t count = 1;
  for (Item* sibling : siblings_.at(item.key().message)) {
    WaitingQueue& queue = *sibling->queue;
    if (sibling == &item || sibling->state != Item::State::ready || !queue.in_lane ||
        queue.domain->site != &site || Settlement::past_deadline(sibling->load, now.wall)) {
      continue;
    }
    if (++count > kMostTogether) break;
    site.lanes.take(*sibling);
    left_lane(site, queue);
    picked.push_back(sibling);
  }
}

// The next deliveries of at most so many messages.
std::vector<Item*> Scheduler::pick(Site& site, std::size_t most, Now now) {
  std::vector<Item*> picked;
  for (std::size_t messages = 0; messages < std::max<std::size_t>(most, 1);) {
    Item* item = site.lanes.next();
    if (item == nullptr) break;
    left_lane(site, *item->queue);
    if (Settlement::past_deadline(item->load, now.wall)) {
      settle(*item, settlement_.of_deadline(item->load, now.wall));
      continue;
    }
    ++messages;
    picked.push_back(item);
    pick_siblings(site, *item, picked, now);
  }
  if (site.full && site.ready < kSiteReady / 2) {
    site.full = false;
    for (const DomainState* domain : site.domains) {
      for (WaitingQueue* queue : domain->queues) {
        if (queue->disk_due.has_value() && !queue->timer.has_value()) make_hungry(*queue);
      }
    }
  }
  return picked;
}

bool Scheduler::send_job(Site& site, std::size_t most, Now now) {
  const std::vector<Item*> items = pick(site, most, now);
  if (items.empty()) return false;
  const std::uint32_t number = site.take_slot();
  Site::Slot& slot = site.slots[number];
  slot.began = now.wall;
  slot.began_mono = now.mono;
  Job job{.site = site.id, .slot = number, .destination = site.destination, .parcels = {}};
  job.parcels.reserve(items.size());
  for (Item* item : items) {
    const QueueKey& key = item->key();
    item->state = Item::State::sending;
    item->site = site.id;
    item->slot = number;
    ++sending_;
    slot.parcels.push_back({item->queue, key.message, key.number, key.due});
    Parcel parcel{.key = key,
                  .options = item->load.options,
                  .reverse_path = item->load.row.delivery.reverse_path,
                  .added_fields = item->load.row.delivery.added_fields,
                  .recipients = {},
                  .size = item->load.size,
                  .content = item->content,
                  .body = item->load.body};
    parcel.recipients.reserve(item->load.row.delivery.recipients.size());
    for (const auto& pending : item->load.row.delivery.recipients) {
      parcel.recipients.push_back(pending.recipient);
    }
    job.parcels.push_back(std::move(parcel));
  }
  actions_.jobs.push_back(std::move(job));
  return true;
}

// The deliveries of its job that nothing was said of.
std::vector<Item*> Scheduler::free_slot(Site& site, std::uint32_t number) {
  Site::Slot& slot = site.slots.at(number);
  MAIL_ASSERT(slot.busy);
  slot.busy = false;
  --site.busy;
  std::vector<Item*> left;
  for (const ItemKey& key : std::exchange(slot.parcels, {})) {
    const auto found = items_.find(key);
    if (found == items_.end()) continue;
    Item& item = *found->second;
    if (item.state != Item::State::sending || item.site != site.id || item.slot != number) continue;
    left.push_back(&item);
  }
  return left;
}

void Scheduler::put_back(const std::vector<Item*>& items, Now now) {
  for (auto it = items.rbegin(); it != items.rend(); ++it) {
    Item& item = **it;
    WaitingQueue& queue = *item.queue;
    --sending_;
    item.state = Item::State::ready;
    if (queue.domain == nullptr || halted_) {  // the routes are new: the disk has it
      note_on_disk(queue, item.key().due, now);
      forget(item);
      continue;
    }
    queue.ready.push_front(&item);
    if (queue.in_lane) ++queue.domain->site->ready;
  }
}

void Scheduler::fail_parcels(const std::vector<Item*>& items, const SiteTrouble& trouble,
                             WallTime began, Now now) {
  for (Item* item : items) {
    settle(*item, settlement_.of_trouble(item->load, trouble, began, now.wall));
  }
}

void Scheduler::job_done(std::uint64_t id, std::uint32_t number, const std::vector<Parcel>& untried,
                         std::optional<SiteTrouble> trouble, Now now) {
  (void)untried;  // they are what nothing was said of
  const auto found = sites_by_id_.find(id);
  if (found == sites_by_id_.end()) return;
  Site& site = *found->second;
  const std::vector<Item*> left = free_slot(site, number);
  std::set<WaitingQueue*, ById> queues;
  for (const Item* item : left) queues.insert(item->queue);
  Site::Slot& slot = site.slots[number];
  const WallTime began = slot.began;
  const bool tried = std::exchange(slot.attempted, false);
  const bool alive = site.last_success.has_value() && *site.last_success >= slot.began_mono;
  site.barren = tried || trouble.has_value() ? 0 : site.barren + 1;
  if (site.barren >= kMaxBarren && !left.empty()) {
    trouble.emplace();
    trouble->verdict.cause = smtp::Verdict::Cause::abandoned;
    trouble->verdict.enhanced = "4.4.2";
    trouble->verdict.text = "connections end before any message was tried";
  }
  if (!trouble.has_value()) {
    put_back(left, now);
    if (tried && ++site.successes >= site.limit && site.limit < settings_.connections_per_site) {
      ++site.limit;
      site.successes = 0;
    }
  } else if (trouble->verdict.kind == smtp::Verdict::Kind::rejected) {
    fail_parcels(left, *trouble, began, now);  // said of these messages, not of the site
  } else if (alive && site.busy > 0) {
    // It works, but not with so many connections at once.
    site.limit = site.busy;
    site.successes = 0;
    put_back(left, now);
  } else {
    fail_parcels(left, *trouble, began, now);
    site_failed(site, *trouble, began, now);
  }
  // Queues that are ready but lost their turn get one, or go back to disk while it is down.
  for (WaitingQueue* queue : queues) {
    if (!queue->ready.empty() && queue->domain != nullptr) activate(*queue, now);
  }
  dispatch(site, now);
  if (site.outage.down()) probe(site, now);
}

bool Scheduler::start_outage(Outage& outage, const SiteTrouble& trouble, WallTime began, Now now) {
  outage.trouble = trouble;
  outage.at = began;
  // What was under way when it went down does not make it go further down.
  if (!outage.down() || outage.until <= now.mono) {
    const Milliseconds wait =
        backoff(++outage.failures, settings_.retry_min, settings_.retry_max, random_());
    outage.is_down = true;
    outage.until = now.mono + wait;
    outage.next_try = now.wall + wait;
  }
  if (outage.swept.has_value() &&
      now.mono < *outage.swept + std::min(kSweepEvery, settings_.retry_max)) {
    return false;
  }
  outage.swept = now.mono;
  return true;
}

void Scheduler::site_failed(Site& site, const SiteTrouble& trouble, WallTime began, Now now) {
  if (const auto known = sites_.find(site.key); known == sites_.end() || known->second != &site) {
    return;  // from before a reload: nothing waits for it
  }
  if (site.outage.down()) site_timers_.erase({site.outage.until, site.id});
  const bool sweep = start_outage(site.outage, trouble, began, now);
  site_timers_.insert({site.outage.until, site.id});
  site.limit = start_limit();
  site.successes = 0;
  for (DomainState* domain : site.domains) {
    for (WaitingQueue* queue : domain->queues) evict(*queue, now);
    if (sweep) start_sweeps(*domain);
  }
}

void Scheduler::site_up(Site& site, Now now) {
  site_timers_.erase({site.outage.until, site.id});
  site.outage = {};
  site.limit = start_limit();
  for (DomainState* domain : site.domains) wake(*domain, now);
}

void Scheduler::start_sweeps(const DomainState& domain) {
  for (WaitingQueue* queue : domain.queues) {
    queue->swept.reset();
    sweeps_.push_back(queue->id);
  }
}

// One job for a site that was down, once its time has come: from memory, or leased for it.
void Scheduler::probe(Site& site, Now now) {
  if (!site.outage.down() || site.outage.until > now.mono || site.busy > 0) return;
  if (site.ready > 0) return dispatch(site, now);
  WaitingQueue* oldest = nullptr;
  for (const DomainState* domain : site.domains) {
    for (WaitingQueue* queue : domain->queues) {
      if (queue->leasing || queue->hungry) return;  // it comes, or hands the probe on
      if (!may_lease(*queue, now)) continue;
      if (oldest == nullptr || queue->disk_due < oldest->disk_due) oldest = queue;
    }
  }
  if (oldest != nullptr) make_hungry(*oldest);
}

void Scheduler::probe(DomainState& domain, Now now) {
  if (!domain.outage.down() || domain.outage.until > now.mono) return;
  const bool wanted = std::ranges::any_of(domain.queues, [](const WaitingQueue* queue) {
    return !queue->ready.empty() || (queue->disk_due.has_value() && !queue->timer.has_value());
  });
  if (wanted) resolve(domain, now);
}

}  // namespace mail::queue
