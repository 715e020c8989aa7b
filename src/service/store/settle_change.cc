// Outcomes become rows: the waiting delivery goes, its events and notices come, and what is left
// to do waits elsewhere; one batch (design §2.7).
#include "base/planted.h"
#include "base/text.h"
#include "service/store/changes.h"
#include "service/store/keys.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

constexpr std::size_t kUsualOutcome = 512;  // bytes in the batch, about

// A delivery that splits off a message with a damaged envelope: above all counted numbers.
constexpr std::uint32_t kUncounted = std::uint32_t{1} << 31;

struct Step {
  const Outcome* outcome;
  std::string key;  // of the row
  MessageId message;
  Settlement settlement;
};

std::string key_of(const Place& place) {
  if (const auto* queued = std::get_if<QueueKey>(&place)) return keys::queued(*queued);
  const auto& held = std::get<HeldKey>(place);
  return keys::held(held.message, held.number);
}

std::uint32_t number_of(const Place& place) {
  return std::visit([](const auto& key) { return key.number; }, place);
}

// The number of a waiting delivery in `rest`: the first one keeps that of the one that ends.
std::uint32_t next_number(Group& group, const Step& step, bool first) {
  if (first) return number_of(step.outcome->place);
  if (const auto number = group.envelopes.take_number(step.message)) return *number;
  return kUncounted | static_cast<std::uint32_t>(group.state.next_event().value % kUncounted);
}

void put_rest(Group& group, const Step& step) {
  bool first = true;
  if (planted(Bug::deferral_lost)) return;
  for (const Settlement::Rest& rest : step.settlement.rest) {
    group.envelopes.refer(step.message, 1);
    const auto* mailbox = std::get_if<ToMailbox>(&rest.target);
    if (mailbox == nullptr) {
      put_waiting(group, rest.target, next_number(group, step, first), rest.delivery);
      first = false;
      continue;
    }
    const record::Envelope* envelope = group.envelopes.before(step.message);
    put_entry(group, *mailbox,
              {.uid = {},
               .message = step.message,
               .internal_date = step.outcome->at,
               .size = rest.delivery.added_fields.size() + (envelope ? envelope->size : 0),
               .flags = 0,
               .modseq = {},
               .recipient = rest.delivery.recipients.front().recipient.address,
               .added_fields = rest.delivery.added_fields,
               .from = step.outcome->from.substr(0, kMaxListText),
               .subject = step.outcome->subject.substr(0, kMaxListText)});
  }
}

void put(Group& group, const Step& step) {
  // Before anything is put: the same key may come again, for a retry at the same time.
  group.batch.remove_once(kv::Family::schedule, step.key);
  group.removed.emplace(kv::Family::schedule, step.key);
  if (std::holds_alternative<QueueKey>(step.outcome->place)) {
    group.batch.remove_once(kv::Family::schedule,
                            keys::waiting(step.message, number_of(step.outcome->place)));
  }
  group.envelopes.refer(step.message, -1);
  put_rest(group, step);

  const Settlement& settlement = step.settlement;
  EventRows events;
  for (const record::Event& event : settlement.events) events.add(event);
  const auto kind =
      settlement.events.empty() ? record::EventKind::deferred : settlement.events.front().kind;
  const EventSeq first = group.state.put_events(group.batch, step.message, kind, events);
  put_notices(group, first, settlement.notices);
  group.envelopes.refer(step.message, static_cast<std::int64_t>(settlement.notices.size()));
  group.state.count(settlement.effect, group.now);
}

}  // namespace

SettleChange::SettleChange(std::vector<Outcome> outcomes) : outcomes_(std::move(outcomes)) {
  size_ = outcomes_.size() * kUsualOutcome;
}

Result<void> SettleChange::apply(Group& group) {
  std::vector<Step> steps;
  std::set<std::string> taken;
  for (const Outcome& outcome : outcomes_) {
    std::string key = key_of(outcome.place);
    if (!group.still_there(kv::Family::schedule, key) || taken.contains(key)) continue;
    const Result<std::string> row = group.db.get(kv::Family::schedule, key);
    if (!row && row.error().code == Errc::not_found) continue;
    if (!row && row.error().code != Errc::store_corrupt) return std::unexpected(row.error());
    if (!row) continue;
    const Result<record::PendingDelivery> waiting = record::parse_pending(*row);
    if (!waiting) continue;  // damaged: whoever reads the queue next finds it and sets it aside
    const bool was_held = std::holds_alternative<HeldKey>(outcome.place);
    MAIL_TRY(Settlement settlement, settlement_of(*waiting, was_held, outcome));
    taken.insert(key);
    steps.push_back({&outcome, std::move(key), waiting->message, std::move(settlement)});
  }
  for (const Step& step : steps) put(group, step);
  return {};
}

Result<void> ComplaintChange::apply(Group& group) {
  std::vector<record::Event> events;
  MAIL_TRY(events, read_events(group.db, event_.message, nullptr));
  if (events.empty()) return fail(Errc::not_found, "no such message");
  EventRows row;
  row.add(event_);
  group.state.put_events(group.batch, event_.message, event_.kind, row);
  return {};
}

Result<void> NoticeRemoval::apply(Group& group) {
  std::vector<NoticeKey> due;
  for (const NoticeKey& key : keys_) {
    const std::string row = keys::notice(key);
    if (!group.still_there(kv::Family::notice, row)) continue;
    MAIL_TRY(const bool there, group.db.contains(kv::Family::notice, row));
    if (there) due.push_back(key);
  }
  for (const NoticeKey& key : due) {
    const std::string row = keys::notice(key);
    if (!group.removed.emplace(kv::Family::notice, row).second) continue;  // named twice
    group.batch.remove_once(kv::Family::notice, row);
    group.envelopes.refer(key.message, -1);
  }
  return {};
}

}  // namespace mail
