// The queues of the store in memory: what waits, its outcomes, notices.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "service/store/ledger.h"
#include "service/store/model_mail_store.h"

namespace mail {

Task<Result<std::vector<HeldDelivery>>> ModelMailStore::held(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<HeldDelivery> found;
  for (const auto& [key, delivery] : held_) {
    if (found.size() == limit) break;
    found.push_back({key, delivery});
  }
  co_return found;
}

Task<Result<std::vector<HeldDelivery>>> ModelMailStore::held_of(MessageId message) {
  const std::lock_guard lock(mutex_);
  std::vector<HeldDelivery> found;
  for (const auto& [key, delivery] : held_) {
    if (key.message == message) found.push_back({key, delivery});
  }
  co_return found;
}

Task<Result<std::vector<MessageId>>> ModelMailStore::waiting(std::optional<MessageId> after,
                                                             std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::set<MessageId> all;
  for (const auto& [key, delivery] : held_) all.insert(key.message);
  for (const auto& [key, delivery] : queued_) all.insert(key.message);
  std::vector<MessageId> found;
  for (const MessageId& id : all) {
    if (found.size() < limit && (!after || id > *after)) found.push_back(id);
  }
  co_return found;
}

Task<Result<std::vector<QueueKey>>> ModelMailStore::queues(std::optional<QueueName> after,
                                                           std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<QueueKey> found;
  for (const auto& [key, delivery] : queued_) {
    if (found.size() == limit) break;
    if (after && key.queue <= *after) continue;
    if (found.empty() || found.back().queue != key.queue) found.push_back(key);
  }
  co_return found;
}

Task<Result<std::vector<QueuedDelivery>>> ModelMailStore::lease(QueueName queue,
                                                                std::optional<QueueKey> after,
                                                                WallTime until, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<QueuedDelivery> found;
  for (const auto& [key, delivery] : queued_) {
    if (found.size() == limit) break;
    if (key.queue == queue && key.due <= until && (!after || key > *after)) {
      found.push_back({key, delivery});
    }
  }
  co_return found;
}

Task<Result<std::vector<QueuedDelivery>>> ModelMailStore::queued_of(MessageId message) {
  const std::lock_guard lock(mutex_);
  std::map<std::uint32_t, QueuedDelivery> by_number;
  for (const auto& [key, delivery] : queued_) {
    if (key.message == message) by_number[key.number] = {key, delivery};
  }
  std::vector<QueuedDelivery> found;
  for (const auto& [number, delivery] : by_number) found.push_back(delivery);
  co_return found;
}

struct ModelMailStore::Step {
  const Outcome* outcome;
  record::PendingDelivery waiting;
  Settlement settlement;
};

Task<Result<void>> ModelMailStore::settle(std::vector<Outcome> outcomes) {
  const std::lock_guard lock(mutex_);
  if (!healthy_) co_return fail(Errc::store_unhealthy, "the store is closed");
  std::vector<Step> steps;
  std::vector<const Place*> taken;
  for (const Outcome& outcome : outcomes) {
    const auto* queued = std::get_if<QueueKey>(&outcome.place);
    const auto* held = std::get_if<HeldKey>(&outcome.place);
    if (queued != nullptr && !queued_.contains(*queued)) continue;
    if (held != nullptr && !held_.contains(*held)) continue;
    const bool twice =
        std::ranges::any_of(taken, [&](const Place* place) { return *place == outcome.place; });
    if (twice) continue;
    taken.push_back(&outcome.place);
    const record::PendingDelivery& waiting =
        queued != nullptr ? queued_.at(*queued) : held_.at(*held);
    MAIL_CO_TRY(Settlement settlement, settlement_of(waiting, held != nullptr, outcome));
    steps.push_back({&outcome, waiting, std::move(settlement)});
  }
  for (const Step& step : steps) apply(step);
  co_return Result<void>{};
}

void ModelMailStore::apply(const Step& step) {
  const MessageId message = step.waiting.message;
  const Settlement& settlement = step.settlement;
  std::optional<std::uint32_t> number;  // goes to the first that waits on
  if (const auto* queued = std::get_if<QueueKey>(&step.outcome->place)) {
    number = queued->number;
    queued_.erase(*queued);
  } else {
    const HeldKey& held = std::get<HeldKey>(step.outcome->place);
    number = held.number;
    held_.erase(held);
  }
  const auto envelope = envelopes_.find(message);
  for (const Settlement::Rest& rest : settlement.rest) {
    const record::PendingDelivery& delivery = rest.delivery;
    if (const auto* mailbox = std::get_if<ToMailbox>(&rest.target)) {
      add_entry(*mailbox, {.uid = {},
                           .message = message,
                           .internal_date = step.outcome->at,
                           .size = delivery.added_fields.size() + envelope->second.size,
                           .flags = 0,
                           .modseq = {},
                           .recipient = delivery.recipients.front().recipient.address,
                           .added_fields = delivery.added_fields,
                           .from = step.outcome->from.substr(0, kMaxListText),
                           .subject = step.outcome->subject.substr(0, kMaxListText)});
      continue;
    }
    const std::uint32_t own = number ? *number : envelope->second.deliveries++;
    number.reset();
    add_waiting(rest.target, own, delivery);
  }
  add_events(settlement.events, settlement.notices);
  counters_ = counters_ + settlement.effect;
  refer(message, static_cast<std::int64_t>(settlement.rest.size() + settlement.notices.size()) - 1);
}

void ModelMailStore::add_events(std::span<const record::Event> events,
                                std::span<const record::Notice> notices) {
  constexpr unsigned kRunBits = 20;  // as on disk: a notice's number says when it came
  std::uint64_t number = (events_.size() + 1) << kRunBits;
  for (const record::Notice& notice : notices) notices_[{notice.message, number++}] = notice;
  events_.insert(events_.end(), events.begin(), events.end());
}

Result<void> ModelMailStore::tells_are_due(std::span<const Draft> drafts) const {
  std::map<NoticeKey, int> told;
  for (const Draft& draft : drafts) {
    for (const NoticeKey& key : draft.tells) {
      if (notices_.contains(key) && ++told[key] == 1) continue;
      return fail(Errc::not_found, concat("a notice of ", key.message.to_string(),
                                          " is not due any more: it has been told"));
    }
  }
  return {};
}

void ModelMailStore::tell(const Draft& draft) {
  std::map<MessageId, std::int64_t> about;
  for (const NoticeKey& key : draft.tells) {
    notices_.erase(key);
    ++about[key.message];
  }
  for (const auto& [message, count] : about) {
    if (const auto envelope = envelopes_.find(message); envelope != envelopes_.end()) {
      ++envelope->second.told;
    }
    refer(message, -count);
  }
}

Task<Result<std::vector<MessageId>>> ModelMailStore::noticed(std::optional<MessageId> after,
                                                             std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<MessageId> found;
  for (const auto& [key, notice] : notices_) {
    if (found.size() == limit) break;
    if (after && key.message <= *after) continue;
    if (found.empty() || found.back() != key.message) found.push_back(key.message);
  }
  co_return found;
}

Task<Result<std::vector<DueNotice>>> ModelMailStore::notices(MessageId message) {
  const std::lock_guard lock(mutex_);
  std::vector<DueNotice> found;
  for (const auto& [key, notice] : notices_) {
    if (key.message == message) found.push_back({key, notice});
  }
  co_return found;
}

Task<Result<void>> ModelMailStore::complain(record::Event event) {
  const std::lock_guard lock(mutex_);
  if (!healthy_) co_return fail(Errc::store_unhealthy, "the store is closed");
  if (std::ranges::find(events_, event.message, &record::Event::message) == events_.end()) {
    co_return fail(Errc::not_found, "no such message");
  }
  add_events(std::span(&event, 1), {});
  co_return Result<void>{};
}

Task<Result<void>> ModelMailStore::drop_notices(std::vector<NoticeKey> keys) {
  const std::lock_guard lock(mutex_);
  if (!healthy_) co_return fail(Errc::store_unhealthy, "the store is closed");
  for (const NoticeKey& key : keys) {
    if (notices_.erase(key) > 0) refer(key.message, -1);
  }
  co_return Result<void>{};
}

}  // namespace mail
