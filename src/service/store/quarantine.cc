// Damage is named once, kept aside, and told of in the events of the message it hit.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "codec/record/record.h"
#include "service/store/changes.h"
#include "service/store/keys.h"
#include "service/store/ledger.h"

namespace mail {

bool set_aside(const kv::Database& db, kv::Batch& batch, const DamagedRow& row) {
  const std::string key = keys::quarantined(static_cast<std::uint8_t>(row.family), row.key);
  if (db.contains(kv::Family::notice, key).value_or(false)) return false;
  // Bytes that RocksDB itself refuses to give are not to be had; the note is kept nevertheless.
  batch.put(kv::Family::notice, key, db.get(row.family, row.key).value_or(""));
  log::error("store.quarantined", {{"what", row.what}, {"why", row.why}});
  return true;
}

// What waits of the message, in queues and held.
Result<std::vector<Quarantine::Waiting>> Quarantine::waiting(const Group& group,
                                                             MessageId message) {
  std::vector<Waiting> all;
  const auto add = [&](std::string_view key, std::string_view row) {
    Waiting& found = all.emplace_back(std::string(key), std::vector<std::string>{});
    const Result<record::PendingDelivery> delivery = record::parse_pending(row);
    if (!delivery) return;
    for (const record::PendingRecipient& waiting : delivery->recipients) {
      found.recipients.push_back(waiting.recipient.address);
    }
  };
  const kv::Database& db = group.db;
  kv::Cursor held = db.scan_prefix(kv::Family::schedule, keys::of_message(keys::kHeld, message));
  for (; held.valid(); held.next()) add(held.key(), held.value());
  MAIL_TRY(held.status());
  kv::Cursor places =
      db.scan_prefix(kv::Family::schedule, keys::of_message(keys::kWaiting, message));
  for (; places.valid(); places.next()) {
    const Result<std::string> row = db.get(kv::Family::schedule, places.value());
    if (row) add(places.value(), *row);
  }
  MAIL_TRY(places.status());
  return all;
}

// Whether the damage took this recipient's mail. `spared` are the recipients of deliveries that
// can still be read; each counts once.
bool Quarantine::hits(const RecipientState& recipient, std::vector<std::string>& spared) const {
  using enum record::EventKind;
  const auto state = recipient.state;
  if (state == bounced || state == expired || state == discarded || state == quarantined) {
    return false;  // none of our mail any more
  }
  if (row_.family != kv::Family::schedule) return true;
  if (state == delivered || state == complained) return false;  // it has its own place by now
  const auto other = std::ranges::find(spared, recipient.recipient);
  if (other == spared.end()) return true;
  spared.erase(other);
  return false;
}

Result<void> Quarantine::apply(Group& group) {
  if (!set_aside(group.db, group.batch, row_) || !row_.message) return {};
  MAIL_TRY(const std::vector<record::Event> past, read_events(group.db, *row_.message, nullptr));
  MAIL_TRY(const std::vector<Waiting> all, waiting(group, *row_.message));
  const bool one_delivery = row_.family == kv::Family::schedule;
  std::vector<std::string> spared;
  for (const Waiting& delivery : all) {
    if (one_delivery && delivery.key != row_.key) {
      spared.insert(spared.end(), delivery.recipients.begin(), delivery.recipients.end());
      continue;
    }
    // Its reference stays: what is left of the message is for whoever looks into the damage.
    group.batch.remove_once(kv::Family::schedule, delivery.key);
    if (const auto place = keys::parse_queued(delivery.key)) {
      group.batch.remove_once(kv::Family::schedule, keys::waiting(place->message, place->number));
    }
  }
  EventRows events;
  Counters effect;
  for (const RecipientState& recipient : recipient_states(past)) {
    if (!hits(recipient, spared)) continue;
    const record::Event event{.message = *row_.message,
                              .kind = record::EventKind::quarantined,
                              .at = group.now,
                              .recipient = recipient.recipient,
                              .recipients = {},
                              .facts = {{"what", row_.what}, {"why", row_.why}}};
    events.add(event);
    --counter_of(effect, recipient.state);
    ++effect.quarantined;
  }
  group.state.put_events(group.batch, *row_.message, record::EventKind::quarantined, events);
  if (!events.empty()) group.state.count(effect, group.now);
  return {};
}

Result<std::vector<record::Event>> read_events(const kv::Database& db, MessageId id,
                                               std::vector<DamagedRow>* damaged) {
  std::vector<record::Event> events;
  const std::string prefix = keys::runs(id);
  kv::Cursor runs = db.scan_prefix(kv::Family::run, prefix);
  for (; runs.valid(); runs.next()) {
    if (runs.key().size() != prefix.size() + 8 || runs.value().size() != 5) continue;
    const auto first = read_big_endian<std::uint64_t>(runs.key().substr(prefix.size()));
    const auto count = read_big_endian<std::uint32_t>(runs.value());
    kv::Cursor rows = db.scan(kv::Family::event, keys::event(EventSeq{first}),
                              keys::event(EventSeq{first + count}));
    for (; rows.valid(); rows.next()) {
      Result<record::Event> event = record::parse_event(rows.value());
      if (event && event->message != id) break;  // the run's own row is damaged
      if (event) {
        events.push_back(std::move(*event));
      } else if (event.error().code == Errc::store_newer) {
        return std::unexpected(std::move(event).error());
      } else if (damaged != nullptr) {
        const auto number = read_big_endian<std::uint64_t>(rows.key().substr(1));
        damaged->push_back({kv::Family::event, std::string(rows.key()),
                            concat("event ", number, " of ", id.to_string()), event.error().detail,
                            std::nullopt});
      }
    }
    MAIL_TRY(rows.status());
  }
  MAIL_TRY(runs.status());
  return events;
}

}  // namespace mail
