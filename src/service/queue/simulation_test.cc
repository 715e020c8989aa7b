#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "service/queue/simulator.h"
#include "service/store/ledger.h"

namespace mail::queue {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = RecipientOutcome::Kind;

constexpr WallTime kStart{days(20'000)};

std::string site_of(std::string_view domain) {  // three domains share one
  const char number = domain[1];
  return concat("mx", static_cast<int>(number - '0') / 3, ".test");
}

std::string domain_of(std::string_view address) {
  return std::string(address.substr(address.rfind('@') + 1));
}

}  // namespace

Placement MovingPlacer::place(const record::PendingDelivery& delivery, WallTime now) const {
  Placement placement;
  for (const auto& pending : delivery.recipients) {
    const std::string domain = domain_of(pending.recipient.address);
    Target target = ToRoute{.queue = {"mx", domain, "held"}, .due = now};
    if (is_local(domain)) target = ToMailbox{.account = {1}};
    placement.deliveries.push_back({.target = std::move(target),
                                    .recipients = {pending.recipient},
                                    .reverse_path = delivery.reverse_path,
                                    .added_fields = delivery.added_fields});
  }
  return placement;
}

Simulator::Simulator(std::uint64_t seed, Options options)
    : options_(options),
      random_(seed),
      clock_(kStart),
      store_(clock_),
      tracing_(std::getenv("MAIL_SEED") != nullptr) {
  settings_.retry_for = hours(1 + dice(120));
  settings_.delay_notice_after = hours(dice(5));
  settings_.window = 4 + dice(60);  // small: what does not fit is leased
  settings_.content_memory = 200 + dice(5000);
  settings_.messages_per_job = 1 + static_cast<std::uint32_t>(dice(20));
  settings_.connections_per_site = 1 + static_cast<std::uint32_t>(dice(6));
  boot();
}

Simulator::~Simulator() = default;

void Simulator::trace(const std::string& what) const {
  if (!tracing_) return;
  const auto at = clock_.mono_now().time_since_epoch();
  std::clog << std::chrono::duration_cast<Milliseconds>(at).count() << ' ' << what << '\n';
}

void Simulator::after(Milliseconds delay, std::function<void()> work, bool of_process) {
  events_.push_back({now().mono + delay, order_++, of_process ? life_ : 0, std::move(work)});
  std::push_heap(events_.begin(), events_.end(), std::greater<>());
}

std::shared_ptr<const Routes> Simulator::make_routes() {
  if (!chance(30)) return std::make_shared<const Routes>();
  auto route = std::make_shared<Route>();
  const bool hub = chance(50);
  route->kind = hub ? Route::Kind::smtp : Route::Kind::hold;
  route->to = hub ? "smtp://d9.test" : "hold";
  route->host = "d9.test";
  return std::make_shared<const Routes>(
      std::map<std::string, std::shared_ptr<const Route>>{{"d1.test", route}},
      std::map<std::string, std::shared_ptr<const Route>>{});
}

void Simulator::boot() {
  scheduler_ = std::make_unique<Scheduler>(settings_, std::make_shared<const Routes>(), placer_,
                                           notices_, random_(), now());
  const auto queues = wait_for(store_.queues(std::nullopt, 100'000));
  for (const QueueKey& first : *queues) scheduler_->learned(first, now());
}

// What a remote host took and we did not write down may go again; nothing else.
void Simulator::crash() {
  ++life_;
  announced_.clear();
  untold_.clear();
  trace("crash");
  for (auto& [address, book] : book_) {
    if (book.taken > book.settled) book.allowed = book.taken + 1;
  }
  boot();
}

void Simulator::commit_message() {
  Draft draft;
  draft.id = store_.next_id();
  draft.received_at = now().wall;
  draft.reverse_path = "tom@gmail.test";
  draft.content = std::string(50 + dice(400), 'x');
  draft.size = draft.content.size();
  draft.events.push_back({.message = draft.id,
                          .kind = record::EventKind::received,
                          .at = now().wall,
                          .recipient = {},
                          .recipients = {},
                          .facts = {}});
  if (chance(5)) {
    const auto mode = chance(50) ? DeliverBy::Mode::return_ : DeliverBy::Mode::notify;
    draft.options.deliver_by = DeliverBy{now().wall + minutes(dice(5000)), mode, false};
  }
  std::map<std::string, std::vector<Recipient>> by_domain;
  for (std::uint64_t i = 0; i <= dice(4); ++i) {
    const std::string domain = concat("d", dice(9), ".test");
    by_domain[domain].push_back(concat("u", dice(8), "-", i, "@", domain));
  }
  for (auto& [domain, recipients] : by_domain) {
    for (const Recipient& recipient : recipients) {
      draft.recipients.push_back(recipient);
      draft.events.front().recipients.push_back(recipient.address);
      book_[{draft.id, recipient.address}].since = now().wall;
    }
    const std::string lane = chance(50) ? "1/bulk" : "1/transactional";
    draft.deliveries.push_back({.target = ToRoute{{"mx", domain, lane}, now().wall},
                                .recipients = recipients,
                                .reverse_path = draft.reverse_path,
                                .added_fields = "X: y\r\n"});
  }
  if (!wait_for(store_.commit(std::span(&draft, 1)))) return wrong("a commit failed");
  ++committed_;
  auto mail = std::make_shared<Enqueued>(*enqueued_by(draft));
  for (const QueuedDelivery& row : mail->deliveries) announced_.insert(row.key);
  after(chance(90) ? soon() : Milliseconds(dice(4000)), [this, mail] {
    for (const QueuedDelivery& row : mail->deliveries) announced_.erase(row.key);
    scheduler_->enqueued(*mail, now());
  });
}

void Simulator::change_world() {
  for (int i = 0; i < 3; ++i) {
    Host& host = hosts_[concat("mx", i, ".test")];
    if (chance(40)) host.mood = static_cast<Host::Mood>(healed_ ? 0 : dice(6));
  }
  for (int i = 0; i < 9; ++i) {
    int& dns = dns_[concat("d", i, ".test")];
    if (chance(30)) dns = healed_ || chance(70) ? 0 : static_cast<int>(1 + dice(8) / 7);
  }
  if (healed_) return;
  if (options_.clock_jumps && chance(2)) {
    const auto jump = minutes(static_cast<std::int64_t>(dice(20'000)) - 10'000);
    clock_.set_wall(clock_.wall_now() + jump);
    trace("the clock jumps");
  }
  if (options_.reloads && chance(3)) {
    trace("reload");
    placer_.moved = chance(30);
    scheduler_->reload(settings_, make_routes(), now());
  }
  if (options_.crashes && chance(4)) crash();
}

void Simulator::operate() {
  const auto held = wait_for(store_.held(1000));
  for (const HeldDelivery& each : *held) {
    if (!chance(healed_ ? 100 : 30)) continue;
    const Outcome outcome = chance(80) ? scheduler_->release(each, {}, now())
                                       : scheduler_->bounce_held(each, {}, "no", now());
    if (!wait_for(store_.settle({outcome}))) wrong("an operator's outcome did not fit");
    scheduler_->note(outcome, now());
  }
  if (healed_ || !chance(20)) return;
  const auto queues = wait_for(store_.queues(std::nullopt, 100));
  if (queues->empty()) return;
  const QueueName name = (*queues)[dice(queues->size())].queue;
  const auto rows = wait_for(store_.lease(name, std::nullopt, now().wall + days(9), 1 + dice(3)));
  for (const QueuedDelivery& row : *rows) {
    if (announced_.contains(row.key)) continue;
    const auto load = std::make_shared<Loaded>(Loaded{.row = row, .options = {}, .body = {}});
    const auto verb = dice(4);
    after(soon(), [this, load, verb] {  // the row may be gone by then
      if (verb == 0) scheduler_->hold(*load, "looked at", now());
      if (verb == 1) scheduler_->bounce(*load, "unwanted", now());
      if (verb >= 2) scheduler_->retry(*load, now());
    });
  }
}

void Simulator::lease(LeaseRows wanted) {
  const auto answer = std::make_shared<LeasedRows>();
  answer->id = wanted.id;
  const auto rows =
      wait_for(store_.lease(wanted.queue, wanted.after, now().wall + days(8000), wanted.limit));
  answer->failed = chance(2);
  trace(concat("lease ", wanted.queue.domain, " ", wanted.queue.lane, " limit ", wanted.limit,
               " rows ", rows->size(), answer->failed ? " failed" : ""));
  answer->more = rows->size() == wanted.limit;
  if (!rows->empty()) answer->last = rows->back().key;
  for (const QueuedDelivery& row : *rows) {
    const auto envelope = wait_for(store_.envelope(row.key.message));
    answer->rows.push_back({row, envelope->options, envelope->size, envelope->body});
  }
  if (answer->failed) answer->rows.clear();
  // Read now, told later: meanwhile rows go.
  after(soon(), [this, answer] { scheduler_->leased(std::move(*answer), now()); });
}

void Simulator::resolve(const ResolveHosts& wanted) {
  after(soon(), [this, wanted] {
    Resolution resolution;
    const int dns = dns_[wanted.domain];
    resolution.ttl = seconds(dice(4000));
    if (dns == 0) {
      resolution.kind = Resolution::Kind::found;
      resolution.site = resolution.name = site_of(wanted.domain);
      resolution.hosts.push_back({resolution.site, {}, false});
    } else if (dns == 1) {
      resolution.enhanced = "4.4.3";
      resolution.why = "no answer";
      failed_dns_[wanted.domain] = now().wall;
      trace(concat("no DNS for ", wanted.domain));
    } else {
      resolution.kind = Resolution::Kind::refused;
      resolution.enhanced = "5.1.10";
      resolution.why = "null MX";
    }
    scheduler_->resolved(wanted.id, std::move(resolution), now());
  });
}

smtp::Verdict Simulator::answer_of(const std::string& recipient, Host::Mood mood) {
  smtp::Verdict verdict{.kind = smtp::Verdict::Kind::accepted, .enhanced = {}, .text = "250 ok"};
  verdict.code = 250;
  const bool picky = mood == Host::Mood::picky;
  if (recipient[1] == '0' || (mood == Host::Mood::refuses_much && chance(20))) {
    verdict.kind = smtp::Verdict::Kind::rejected;
    verdict.enhanced = "5.1.1";
    verdict.text = "550 5.1.1 nobody";
  } else if ((recipient[1] == '1' && !healed_) || (picky && chance(60))) {
    verdict.kind = smtp::Verdict::Kind::deferred;
    verdict.enhanced = "4.2.2";
    verdict.text = "452 4.2.2 full";
  }
  return verdict;
}

void Simulator::send(Job job) {
  for (const Parcel& parcel : job.parcels) {
    for (const Recipient& recipient : parcel.recipients) {
      Book& book = book_[{parcel.key.message, recipient.address}];
      if (book.settled > 0) {
        wrong(concat(recipient.address, " is sent again after it was delivered"));
      }
    }
  }
  std::set<MessageId> messages;
  for (const Parcel& parcel : job.parcels) messages.insert(parcel.key.message);
  if (messages.size() > settings_.messages_per_job && messages.size() > 10) {
    wrong("a job is too large");
  }
  trace(concat("job of ", job.parcels.size(), " to ", job.destination->name, " first ",
               job.parcels.front().key.message.to_string(), " ",
               job.parcels.front().key.queue.domain));
  transact(std::make_shared<Job>(std::move(job)), 0);
}

void Simulator::transact(const std::shared_ptr<Job>& job, std::size_t next) {
  const std::string site = job->destination->name;
  const Host::Mood mood = hosts_[site].mood;
  const Milliseconds took = mood == Host::Mood::slow ? seconds(dice(900)) : soon();
  const bool dead = mood == Host::Mood::dead || (mood == Host::Mood::resets && chance(30));
  const WallTime began = now().wall;
  after(took, [this, job, next, site, mood, dead, began] {
    if (next == job->parcels.size() || dead || (next > 0 && chance(3))) {
      std::optional<SiteTrouble> trouble;
      if (dead && next < job->parcels.size()) {
        trouble.emplace();
        trouble->verdict.cause = smtp::Verdict::Cause::closed;
        trouble->verdict.enhanced = "4.4.2";
        trouble->verdict.text = "connection refused";
        failed_site_[site] = std::max(failed_site_[site], began);
        trace(concat("trouble at ", site));
      }
      std::vector<Parcel> untried(job->parcels.begin() + static_cast<std::ptrdiff_t>(next),
                                  job->parcels.end());
      scheduler_->job_done(job->site, job->slot, untried, std::move(trouble), now());
      return;
    }
    const Parcel& parcel = job->parcels[next];
    Attempt attempt{.key = parcel.key, .recipients = {}, .connection = {}, .began = began};
    attempt.connection.host = site;
    for (const Recipient& recipient : parcel.recipients) {
      const smtp::Verdict verdict = answer_of(recipient.address, mood);
      Book& book = book_[{parcel.key.message, recipient.address}];
      book.last_try = std::max(book.last_try, began);
      if (verdict.kind == smtp::Verdict::Kind::accepted && ++book.taken > book.allowed) {
        wrong(concat(recipient.address, " got ", parcel.key.message.to_string(), " twice"));
      }
      attempt.recipients.push_back(verdict);
    }
    std::vector<Attempt> attempts;
    attempts.push_back(std::move(attempt));
    scheduler_->attempted(std::move(attempts), now());
    transact(job, next + 1);
  });
}

// Expired: there was a try of it, or of its way, that began after its age reached the limit.
void Simulator::check_expiry(const Outcome& outcome) {
  const MessageId message = std::visit([](const auto& key) { return key.message; }, outcome.place);
  for (const RecipientOutcome& told : outcome.recipients) {
    Book& book = book_[{message, told.recipient}];
    if (told.kind == Kind::delivered) ++book.settled;
    if (told.kind != Kind::expired || told.facts.front().value == "5.4.7") continue;
    const std::string domain = domain_of(told.recipient);
    WallTime tried = std::max(book.last_try, failed_dns_[domain]);
    for (const auto& [site, at] : failed_site_) tried = std::max(tried, at);
    for (const auto& [name, at] : failed_dns_) tried = std::max(tried, at);
    if (tried < book.since + settings_.retry_for) {
      wrong(concat(told.recipient, " expired without an attempt after its age"));
    }
  }
}

void Simulator::settle(std::vector<Outcome> outcomes) {
  const auto kept = std::make_shared<std::vector<Outcome>>(std::move(outcomes));
  after(soon(), [this, kept] {
    for (const Outcome& outcome : *kept) check_expiry(outcome);
    trace(concat("settles ", kept->size()));
    const auto done = wait_for(store_.settle(*kept));
    if (!done) return wrong(describe(done.error()));
    for (const Outcome& outcome : *kept) {
      for (const Delivery& rest : outcome.rest) {
        const auto* route = std::get_if<ToRoute>(&rest.target);
        if (route != nullptr) untold_.insert({route->queue, route->due});
      }
    }
    after(soon(), [this] {
      untold_.clear();  // one settlement at a time
      scheduler_->settled(now());
    });
  });
}

void Simulator::act() {
  Actions actions = scheduler_->take(now());
  for (LeaseRows& wanted : actions.leases) lease(std::move(wanted));
  for (const ResolveHosts& wanted : actions.resolves) resolve(wanted);
  for (Job& job : actions.jobs) send(std::move(job));
  if (!actions.settle.empty()) settle(std::move(actions.settle));
}

void Simulator::check_rows() {
  const auto queues = wait_for(store_.queues(std::nullopt, 100'000));
  for (const QueueKey& first : *queues) {
    const auto rows =
        wait_for(store_.lease(first.queue, std::nullopt, now().wall + days(8000), 100'000));
    for (const QueuedDelivery& row : *rows) {
      if (announced_.contains(row.key) || untold_.contains({row.key.queue, row.key.due})) continue;
      if (scheduler_->knows(row.key, now())) continue;
      wrong(concat(row.key.message.to_string(), " to ", row.key.queue.domain, " is forgotten"));
    }
  }
}

void Simulator::check_sums() {
  const Counters counted = store_.counters();
  std::map<MessageId, std::vector<record::Event>> messages;
  for (SequencedEvent& each : *wait_for(store_.events_after({}, 1'000'000))) {
    messages[each.event.message].push_back(std::move(each.event));
  }
  Counters recounted;
  for (const auto& [id, events] : messages) {
    ++recounted.messages;
    for (const RecipientState& recipient : recipient_states(events)) {
      ++recounted.accepted;
      ++counter_of(recounted, recipient.state);
    }
  }
  if (counted != recounted) wrong("the sums differ from what the events say");
  if (counted.accepted != counted.delivered + counted.bounced + counted.expired +
                              counted.discarded + counted.quarantined + counted.held +
                              counted.queued) {
    wrong("accepted is not the sum");
  }
}

std::string Simulator::run() {
  std::function<void()> world = [&] {
    change_world();
    if (options_.operators) operate();
    after(minutes(1 + dice(120)), world, false);
  };
  for (std::size_t i = 0; i < options_.messages; ++i) {
    after(minutes(dice(2000)) + Milliseconds(dice(60'000)), [this] { commit_message(); }, false);
  }
  world();
  const MonoTime heal = now().mono + hours(10 + dice(190));
  for (std::size_t step = 0; wrong_.empty(); ++step) {
    act();
    if (step % 64 == 0) check_rows();
    if (step % 256 == 0) check_sums();
    const auto next = scheduler_->next_due();
    const MonoTime at =
        std::max(now().mono, std::min(events_.front().at, next.value_or(heal + days(90))));
    clock_.advance(std::chrono::duration_cast<Milliseconds>(at - now().mono));
    if (!healed_ && now().mono >= heal) {
      healed_ = true;
      if (options_.reloads) {  // routes of its own may hold for ever
        scheduler_->reload(settings_, std::make_shared<const Routes>(), now());
      }
    }
    const Counters counters = store_.counters();
    if (healed_ && counters.queued + counters.held == 0 && committed_ == options_.messages) break;
    if (now().mono > heal + days(60))
      wrong(concat("after 60 days of fair weather mail still waits: ", counters.queued, " queued, ",
                   counters.held, " held, ", committed_, " of ", options_.messages));
    if (step > 200'000) wrong("it does not come to rest");
    if (events_.front().at > now().mono) continue;
    std::pop_heap(events_.begin(), events_.end(), std::greater<>());
    Event event = std::move(events_.back());
    events_.pop_back();
    if (event.life == 0 || event.life == life_) event.work();
  }
  check_sums();
  return wrong_;
}

namespace {

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

// MAIL_SEED=n runs that seed alone and says what happens in it; MAIL_SEEDS=n so many of them.
void run_seeds(std::uint64_t count, Simulator::Options options) {
  const std::optional<std::uint64_t> alone = number_in("MAIL_SEED");
  const std::uint64_t first = alone.value_or(1);
  const std::uint64_t last = alone.value_or(number_in("MAIL_SEEDS").value_or(count));
  int failures = 0;
  for (std::uint64_t seed = first; seed <= last && failures < 5; ++seed) {
    const std::string wrong = Simulator(seed, options).run();
    EXPECT_EQ(wrong, "") << "MAIL_SEED=" << seed << " shows it again";
    failures += wrong.empty() ? 0 : 1;
  }
}

TEST(Simulation, NothingIsForgottenDoubledOrExpiredUntriedWhateverTheSeed) { run_seeds(1000, {}); }

TEST(Simulation, WithoutCrashesAndJumpsEither) {
  run_seeds(500, {.messages = 40, .crashes = false, .clock_jumps = false});
}

TEST(Simulation, WithoutReloadsAndOperatorsEither) {
  run_seeds(500, {.messages = 40, .reloads = false, .operators = false});
}

// A site in trouble was never looked at again when the queue that was to lend its probe could not.
TEST(Simulation, SeedsThatFoundALostProbe) {
  for (const std::uint64_t seed : {2782, 3706}) {
    EXPECT_EQ(Simulator(seed, {.messages = 40, .reloads = false, .operators = false}).run(), "")
        << seed;
  }
}

}  // namespace
}  // namespace mail::queue
