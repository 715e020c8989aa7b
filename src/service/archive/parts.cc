#include "service/archive/parts.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mail::archive {
namespace {

constexpr std::string_view kMark = "exported to ";
constexpr std::size_t kStep = std::size_t{1} << 20;  // of a file

Outcome move(Place place, const record::PendingDelivery& delivery, Target target, WallTime now) {
  Outcome outcome;
  outcome.place = std::move(place);
  outcome.at = now;
  outcome.attempts = delivery.attempts;
  Delivery& rest = outcome.rest.emplace_back();
  rest.target = std::move(target);
  rest.reverse_path = delivery.reverse_path;
  rest.added_fields = delivery.added_fields;
  for (const record::PendingRecipient& waiting : delivery.recipients) {
    rest.recipients.push_back(waiting.recipient);
  }
  return outcome;
}

// What a running queue must know of deliveries that are in the store again.
Task<Result<void>> tell_queue(Carrier carrier, const Message& message,
                              std::vector<QueuedDelivery> deliveries) {
  if (carrier.outgoing == nullptr || deliveries.empty()) co_return Result<void>{};
  MAIL_CO_TRY(const record::Envelope envelope,
              co_await carrier.store.envelope(message.envelope.id));
  carrier.outgoing->enqueued({.message = envelope.id,
                              .reverse_path = envelope.reverse_path,
                              .options = envelope.options,
                              .size = envelope.size,
                              .header_size = envelope.header_size,
                              .deliveries = std::move(deliveries),
                              .content = nullptr,
                              .body = envelope.body});
  co_return Result<void>{};
}

}  // namespace

Outcome moved(const HeldDelivery& held, Target target, WallTime now) {
  return move(held.key, held.delivery, std::move(target), now);
}
Outcome moved(const QueuedDelivery& queued, Target target, WallTime now) {
  return move(queued.key, queued.delivery, std::move(target), now);
}

std::string mark_of(MessageId archive, const std::filesystem::path& file, std::string_view before) {
  std::string mark = concat(kMark, file.string(), " (archive ", archive.to_string(), ")");
  if (!before.empty()) append(mark, "; held before: ", before);
  return mark;
}

bool has_mark(std::string_view reason) {
  return reason.starts_with(kMark) && reason.contains(" (archive ");
}

bool has_mark(std::string_view reason, MessageId archive) {
  return reason.starts_with(kMark) &&
         reason.contains(concat(" (archive ", archive.to_string(), ")"));
}

Task<Result<Source>> Source::open(WorkerPool& pool, std::filesystem::path file) {
  MAIL_CO_TRY(os::ReadFile opened, co_await on(pool, [&] { return os::ReadFile::open(file); }));
  co_return Source(pool, std::move(opened));
}

Task<Result<std::optional<Item>>> Source::next() {
  for (;;) {
    MAIL_CO_TRY(std::optional<Item> item, reader_.next());
    if (item) co_return item;
    MAIL_CO_TRY(const std::string octets, co_await on(*pool_, [&] { return file_.read(kStep); }));
    if (octets.empty()) {
      MAIL_CO_TRY(reader_.finish());
      co_return std::optional<Item>{};
    }
    reader_.feed(octets);
  }
}

Task<Result<std::size_t>> put_back(Carrier carrier, MessageId archive, const Message& message) {
  MAIL_CO_TRY(const std::vector<HeldDelivery> rows,
              co_await carrier.store.held_of(message.envelope.id));
  std::vector<Outcome> outcomes;
  std::vector<QueuedDelivery> queued;
  for (const HeldDelivery& row : rows) {
    if (!has_mark(row.delivery.reason, archive)) continue;
    const auto was = std::ranges::find(message.waiting, row.key.number, &Waiting::number);
    if (was == message.waiting.end()) continue;
    const std::optional<InQueue>& queue = was->queue;
    if (!queue) {
      outcomes.push_back(moved(row, Held{was->delivery.reason}, carrier.clock.wall_now()));
      continue;
    }
    const QueueName name{queue->route, queue->domain, queue->lane};
    outcomes.push_back(moved(row, ToRoute{name, queue->due}, carrier.clock.wall_now()));
    QueuedDelivery& again = queued.emplace_back();
    again.key = {name, queue->due, row.key.message, row.key.number};
    again.delivery = row.delivery;
    again.delivery.reason.clear();
  }
  const std::size_t count = outcomes.size();
  if (count == 0) co_return count;
  MAIL_CO_TRY(co_await carrier.store.settle(std::move(outcomes)));
  MAIL_CO_TRY(co_await tell_queue(carrier, message, std::move(queued)));
  co_return count;
}

}  // namespace mail::archive
