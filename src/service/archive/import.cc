// Import: the archive is read to its end, then once more, and each message is committed with its
// own id as it waited. What is known here is passed over, or put back where it was exported here.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "service/archive/parts.h"

namespace mail::archive {
namespace {

constexpr std::size_t kGroupOctets = std::size_t{2} << 20;
constexpr std::size_t kGroup = 256;  // messages
constexpr std::string_view kFact = "imported";

// The recipients that wait are what this machine answers for: it counts them and no others
// (security.md 17). What happened to them before belongs to their story.
std::vector<record::Event> events_of(const Message& message, MessageId archive) {
  std::vector<record::Event> events;
  record::Event& received = events.emplace_back(message.events.front());
  received.recipients.clear();
  received.facts.push_back({std::string(kFact), archive.to_string()});
  for (const Waiting& waiting : message.waiting) {
    for (const record::PendingRecipient& each : waiting.delivery.recipients) {
      received.recipients.push_back(each.recipient.address);
    }
  }
  const std::vector<std::string> waiting = received.recipients;
  for (const record::Event& event : message.events) {
    if (event.kind != record::EventKind::deferred) continue;
    if (std::ranges::find(waiting, event.recipient) != waiting.end()) events.push_back(event);
  }
  return events;
}

Draft draft_of(const Message& message, MessageId archive) {
  Draft draft;
  draft.id = message.envelope.id;
  draft.received_at = message.envelope.received_at;
  draft.reverse_path = message.envelope.reverse_path;
  draft.options = message.envelope.options;
  draft.recipients = message.envelope.recipients;
  draft.header_size = message.envelope.header_size;
  draft.size = message.envelope.size;
  draft.events = events_of(message, archive);
  Carried& carried = draft.carried.emplace();
  carried.told = message.envelope.told;
  for (const Waiting& waiting : message.waiting) {
    Delivery& delivery = draft.deliveries.emplace_back();
    if (waiting.queue) {
      const InQueue& queue = *waiting.queue;
      delivery.target = ToRoute{{queue.route, queue.domain, queue.lane}, queue.due};
    } else {
      delivery.target = Held{waiting.delivery.reason};
    }
    delivery.reverse_path = waiting.delivery.reverse_path;
    delivery.added_fields = waiting.delivery.added_fields;
    for (const record::PendingRecipient& each : waiting.delivery.recipients) {
      delivery.recipients.push_back(each.recipient);
    }
    carried.waiting.push_back(waiting.delivery);
  }
  return draft;
}

// Two machines may have given the same id to different messages. The one that is known here was
// received then, from there.
bool is_the_same(const std::vector<record::Event>& known, const Message& message) {
  const record::Event& here = known.front();
  const record::Event& there = message.events.front();
  if (here.kind != there.kind || here.at != there.at) return false;
  const std::size_t common = std::min(here.facts.size(), there.facts.size());
  return std::equal(here.facts.begin(), here.facts.begin() + static_cast<std::ptrdiff_t>(common),
                    there.facts.begin());
}

class Importer {
 public:
  Importer(Carrier carrier, Source source) : carrier_(carrier), source_(std::move(source)) {}

  Task<Result<Imported>> run() {
    for (;;) {
      MAIL_CO_TRY(std::optional<Item> item, co_await source_.next());
      if (!item) break;
      if (const auto* head = std::get_if<Head>(&*item)) imported_.archive = head->archive;
      if (const auto* message = std::get_if<Message>(&*item)) {
        MAIL_CO_TRY(co_await begin(*message));
      } else if (auto* chunk = std::get_if<Chunk>(&*item)) {
        MAIL_CO_TRY(co_await add(std::move(chunk->octets)));
      } else if (std::holds_alternative<Withdrawn>(*item)) {
        co_await drop();
      }
      if (draft_ && left_ == 0) {
        Draft whole = std::move(*draft_);
        draft_.reset();
        MAIL_CO_TRY(co_await end(std::move(whole)));
      }
    }
    MAIL_CO_TRY(co_await commit());
    co_return imported_;
  }

  Task<void> drop() {
    if (draft_ && staged_ > 0) co_await carrier_.store.drop_staged(draft_->id);
    draft_.reset();
  }

  std::uint64_t messages() const { return imported_.messages; }

 private:
  Task<Result<void>> begin(const Message& message) {
    const MessageId id = message.envelope.id;
    MAIL_CO_TRY(const std::vector<record::Event> known, co_await carrier_.store.events_of(id));
    if (known.empty()) {
      draft_ = draft_of(message, imported_.archive);
      left_ = message.envelope.size;
      staged_ = 0;
      first_ = true;
      co_return Result<void>{};
    }
    if (!is_the_same(known, message)) {
      imported_.conflicts.push_back(id);
      co_return Result<void>{};
    }
    MAIL_CO_TRY(const std::size_t returned,
                co_await put_back(carrier_, imported_.archive, message));
    ++(returned > 0 ? imported_.returned : imported_.known);
    co_return Result<void>{};
  }

  Task<Result<void>> add(std::string octets) {
    if (!draft_) co_return Result<void>{};  // its message is known
    left_ -= octets.size();
    if (std::exchange(first_, false)) {
      draft_->content = std::move(octets);
      co_return Result<void>{};
    }
    MAIL_CO_TRY(co_await carrier_.store.stage(draft_->id, staged_ + 1, std::move(octets)));
    draft_->staged_chunks = ++staged_;
    co_return Result<void>{};
  }

  Task<Result<void>> end(Draft draft) {
    octets_ += draft.content.size();
    group_.push_back(std::move(draft));
    if (group_.size() >= kGroup || octets_ >= kGroupOctets || staged_ > 0) {
      MAIL_CO_TRY(co_await commit());
    }
    co_return Result<void>{};
  }

  Task<Result<void>> commit() {
    if (group_.empty()) co_return Result<void>{};
    const Result<void> kept = co_await carrier_.store.commit(group_);
    if (!kept) {
      for (const Draft& draft : group_) {
        if (draft.staged_chunks > 0) co_await carrier_.store.drop_staged(draft.id);
      }
      co_return kept;
    }
    imported_.messages += group_.size();
    for (Draft& draft : group_) {
      std::optional<Enqueued> mail = enqueued_by(draft);
      if (mail && carrier_.outgoing != nullptr) carrier_.outgoing->enqueued(std::move(*mail));
    }
    group_.clear();
    octets_ = 0;
    if (carrier_.progress != nullptr) co_await carrier_.progress->reached(imported_.messages);
    co_return Result<void>{};
  }

  const Carrier carrier_;
  Source source_;
  Imported imported_;
  std::optional<Draft> draft_;  // of the message whose content comes
  std::uint64_t left_ = 0;      // octets of it
  std::uint32_t staged_ = 0;    // chunks of it
  bool first_ = false;
  std::vector<Draft> group_;
  std::size_t octets_ = 0;  // of the group
};

// To its end, without taking anything.
Task<Result<MessageId>> verify(WorkerPool& pool, std::filesystem::path file) {
  MAIL_CO_TRY(Source source, co_await Source::open(pool, std::move(file)));
  MessageId archive;
  for (;;) {
    MAIL_CO_TRY(const std::optional<Item> item, co_await source.next());
    if (!item) co_return archive;
    if (const auto* head = std::get_if<Head>(&*item)) archive = head->archive;
  }
}

}  // namespace

Task<Result<Imported>> import_queue(Carrier carrier, std::filesystem::path file) {
  MAIL_CO_TRY(co_await verify(carrier.pool, file));
  MAIL_CO_TRY(Source source, co_await Source::open(carrier.pool, std::move(file)));
  Importer importer(carrier, std::move(source));
  Result<Imported> imported = co_await importer.run();
  if (imported) co_return imported;
  co_await importer.drop();
  co_return fail(imported.error().code,
                 concat(imported.error().detail, "; ", importer.messages(),
                        " messages are here so far. Repeat the import: what is here is known"));
}

Task<Result<Forgotten>> forget_exported(Carrier carrier, std::filesystem::path file) {
  Forgotten forgotten;
  MAIL_CO_TRY(forgotten.archive, co_await verify(carrier.pool, file));
  MAIL_CO_TRY(Source source, co_await Source::open(carrier.pool, std::move(file)));
  for (;;) {
    MAIL_CO_TRY(const std::optional<Item> item, co_await source.next());
    if (!item) co_return forgotten;
    const auto* message = std::get_if<Message>(&*item);
    if (message == nullptr) continue;
    MAIL_CO_TRY(const std::vector<HeldDelivery> rows,
                co_await carrier.store.held_of(message->envelope.id));
    std::vector<Outcome> outcomes;
    for (const HeldDelivery& row : rows) {
      if (!has_mark(row.delivery.reason, forgotten.archive)) continue;
      Outcome& outcome = outcomes.emplace_back();
      outcome.place = row.key;
      outcome.at = carrier.clock.wall_now();
      outcome.attempts = row.delivery.attempts;
      for (const record::PendingRecipient& each : row.delivery.recipients) {
        RecipientOutcome& end = outcome.recipients.emplace_back();
        end.recipient = each.recipient.address;
        end.kind = RecipientOutcome::Kind::discarded;
        end.facts = {{"reason", "another machine has it"},
                     {"archive", forgotten.archive.to_string()}};
      }
    }
    if (outcomes.empty()) continue;
    ++forgotten.messages;
    forgotten.deliveries += outcomes.size();
    MAIL_CO_TRY(co_await carrier.store.settle(std::move(outcomes)));
    if (carrier.progress != nullptr) co_await carrier.progress->reached(forgotten.messages);
  }
}

}  // namespace mail::archive
