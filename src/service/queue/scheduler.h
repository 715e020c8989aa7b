// When and where to try next (design §5), as a machine: values in, actions out, time as an
// argument. It knows no socket, store, clock or thread; the Queue drives it, and so does the
// simulator.
//
// In memory are the deliveries that may be sent now, within QueueSettings::window; all others are
// rows on disk, of which each queue knows the first that is due. A site or a domain that is down
// keeps its deliveries on disk as they are: only what was really tried gets a new due time. When it
// may be tried again, one job goes, and its success wakes the rest.
//
// Expiry behind a dead site: the connection that failed stands for an attempt of all that waited
// for it, as they would have gone through it. So after a failure the waiting rows are looked
// through, a page at a time, and those older than retry_for when it was made expire with its words;
// what must be told of its delay is told. Probing each of 100,000 instead would take longer than
// their age.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "service/outbound/courier.h"
#include "service/queue/queue_settings.h"
#include "service/queue/settlement.h"
#include "service/queue/site.h"
#include "service/queue/waiting.h"
#include "service/queue/work.h"
#include "service/report/notice_policy.h"
#include "service/routing/placer.h"
#include "service/store/enqueued.h"

namespace mail::queue {

struct SchedulerStatus {
  std::size_t in_memory = 0;
  std::size_t content_bytes = 0;
  std::size_t queues = 0;
  std::size_t sites = 0;
  std::size_t sites_down = 0;
  std::size_t sending = 0;
  std::size_t unsettled = 0;
};

class Scheduler {
 public:
  // `placer` and `notices` outlive it.
  Scheduler(QueueSettings settings, std::shared_ptr<const Routes> routes, Placer& placer,
            NoticePolicy& notices, std::uint64_t seed, Now now);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // What happens. Each may leave actions behind: take() them.
  void learned(const QueueKey& first, Now now);  // a queue on disk, by the key it begins with
  void enqueued(Enqueued mail, Now now);
  void leased(LeasedRows rows, Now now);
  void resolved(std::uint64_t id, Resolution resolution, Now now);
  void attempted(std::vector<Attempt> attempts, Now now);
  void job_done(std::uint64_t site, std::uint32_t slot, const std::vector<Parcel>& untried,
                std::optional<SiteTrouble> trouble, Now now);
  void settled(Now now);  // what take() last handed over for it is on disk
  void reload(QueueSettings settings, std::shared_ptr<const Routes> routes, Now now);
  void halt() { halted_ = true; }  // from now on only what is under way is settled

  // What is to be done now. Also sees to what has come due.
  Actions take(Now now);
  // When take() will have something to do, if nothing happens before; nothing: never.
  std::optional<MonoTime> next_due() const;

  // The operator's. False: it is being sent or settled and cannot be changed now. `load` is the row
  // as the store has it.
  bool retry(const Loaded& load, Now now);
  bool hold(const Loaded& load, std::string reason, Now now);
  bool bounce(const Loaded& load, std::string_view why, Now now);
  Outcome release(const HeldDelivery& held, const MailOptions& options, Now now);
  Outcome bounce_held(const HeldDelivery& held, const MailOptions& options, std::string_view why,
                      Now now);
  void note(const Outcome& outcome, Now now);  // an outcome of a held one is on disk: its new rows

  Explanation explain(const QueueKey& key, const record::PendingDelivery& delivery, Now now) const;
  SchedulerStatus status() const;
  // Whether it will come to this row without being told again: for the simulator.
  bool knows(const QueueKey& key, Now now) const;

 private:
  // scheduler.cc: queues and items
  WaitingQueue& queue_for(const QueueName& name);
  WaitingQueue* find_queue(const QueueName& name) const;
  Item* find(const QueueKey& key) const;
  Item& make_item(WaitingQueue& queue, Loaded load);
  void add_sibling(Item& item);
  void drop_sibling(Item& item);
  void forget(Item& item);
  bool admit(Item& item, bool fresh, Now now);
  bool redirect(Item& item, const Route& route, bool fresh, Now now);
  void settle(Item& item, Outcome outcome);
  void refuse(WaitingQueue& queue, Now now);
  void clock_check(Now now);
  void sweep_idle(Now now);

  // scheduler_operator.cc
  void nudge(WaitingQueue& queue, Now now);
  bool take_out(const Loaded& load, Item*& item);

  // scheduler_window.cc: what is in memory of what is on disk
  void note_on_disk(WaitingQueue& queue, WallTime due, Now now);
  void evict(WaitingQueue& queue, Now now);
  void set_disk_due(WaitingQueue& queue, std::optional<WallTime> due, Now now);
  void disk_is_due(WaitingQueue& queue, Now now);
  void make_hungry(WaitingQueue& queue);
  void finish_lease(WaitingQueue& queue, Now now);
  void hand_on(const WaitingQueue& queue, Now now);
  void feed(Now now);
  bool may_lease(const WaitingQueue& queue, Now now) const;
  void take_window(WaitingQueue& queue, LeasedRows& rows, Now now);
  void take_sweep(WaitingQueue& queue, LeasedRows& rows, Now now);
  bool is_due(const QueuedDelivery& row, Now now) const;
  static bool is_young(const QueuedDelivery& row, Now now);
  // A part of the window is for fresh mail only.
  bool has_room() const { return items_.size() < settings_.window * 3 / 4; }
  bool has_room_for_fresh(const WaitingQueue& queue, std::size_t charge) const;

  // scheduler_sites.cc: where it goes
  void bind(WaitingQueue& queue, const std::shared_ptr<const Route>& route);
  void unbind(WaitingQueue& queue);
  void activate(WaitingQueue& queue, Now now);
  void join_lane(WaitingQueue& queue, Now now);
  void resolve(DomainState& domain, Now now);
  Site& site_for(const Resolution& resolution, const std::shared_ptr<const Route>& route);
  void leave_site(DomainState& domain, Now now);
  void put_back(const std::vector<Item*>& items, Now now);
  void fail_parcels(const std::vector<Item*>& items, const SiteTrouble& trouble, WallTime began,
                    Now now);
  std::vector<Item*> free_slot(Site& site, std::uint32_t slot);
  void drop_site(Site& site);
  void dispatch(Site& site, Now now);
  bool send_job(Site& site, std::size_t most, Now now);
  std::vector<Item*> pick(Site& site, std::size_t most, Now now);
  void pick_siblings(Site& site, const Item& item, std::vector<Item*>& picked, Now now);
  void left_lane(Site& site, WaitingQueue& queue);
  void site_up(Site& site, Now now);
  void site_failed(Site& site, const SiteTrouble& trouble, WallTime began, Now now);
  void probe(Site& site, Now now);
  void probe(DomainState& domain, Now now);
  void domain_failed(DomainState& domain, const Resolution& resolution, Now now);
  bool start_outage(Outage& outage, const SiteTrouble& trouble, WallTime began, Now now);
  void start_sweeps(const DomainState& domain);
  void wake(DomainState& domain, Now now);
  const Outage* outage_of(const WaitingQueue& queue) const;
  bool crowded(const WaitingQueue& queue) const;
  std::int64_t weight_of(std::string_view lane) const;
  std::size_t start_limit() const;

  QueueSettings settings_;
  std::shared_ptr<const Routes> routes_;
  Placer& placer_;
  std::mt19937_64 random_;
  Settlement settlement_;
  bool halted_ = false;

  std::uint64_t next_id_ = 1;
  std::unordered_map<QueueName, std::unique_ptr<WaitingQueue>, QueueNameHash> queues_;
  std::unordered_map<std::uint64_t, WaitingQueue*> queues_by_id_;
  std::unordered_map<std::string, std::unique_ptr<DomainState>> domains_;
  std::unordered_map<std::uint64_t, DomainState*> domains_by_id_;
  std::unordered_map<std::string, Site*> sites_;  // those of today's routes
  std::unordered_map<std::uint64_t, std::unique_ptr<Site>> sites_by_id_;
  std::unordered_map<ItemKey, std::unique_ptr<Item>, ItemKeyHash> items_;
  // Those of one message, some of them where it has many: what goes to one site goes together.
  std::unordered_map<MessageId, std::vector<Item*>> siblings_;
  std::size_t content_bytes_ = 0;
  std::size_t sending_ = 0;

  struct Earlier {
    using Timer = std::pair<MonoTime, WaitingQueue*>;
    bool operator()(const Timer& a, const Timer& b) const {
      return a.first != b.first ? a.first < b.first : a.second->id < b.second->id;
    }
  };
  std::set<std::pair<MonoTime, WaitingQueue*>, Earlier> queue_timers_;
  std::set<std::pair<MonoTime, std::uint64_t>> site_timers_;
  std::set<std::pair<MonoTime, std::uint64_t>> domain_timers_;
  std::deque<WaitingQueue*> hungry_;
  std::deque<std::uint64_t> sweeps_;  // queues
  bool sweep_out_ = false;            // the lease of one of them
  std::size_t leases_out_ = 0;

  std::vector<Outcome> outcomes_;       // to be settled next
  std::vector<Item*> outcome_items_;    // of outcomes_
  std::vector<Item*> flight_items_;     // of the settlement under way
  std::vector<ToRoute> outcome_rests_;  // rows that outcomes_ will make
  std::vector<ToRoute> flight_rests_;
  std::vector<std::uint64_t> outcome_retries_;  // queues an operator wants tried now
  std::vector<std::uint64_t> flight_retries_;
  bool settling_ = false;
  Actions actions_;

  Milliseconds clock_offset_{0};  // wall minus monotonic
  std::optional<MonoTime> expiry_pause_;
  MonoTime idle_swept_;
};

}  // namespace mail::queue
