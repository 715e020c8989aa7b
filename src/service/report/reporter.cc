#include "service/report/reporter.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "service/report/due_notice.h"

namespace mail {
namespace {

constexpr std::chrono::seconds kPatience{60};  // with deliveries in their first attempt
constexpr std::chrono::seconds kAgain{10};     // after the store refused
constexpr std::chrono::minutes kOverCap{5};
constexpr std::size_t kMaxWaiting = 10'000;  // in memory; the others are found again in the store
constexpr std::size_t kPage = 100;
constexpr std::size_t kMaxNotices = 500;  // in one DSN

std::string domain_of(const std::string& address) {
  const std::size_t at = address.rfind('@');
  return at == std::string::npos ? "" : address.substr(at + 1);
}

bool has_fact(const std::vector<record::Event>& events, std::string_view name) {
  return std::ranges::any_of(events, [&](const record::Event& event) {
    return event.kind == record::EventKind::received &&
           std::ranges::any_of(event.facts,
                               [&](const record::Fact& fact) { return fact.name == name; });
  });
}

}  // namespace

Reporter::Reporter(MailStore& store, const DraftPlacer& placer, const Clock& clock,
                   ReportSettings settings, const DraftSigner* signer)
    : store_(store),
      placer_(placer),
      clock_(clock),
      settings_(std::move(settings)),
      signer_(signer),
      to_postmaster_(settings_.postmaster_an_hour),
      to_sender_(settings_.sender_an_hour) {}

std::optional<record::Notice> Reporter::decide(record::Notice proposed, const Recipient& recipient,
                                               const MailOptions& /*options*/) {
  // Kept though no sender is told: it may be a DSN of ours, of which postmaster then reads.
  if (proposed.reverse_path.empty() && proposed.kind == record::NoticeKind::failed) return proposed;
  const bool local = is_of_ours(proposed.reverse_path);
  if (!report::is_due(proposed.kind, recipient.notify, proposed.reverse_path, local)) {
    return std::nullopt;
  }
  return proposed;
}

// An address here that stands for a sender elsewhere (SRS) makes nobody local.
bool Reporter::is_of_ours(const std::string& sender) const {
  const bool rewritten = istarts_with(sender, "SRS0") || istarts_with(sender, "SRS1");
  return !rewritten && placer_.is_local(domain_of(sender));
}

void Reporter::due(const std::vector<MessageId>& messages) {
  const std::lock_guard lock(mutex_);
  inbox_.insert(inbox_.end(), messages.begin(), messages.end());
}

void Reporter::take_inbox() {
  std::vector<MessageId> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(inbox_);
  }
  for (const MessageId& message : arrived) add(message);
}

void Reporter::add(MessageId message) {
  if (waiting_.contains(message)) return;
  if (waiting_.size() >= kMaxWaiting) {
    scanning_ = true;  // from the beginning, once there is room
    scanned_.reset();
    return;
  }
  const MonoTime now = clock_.mono_now();
  waiting_.emplace(message, Waiting{now, now});
}

Task<void> Reporter::scan() {
  while (scanning_ && waiting_.size() + kPage <= kMaxWaiting) {
    const Result<std::vector<MessageId>> page = co_await store_.noticed(scanned_, kPage);
    if (!page) {
      log::warning("report.scan_failed", {{"why", describe(page.error())}});
      co_return;
    }
    if (page->empty()) {
      scanning_ = false;
      scanned_.reset();
      co_return;
    }
    scanned_ = page->back();
    for (const MessageId& message : *page) add(message);
  }
}

Task<void> Reporter::tick(EnqueuedSink& outgoing) {
  take_inbox();
  co_await scan();
  MessageId message{};
  for (auto at = waiting_.begin(); at != waiting_.end(); at = waiting_.upper_bound(message)) {
    message = at->first;
    const MonoTime now = clock_.mono_now();
    if (now < at->second.next) continue;
    const MonoTime latest = at->second.since + kPatience;
    if (now < latest && co_await in_first_attempt(message)) {
      // Looked at again after as long as it has waited, and not behind the latest moment.
      Waiting& waiting = waiting_.at(message);
      waiting.next = std::min(latest, now + (now - waiting.since) + std::chrono::seconds(1));
      continue;
    }
    const Done done = co_await tell(message, outgoing);
    if (done == Done::yes) waiting_.erase(message);
    if (done == Done::later) {
      Waiting& waiting = waiting_.at(message);
      waiting.next = std::max(waiting.next, clock_.mono_now() + kAgain);
    }
  }
}

Task<bool> Reporter::in_first_attempt(MessageId message) {
  const Result<std::vector<QueuedDelivery>> queued = co_await store_.queued_of(message);
  co_return queued&& std::ranges::any_of(
      *queued, [](const QueuedDelivery& waiting) { return waiting.delivery.attempts == 0; });
}

Task<Reporter::Done> Reporter::tell(MessageId message, EnqueuedSink& outgoing) {
  const Result<std::vector<DueNotice>> due = co_await store_.notices(message);
  if (!due) co_return Done::later;
  std::map<std::string, std::vector<DueNotice>> by_sender;
  Done done = Done::yes;
  for (const DueNotice& one : *due) {
    std::vector<DueNotice>& same = by_sender[one.notice.reverse_path];
    if (same.size() < kMaxNotices) {
      same.push_back(one);
    } else {
      done = Done::later;  // in the next DSN
    }
  }
  for (auto& [to, notices] : by_sender) {
    Result<record::Envelope> original = co_await store_.envelope(message);
    if (!original) {
      const Errc code = original.error().code;
      if (code != Errc::not_found && code != Errc::store_corrupt) co_return Done::later;
      // The sender is told all the same, without a word of what it was.
      original = record::Envelope{};
      original->id = message;
      original->received_at = clock_.wall_now();
    }
    const Done told = to.empty() ? co_await tell_postmaster(*original, std::move(notices), outgoing)
                                 : co_await tell_one(*original, to, std::move(notices), outgoing);
    if (told == Done::later) done = Done::later;
  }
  co_return done;
}

Task<Reporter::Done> Reporter::tell_one(const record::Envelope& original, std::string to,
                                        std::vector<DueNotice> notices, EnqueuedSink& outgoing) {
  if (original.told >= report::kMaxTold) {
    log::warning("report.too_many", {{"id", original.id.to_string()}, {"to", to}});
    co_return co_await drop(notices);
  }
  if (!to_sender_.would_take(to, clock_.mono_now())) {
    log::warning("report.rate", {{"id", original.id.to_string()}, {"to", to}});
    waiting_.at(original.id).next = clock_.mono_now() + kOverCap;
    co_return Done::later;
  }
  const report::Telling telling{settings_.hostname, to, report::kReportFact, clock_.wall_now()};
  const Done done = co_await send(telling, original, notices, outgoing);
  if (done == Done::yes) to_sender_.count(to, clock_.mono_now());
  co_return done;
}

Task<Reporter::Done> Reporter::tell_postmaster(const record::Envelope& original,
                                               std::vector<DueNotice> notices,
                                               EnqueuedSink& outgoing) {
  const Result<std::vector<record::Event>> events = co_await store_.events_of(original.id);
  if (!events) co_return Done::later;
  // RFC 5321 §6.1: mail from the null path is told to nobody, but for DSNs of our own; and nobody
  // reads of what was for postmaster, or it would never end.
  if (!has_fact(*events, report::kReportFact)) co_return co_await drop(notices);
  const MonoTime now = clock_.mono_now();
  const bool told = to_postmaster_.would_take("", now);
  log::warning("report.double_bounce", {{"id", original.id.to_string()},
                                        {"recipient", notices.front().notice.recipient},
                                        {"why", notices.front().notice.diagnostic},
                                        {"postmaster_told", told ? "yes" : "no, too many"}});
  if (!told) co_return co_await drop(notices);
  const std::string to = settings_.postmaster.empty() ? concat("postmaster@", settings_.hostname)
                                                      : settings_.postmaster;
  const report::Telling telling{settings_.hostname, to, report::kPostmasterFact, clock_.wall_now()};
  const Done done = co_await send(telling, original, notices, outgoing);
  if (done == Done::yes) to_postmaster_.count("", now);
  co_return done;
}

Task<Reporter::Done> Reporter::send(const report::Telling& telling,
                                    const record::Envelope& original,
                                    const std::vector<DueNotice>& notices, EnqueuedSink& outgoing) {
  const MessageId id = store_.next_id();
  Result<dsn::Notice> composed =
      co_await report::compose_dsn(store_, telling, original, notices, id);
  if (!composed) co_return Done::later;
  Draft draft = report::draft_of(telling, std::move(*composed), id, original.id, notices, placer_);
  if (signer_ != nullptr) signer_->sign(draft);
  const bool comes_back = !draft.notices.empty();
  const Result<void> kept = co_await store_.commit(std::span(&draft, 1));
  if (!kept) {
    // not_found: told meanwhile, which the next look will see.
    log::warning("report.not_sent",
                 {{"id", original.id.to_string()}, {"why", describe(kept.error())}});
    co_return Done::later;
  }
  log::info("report.sent", {{"id", id.to_string()},
                            {"about", original.id.to_string()},
                            {"to", telling.to},
                            {"recipients", notices.size()}});
  if (comes_back) due({id});
  if (std::optional<Enqueued> mail = enqueued_by(draft)) outgoing.enqueued(std::move(*mail));
  co_return Done::yes;
}

Task<Reporter::Done> Reporter::drop(const std::vector<DueNotice>& notices) {
  std::vector<NoticeKey> keys;
  for (const DueNotice& due : notices) keys.push_back(due.key);
  const Result<void> dropped = co_await store_.drop_notices(std::move(keys));
  co_return dropped ? Done::yes : Done::later;
}

}  // namespace mail
