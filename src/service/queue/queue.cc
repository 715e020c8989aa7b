#include "service/queue/queue.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "codec/address/address.h"
#include "codec/message/header_block.h"
#include "service/queue/driver.h"

namespace mail {
namespace {

constexpr std::size_t kQueuesPerPage = 1000;
constexpr std::size_t kNewsContent = std::size_t{64} << 20U;
constexpr std::chrono::seconds kDnsPatience{20};
constexpr std::chrono::hours kNoTtl{1};    // nothing to look up
constexpr Milliseconds kPatientWork{100};  // between two ticks; then patient leases wait

std::uint64_t seed_of(Random& random) {
  std::uint64_t seed = 0;
  random.fill(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

queue::Resolution resolution_of(const mx::MxAnswer& answer) {
  queue::Resolution resolution;
  resolution.enhanced = answer.enhanced;
  resolution.why = answer.why;
  resolution.ttl = answer.ttl;
  switch (answer.kind) {
    case mx::MxAnswer::Kind::found:
      resolution.kind = queue::Resolution::Kind::found;
      break;
    case mx::MxAnswer::Kind::permanent:
      resolution.kind = queue::Resolution::Kind::refused;
      return resolution;
    case mx::MxAnswer::Kind::temporary:
      resolution.kind = queue::Resolution::Kind::failed;
      return resolution;
  }
  for (const mx::MxHost& host : answer.hosts) {
    resolution.hosts.push_back({host.name, host.addresses, host.secure});
  }
  resolution.site = mx::site_key(answer);
  resolution.name = answer.hosts.front().name;
  return resolution;
}

bool goes_to_mailbox(const Outcome& outcome) {
  for (const Delivery& rest : outcome.rest) {
    if (std::holds_alternative<ToMailbox>(rest.target)) return true;
  }
  return false;
}

bool was_delivered(const Outcome& outcome) {
  for (const RecipientOutcome& told : outcome.recipients) {
    if (told.kind == RecipientOutcome::Kind::delivered) return true;
  }
  return false;
}

MessageId message_of(const Place& place) {
  return std::visit([](const auto& key) { return key.message; }, place);
}

std::string_view event_of(RecipientOutcome::Kind kind) {
  switch (kind) {
    case RecipientOutcome::Kind::delivered:
      return "queue.delivered";
    case RecipientOutcome::Kind::deferred:
      return "queue.deferred";
    case RecipientOutcome::Kind::bounced:
      return "queue.bounced";
    case RecipientOutcome::Kind::expired:
      return "queue.expired";
    case RecipientOutcome::Kind::discarded:
      return "queue.discarded";
  }
  return "";
}

// Worth another try as it is; anything else would fail for ever.
bool may_heal(Errc code) { return code != Errc::invalid_argument && code != Errc::store_corrupt; }

}  // namespace

std::string_view to_string(QueueRow::State state) {
  switch (state) {
    case QueueRow::State::queued:
      return "queued";
    case QueueRow::State::sending:
      return "sending";
    case QueueRow::State::held:
      return "held";
  }
  return "";
}

void Queue::Impl::Waiters::resume_all() {
  for (const std::coroutine_handle<> handle : std::exchange(handles_, {})) handle.resume();
}

Queue::Impl::Impl(QueueParts parts, QueueWorld world)
    : parts_(parts),
      world_(std::move(world)),
      thread_(parts.clock),
      scheduler_(world_.settings, world_.routes, parts.placer, parts.notices, seed_of(parts.random),
                 now()) {}

queue::Now Queue::Impl::now() const {
  return {.wall = parts_.clock.wall_now(), .mono = parts_.clock.mono_now()};
}

void Queue::Impl::start(Courier& courier) {
  courier_ = &courier;
  if (!parts_.in_flight.empty()) in_flight_.emplace(parts_.in_flight);
  thread_.every_second([this] { tick(); });
  thread_.post([this] { tasks_.spawn(learn()); });
  thread_.start("mw-queue");
}

void Queue::Impl::stop(Milliseconds grace) {
  if (courier_ == nullptr) return;
  thread_.post([this] {
    stopping_ = true;
    scheduler_.halt();
    patience_.resume_all();
    run();
    check_stopped();
  });
  std::unique_lock lock(mutex_);
  if (!stopped_.wait_for(lock, grace, [this] { return idle_; })) {
    thread_.post([this] {
      out_of_patience_ = true;
      ticks_.resume_all();
      settlements_.resume_all();
      check_stopped();
    });
    stopped_.wait(lock, [this] { return idle_; });  // each task has a deadline of its own
  }
  lock.unlock();
  thread_.stop();
  thread_.join();
  courier_ = nullptr;
  in_flight_.reset();
}

void Queue::Impl::check_stopped() {
  if (!stopping_ || tasks_.size() > 0 || verbs_ > 0) return;
  const queue::SchedulerStatus status = scheduler_.status();
  if (!out_of_patience_ && (status.sending > 0 || status.unsettled > 0)) return;
  const std::lock_guard lock(mutex_);
  idle_ = true;
  stopped_.notify_all();
}

void Queue::Impl::tell(News news) {
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    if (auto* mail = std::get_if<Enqueued>(&news); mail != nullptr && mail->content != nullptr) {
      news_content_ += mail->content->size();
      if (news_content_ > kNewsContent) mail->content.reset();  // it is read from disk, later
    }
    news_.push_back(std::move(news));
    post = !std::exchange(told_, true);
  }
  if (post) thread_.post([this] { drain(); });
}

void Queue::Impl::drain() {
  std::vector<News> news;
  {
    const std::lock_guard lock(mutex_);
    news.swap(news_);
    news_content_ = 0;
    told_ = false;
  }
  for (News& each : news) take_news(std::move(each));
  run();
}

void Queue::Impl::take_news(News news) {
  if (auto* mail = std::get_if<Enqueued>(&news)) {
    scheduler_.enqueued(std::move(*mail), now());
  } else if (auto* attempts = std::get_if<std::vector<Attempt>>(&news)) {
    for (const Attempt& attempt : *attempts) {
      if (!attempt.maybe_delivered) continue;
      log::warning("queue.possible_duplicate", {{"id", attempt.key.message.to_string()},
                                                {"host", attempt.connection.host},
                                                {"why", "no reply to the final dot"}});
    }
    scheduler_.attempted(std::move(*attempts), now());
  } else if (auto* done = std::get_if<JobDone>(&news)) {
    if (done->trouble.has_value()) {
      log::info("queue.site_trouble", {{"host", done->trouble->connection.host},
                                       {"address", done->trouble->connection.address},
                                       {"why", done->trouble->verdict.text}});
    }
    came_back(done->untried);
    scheduler_.job_done(done->site, done->slot, done->untried, std::move(done->trouble), now());
  } else if (auto* world = std::get_if<QueueWorld>(&news)) {
    world_ = std::move(*world);
    scheduler_.reload(world_.settings, world_.routes, now());
  }
}

void Queue::Impl::tick() {
  ticks_.resume_all();
  patience_.resume_all();
  run();
}

// What is performed may end at once and come back here: then one more round is made.
void Queue::Impl::run() {
  if (std::exchange(running_, true)) {
    again_ = true;
    return;
  }
  for (;;) {
    again_ = false;
    queue::Actions actions = scheduler_.take(now());
    const bool none = actions.empty();
    perform(std::move(actions));
    if (none && !again_) break;
  }
  running_ = false;
  if (stopping_) check_stopped();
}

void Queue::Impl::perform(queue::Actions actions) {
  for (queue::LeaseRows& wanted : actions.leases) tasks_.spawn(lease(std::move(wanted)));
  for (queue::ResolveHosts& wanted : actions.resolves) tasks_.spawn(resolve(std::move(wanted)));
  for (Job& job : actions.jobs) send(std::move(job));
  if (!actions.settle.empty()) tasks_.spawn(settle(std::move(actions.settle)));
}

// Only then is what waits sent again.
Task<void> Queue::Impl::learn() {
  co_await name_doubles();
  std::optional<QueueName> after;
  std::size_t queues = 0;
  while (!stopping_) {
    const Result<std::vector<QueueKey>> page = co_await parts_.store.queues(after, kQueuesPerPage);
    if (!page) {
      log::warning("queue.not_read", {{"error", describe(page.error())}, {"next", "in a second"}});
      co_await ticks_.wait();
      continue;
    }
    for (const QueueKey& first : *page) scheduler_.learned(first, now());
    queues += page->size();
    run();
    if (page->size() < kQueuesPerPage) break;
    after = page->back().queue;
  }
  learned_ = true;
  log::info("queue.ready", {{"queues", queues}});
}

Task<void> Queue::Impl::lease(queue::LeaseRows wanted) {
  const MonoTime began = parts_.clock.mono_now();
  const bool patient = wanted.patient;
  queue::LeasedRows answer = co_await read_rows(std::move(wanted));
  if (patient) {
    patient_work_ += parts_.clock.mono_now() - began;
    if (patient_work_ > kPatientWork && !stopping_) {
      patient_work_ = {};
      co_await patience_.wait();
    }
  }
  scheduler_.leased(std::move(answer), now());
  run();
}

Task<queue::LeasedRows> Queue::Impl::read_rows(queue::LeaseRows wanted) {
  queue::LeasedRows answer{.id = wanted.id, .rows = {}, .last = {}};
  // Rows that are not due yet say when to come back.
  const WallTime until = parts_.clock.wall_now() + std::chrono::years(20);
  Result<std::vector<QueuedDelivery>> rows =
      co_await parts_.store.lease(std::move(wanted.queue), wanted.after, until, wanted.limit);
  if (!rows) {
    answer.failed = true;
    co_return answer;
  }
  answer.more = rows->size() >= wanted.limit;
  // Beyond what is due only the first one counts, for its time.
  const auto later = std::ranges::upper_bound(
      *rows, parts_.clock.wall_now(), {}, [](const QueuedDelivery& row) { return row.key.due; });
  if (later != rows->end() && later + 1 != rows->end()) {
    rows->erase(later + 1, rows->end());
    answer.more = true;
  }
  if (rows->empty()) co_return answer;
  answer.last = rows->back().key;

  std::vector<MessageId> ids;
  for (const QueuedDelivery& row : *rows) {
    if (ids.empty() || ids.back() != row.key.message) ids.push_back(row.key.message);
  }
  auto envelopes = co_await parts_.store.envelopes_of(ids);
  if (!envelopes) {
    answer.failed = true;
    co_return answer;
  }
  std::size_t at = 0;
  for (QueuedDelivery& row : *rows) {
    if (ids[at] != row.key.message) ++at;
    const Result<record::Envelope>& envelope = (*envelopes)[at];
    if (!envelope && envelope.error().code == Errc::store_unhealthy) {
      answer.failed = true;
      break;
    }
    if (!envelope) {  // the store has set it aside and named it
      log::error("queue.envelope_lost",
                 {{"id", row.key.message.to_string()}, {"error", describe(envelope.error())}});
      continue;
    }
    MailOptions options =
        options_for(envelope->options, envelope->reverse_path, row.delivery.reverse_path);
    answer.rows.push_back({.row = std::move(row),
                           .options = std::move(options),
                           .size = envelope->size,
                           .body = envelope->body});
  }
  co_return answer;
}

Task<void> Queue::Impl::resolve(queue::ResolveHosts wanted) {
  queue::Resolution resolution;
  const MonoTime deadline = parts_.clock.mono_now() + kDnsPatience;
  if (!wanted.route->unix_path.empty()) {
    resolution.kind = queue::Resolution::Kind::found;
    resolution.name = wanted.route->unix_path.string();
    resolution.site = resolution.name;
    resolution.ttl = kNoTtl;
  } else if (wanted.route->kind != Route::Kind::mx) {
    resolution =
        resolution_of(co_await mx::find_host(parts_.resolver, wanted.route->host, deadline));
  } else if (Result<Domain> domain = Domain::parse(wanted.domain); domain) {
    const std::shared_ptr<const mx::MxWorld> world = world_.mx;  // a reload may replace it
    resolution = resolution_of(co_await mx::find_hosts(parts_.resolver, std::move(*domain),
                                                       deadline, parts_.random, *world));
  } else {
    resolution.kind = queue::Resolution::Kind::refused;
    resolution.enhanced = "5.1.2";  // RFC 3463 §3.2: bad destination system address
    resolution.why = concat(wanted.domain, " is no domain name");
    resolution.ttl = kNoTtl;
  }
  // Who stops has no patience with silent servers: that says nothing about the domain.
  if (!stopping_) scheduler_.resolved(wanted.id, std::move(resolution), now());
  run();
}

// From and Subject, for the lists of a mailbox that gets it after all.
Task<void> Queue::Impl::name_mail(std::vector<Outcome>* outcomes) {
  for (Outcome& outcome : *outcomes) {
    if (!goes_to_mailbox(outcome) || !outcome.from.empty()) continue;
    const auto envelope = co_await parts_.store.envelope(message_of(outcome.place));
    if (!envelope) continue;
    const auto start = co_await parts_.store.read_body(envelope->body, 0);
    if (!start) continue;
    const auto header = message::scan_header_block(*start);
    if (!header) continue;
    outcome.from = header->summary.from;
    outcome.subject = header->summary.subject;
  }
}

Task<void> Queue::Impl::settle(std::vector<Outcome> outcomes) {
  co_await name_mail(&outcomes);
  for (;;) {
    Result<void> kept = co_await parts_.store.settle(outcomes);
    if (!kept && !may_heal(kept.error().code)) kept = co_await settle_each(outcomes);
    if (kept) break;
    log::error("queue.not_settled", {{"outcomes", outcomes.size()},
                                     {"error", describe(kept.error())},
                                     {"next", "kept in memory, tried again every second"}});
    co_await ticks_.wait();
    if (!out_of_patience_) continue;
    for (const Outcome& outcome : outcomes) {
      if (!was_delivered(outcome)) continue;
      log::warning("queue.possible_duplicate", {{"id", message_of(outcome.place).to_string()},
                                                {"why", "delivered, but it could not be written"}});
    }
    co_return;
  }
  are_settled(outcomes);
  scheduler_.settled(now());
  ++settlements_done_;
  tell_notices(outcomes);
  log_ends(outcomes);
  settlements_.resume_all();
  run();
}

// One that does not fit must not keep the others from disk.
Task<Result<void>> Queue::Impl::settle_each(std::vector<Outcome> outcomes) {
  for (Outcome& outcome : outcomes) {
    const std::string id = message_of(outcome.place).to_string();
    std::vector<Outcome> one;
    one.push_back(std::move(outcome));
    const Result<void> kept = co_await parts_.store.settle(std::move(one));
    if (kept) continue;
    if (may_heal(kept.error().code)) co_return kept;
    log::error("queue.outcome_refused", {{"id", id}, {"error", describe(kept.error())}});
  }
  co_return Result<void>{};
}

void Queue::Impl::tell_notices(const std::vector<Outcome>& outcomes) {
  std::vector<MessageId> messages;
  for (const Outcome& outcome : outcomes) {
    const bool told = std::ranges::any_of(
        outcome.recipients, [](const RecipientOutcome& each) { return each.notice.has_value(); });
    if (told || !outcome.notices.empty()) messages.push_back(message_of(outcome.place));
  }
  if (!messages.empty()) parts_.notices.due(messages);
}

void Queue::Impl::log_ends(const std::vector<Outcome>& outcomes) {
  if (!log::enabled(log::Level::info)) return;
  for (const Outcome& outcome : outcomes) {
    for (const RecipientOutcome& told : outcome.recipients) {
      const auto fact = [&](std::string_view name) -> std::string_view {
        const auto found = std::ranges::find(told.facts, name, &record::Fact::name);
        return found == told.facts.end() ? std::string_view() : found->value;
      };
      log::info(event_of(told.kind), {{"id", message_of(outcome.place).to_string()},
                                      {"recipient", told.recipient},
                                      {"host", fact("host")},
                                      {"address", fact("address")},
                                      {"tls", fact("tls")},
                                      {"attempts", outcome.attempts},
                                      {"reply", fact(fact("reply").empty() ? "reason" : "reply")}});
    }
  }
}

Queue::Queue(QueueParts parts, QueueWorld world)
    : impl_(std::make_unique<Impl>(parts, std::move(world))) {}
Queue::~Queue() = default;

void Queue::start(Courier& courier) { impl_->start(courier); }
void Queue::stop(Milliseconds grace) { impl_->stop(grace); }
void Queue::reload(QueueWorld world) { impl_->tell(std::move(world)); }
void Queue::enqueued(Enqueued mail) { impl_->tell(std::move(mail)); }
void Queue::attempted(std::vector<Attempt> attempts) { impl_->tell(std::move(attempts)); }
void Queue::job_done(std::uint64_t site, std::uint32_t slot, std::vector<Parcel> untried,
                     std::optional<SiteTrouble> trouble) {
  impl_->tell(Impl::JobDone{site, slot, std::move(untried), std::move(trouble)});
}

Task<Result<std::vector<QueueRow>>> Queue::list(QueueFilter filter) {
  co_return co_await impl_->list(std::move(filter));
}
Task<Result<QueueChange>> Queue::retry(QueueFilter filter) {
  co_return co_await impl_->change(Impl::Verb::retry, std::move(filter), {});
}
Task<Result<QueueChange>> Queue::hold(QueueFilter filter, std::string reason) {
  co_return co_await impl_->change(Impl::Verb::hold, std::move(filter), std::move(reason));
}
Task<Result<QueueChange>> Queue::release(QueueFilter filter) {
  co_return co_await impl_->change(Impl::Verb::release, std::move(filter), {});
}
Task<Result<QueueChange>> Queue::bounce(QueueFilter filter, std::string reason) {
  co_return co_await impl_->change(Impl::Verb::bounce, std::move(filter), std::move(reason));
}
Task<QueueStatus> Queue::status() { co_return co_await impl_->status(); }

}  // namespace mail
