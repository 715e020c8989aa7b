// Reading what waits: queues, held deliveries, notices due. The reading half of rows.h for them.
#include "base/text.h"
#include "service/store/keys.h"
#include "service/store/rows.h"

namespace mail::rows {
namespace {

// Parses the row of a delivery. Nothing: it is damaged, noted, and left out.
Result<std::optional<record::PendingDelivery>> pending(std::string_view key, std::string_view row,
                                                       MessageId message, Damaged& damaged) {
  Result<record::PendingDelivery> delivery = record::parse_pending(row);
  if (delivery && delivery->message == message) return std::optional(std::move(*delivery));
  if (!delivery && delivery.error().code != Errc::store_corrupt) {
    return std::unexpected(std::move(delivery).error());
  }
  damaged.push_back({kv::Family::schedule, std::string(key), name_of(kv::Family::schedule, key),
                     delivery ? "it is of another message" : delivery.error().detail, message});
  return std::nullopt;
}

void note_strange_key(std::string_view key, Damaged& damaged) {
  damaged.push_back({kv::Family::schedule, std::string(key), name_of(kv::Family::schedule, key),
                     "its key does not decode", std::nullopt});
}

}  // namespace

namespace {
Result<std::vector<HeldDelivery>> read_held(kv::Cursor rows, std::size_t limit, Damaged& damaged) {
  std::vector<HeldDelivery> found;
  for (; rows.valid() && found.size() < limit; rows.next()) {
    const std::optional<HeldKey> key = keys::parse_of_message(rows.key());
    if (!key) {
      note_strange_key(rows.key(), damaged);
      continue;
    }
    MAIL_TRY(std::optional<record::PendingDelivery> delivery,
             pending(rows.key(), rows.value(), key->message, damaged));
    if (delivery) found.push_back({*key, std::move(*delivery)});
  }
  MAIL_TRY(rows.status());
  return found;
}
}  // namespace

Result<std::vector<HeldDelivery>> held(const kv::Database& db, std::size_t limit,
                                       Damaged& damaged) {
  return read_held(db.scan_prefix(kv::Family::schedule, keys::kHeld), limit, damaged);
}

Result<std::vector<HeldDelivery>> held_of(const kv::Database& db, MessageId message,
                                          Damaged& damaged) {
  return read_held(db.scan_prefix(kv::Family::schedule, keys::of_message(keys::kHeld, message)),
                   SIZE_MAX, damaged);
}

// Both kinds of rows are in the order of messages: a walk along the two.
Result<std::vector<MessageId>> waiting(const kv::Database& db, std::optional<MessageId> after,
                                       std::size_t limit) {
  std::vector<MessageId> found;
  const auto from = [&](std::string_view row) {
    std::string begin = after ? kv::after_prefix(keys::of_message(row, *after)) : std::string(row);
    return db.scan(kv::Family::schedule, begin, kv::after_prefix(row));
  };
  kv::Cursor held = from(keys::kHeld);
  kv::Cursor queued = from(keys::kWaiting);
  const auto message = [](const kv::Cursor& rows) { return keys::id_in(rows.key().substr(1)); };
  const auto pass = [&](kv::Cursor& rows, std::string_view row, MessageId id) {
    if (rows.valid() && message(rows) == id) rows.seek(kv::after_prefix(keys::of_message(row, id)));
  };
  while (found.size() < limit && (held.valid() || queued.valid())) {
    const MessageId next = !queued.valid() || (held.valid() && message(held) < message(queued))
                               ? message(held)
                               : message(queued);
    found.push_back(next);
    pass(held, keys::kHeld, next);
    pass(queued, keys::kWaiting, next);
  }
  MAIL_TRY(held.status());
  MAIL_TRY(queued.status());
  return found;
}

Result<std::vector<QueueKey>> queues(const kv::Database& db, const std::optional<QueueName>& after,
                                     std::size_t limit) {
  std::vector<QueueKey> found;
  kv::Cursor rows =
      db.scan(kv::Family::schedule,
              after ? kv::after_prefix(keys::queue(*after)) : std::string(keys::kQueued),
              kv::after_prefix(keys::kQueued));
  while (rows.valid() && found.size() < limit) {
    std::optional<QueueKey> key = keys::parse_queued(rows.key());
    if (!key) {  // a row that no queue can be said to hold; check() names it
      rows.next();
      continue;
    }
    rows.seek(kv::after_prefix(keys::queue(key->queue)));
    found.push_back(std::move(*key));
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<std::vector<QueuedDelivery>> lease(const kv::Database& db, const QueueName& queue,
                                          const std::optional<QueueKey>& after, WallTime until,
                                          std::size_t limit, Damaged& damaged) {
  std::vector<QueuedDelivery> found;
  // With a bound: beyond it there may be any number of removed rows to wade through.
  std::string from = after ? keys::queued(*after) : keys::queue(queue);
  if (after) from.push_back('\0');
  const std::string below = keys::due_in(queue, until + Milliseconds(1));
  if (from >= below) return found;
  kv::Cursor rows = db.scan(kv::Family::schedule, from, below);
  for (; rows.valid() && found.size() < limit; rows.next()) {
    std::optional<QueueKey> key = keys::parse_queued(rows.key());
    if (!key) {
      note_strange_key(rows.key(), damaged);
      continue;
    }
    MAIL_TRY(std::optional<record::PendingDelivery> delivery,
             pending(rows.key(), rows.value(), key->message, damaged));
    if (delivery) found.push_back({std::move(*key), std::move(*delivery)});
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<std::vector<QueuedDelivery>> queued_of(const kv::Database& db, MessageId message,
                                              Damaged& damaged) {
  std::vector<QueuedDelivery> found;
  kv::Cursor places =
      db.scan_prefix(kv::Family::schedule, keys::of_message(keys::kWaiting, message));
  for (; places.valid(); places.next()) {
    const std::string_view key = places.value();
    std::optional<QueueKey> place = keys::parse_queued(key);
    if (!place || place->message != message) {
      damaged.push_back({kv::Family::schedule, std::string(places.key()),
                         name_of(kv::Family::schedule, places.key()),
                         "it does not say where the delivery waits", std::nullopt});
      continue;
    }
    const Result<std::string> row = db.get(kv::Family::schedule, key);
    if (!row && row.error().code == Errc::not_found) continue;  // settled just now
    MAIL_TRY(const std::string& bytes, row);
    MAIL_TRY(std::optional<record::PendingDelivery> delivery,
             pending(key, bytes, message, damaged));
    if (delivery) found.push_back({std::move(*place), std::move(*delivery)});
  }
  MAIL_TRY(places.status());
  return found;
}

Result<std::vector<MessageId>> noticed(const kv::Database& db, std::optional<MessageId> after,
                                       std::size_t limit) {
  std::vector<MessageId> found;
  const auto behind = [](MessageId id) {
    return kv::after_prefix(keys::of_message(keys::kNotice, id));
  };
  kv::Cursor rows = db.scan(kv::Family::notice, after ? behind(*after) : std::string(keys::kNotice),
                            kv::after_prefix(keys::kNotice));
  while (rows.valid() && found.size() < limit) {
    const std::optional<NoticeKey> key = keys::parse_notice(rows.key());
    if (!key) {
      rows.next();
      continue;
    }
    found.push_back(key->message);
    rows.seek(behind(key->message));
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<std::vector<DueNotice>> notices(const kv::Database& db, MessageId message,
                                       Damaged& damaged) {
  std::vector<DueNotice> found;
  kv::Cursor rows = db.scan_prefix(kv::Family::notice, keys::of_message(keys::kNotice, message));
  for (; rows.valid(); rows.next()) {
    const std::optional<NoticeKey> key = keys::parse_notice(rows.key());
    if (!key) continue;
    Result<record::Notice> notice = record::parse_notice(rows.value());
    if (notice) {
      found.push_back({*key, std::move(*notice)});
      continue;
    }
    if (notice.error().code != Errc::store_corrupt) return std::unexpected(notice.error());
    damaged.push_back({kv::Family::notice, std::string(rows.key()),
                       name_of(kv::Family::notice, rows.key()), notice.error().detail,
                       std::nullopt});
  }
  MAIL_TRY(rows.status());
  return found;
}

}  // namespace mail::rows
