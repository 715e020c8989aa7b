#include "service/store/ledger.h"

#include <algorithm>

namespace mail {
namespace {
using record::Event;
using record::EventKind;
}  // namespace

std::optional<Event> fate_event(const Target& target) {
  Event event;
  if (const auto* mailbox = std::get_if<ToMailbox>(&target)) {
    event.kind = EventKind::delivered;
    event.facts.push_back({"folder", mailbox->folder});
  } else if (const auto* held = std::get_if<Held>(&target)) {
    event.kind = EventKind::held;
    event.facts.push_back({"reason", held->reason});
  } else if (const auto* discarded = std::get_if<Discarded>(&target)) {
    event.kind = EventKind::discarded;
    event.facts.push_back({"reason", discarded->reason});
  } else if (const auto* bounced = std::get_if<Bounced>(&target)) {
    event.kind = EventKind::bounced;
    event.facts.push_back({"reason", bounced->reason});
  } else if (const auto* relayed = std::get_if<Relayed>(&target)) {
    event.kind = EventKind::delivered;
    event.facts = relayed->facts;
  } else {
    return std::nullopt;
  }
  return event;
}

Result<void> validate(const Delivery& delivery) {
  if (delivery.recipients.empty()) {
    return fail(Errc::invalid_argument, "a delivery without recipients");
  }
  if (const auto* mailbox = std::get_if<ToMailbox>(&delivery.target)) {
    if (delivery.recipients.size() != 1 || mailbox->folder.empty()) {
      return fail(Errc::invalid_argument, "a mailbox delivery has one recipient and a folder");
    }
  }
  if (const auto* route = std::get_if<ToRoute>(&delivery.target)) {
    const QueueName& queue = route->queue;
    for (const std::string* part : {&queue.route, &queue.domain, &queue.lane}) {
      if (part->contains('\0')) return fail(Errc::invalid_argument, "a NUL in a queue's name");
    }
  }
  return {};
}

Result<void> validate(const Draft& draft) {
  if (draft.id == MessageId{}) return fail(Errc::invalid_argument, "a draft without id");
  if (draft.deliveries.empty()) return fail(Errc::invalid_argument, "a draft without deliveries");
  for (const Delivery& delivery : draft.deliveries) MAIL_TRY(validate(delivery));
  if (draft.carried && draft.carried->waiting.size() != draft.deliveries.size()) {
    return fail(Errc::invalid_argument, "a carried draft with deliveries that never waited");
  }
  for (const record::Notice& notice : draft.notices) {
    if (notice.message != draft.id) {
      return fail(Errc::invalid_argument, "a draft with a notice of another message");
    }
  }
  return {};
}

bool waits(const Target& target) {
  return std::holds_alternative<ToRoute>(target) || std::holds_alternative<Held>(target);
}

std::uint32_t references_of(const Draft& draft) {
  const auto named = std::ranges::count_if(draft.deliveries, [](const Delivery& d) {
    return waits(d.target) || std::holds_alternative<ToMailbox>(d.target);
  });
  return static_cast<std::uint32_t>(static_cast<std::size_t>(named) + draft.notices.size());
}

record::BodyRef body_of(const Draft& draft) {
  if (references_of(draft) == 0) return record::NoBody{};
  if (draft.staged_chunks == 0 && draft.content.size() <= kMaxInlineBody) {
    return record::InlineBody{draft.content};
  }
  // Staged chunks lie in mail_body: where a message goes is not known when they are written, and to
  // copy them later costs more than a few large short-lived bodies there.
  const bool mail = any_local(draft) || draft.staged_chunks > 0;
  return record::KvBody{mail ? record::BodyFamily::mail : record::BodyFamily::queue, draft.id,
                        draft.staged_chunks + 1};
}

record::PendingDelivery pending_of(const Draft& draft, const Delivery& delivery) {
  record::PendingDelivery pending;
  set_pending(pending, draft, delivery);
  return pending;
}

void set_pending(record::PendingDelivery& pending, const Draft& draft, const Delivery& delivery) {
  if (draft.carried) {
    pending = draft.carried->waiting[static_cast<std::size_t>(&delivery - draft.deliveries.data())];
    return;
  }
  pending.message = draft.id;
  // What was asked to wait is no older than the end of its wait (RFC 4865 §4.2).
  pending.since = std::max(draft.received_at, draft.options.hold_until.value_or(draft.received_at));
  const auto* held = std::get_if<Held>(&delivery.target);
  pending.reason = held != nullptr ? std::string_view(held->reason) : std::string_view();
  pending.attempts = 0;
  pending.reverse_path = delivery.reverse_path;
  pending.added_fields = delivery.added_fields;
  pending.recipients.clear();
  for (const Recipient& recipient : delivery.recipients) {
    pending.recipients.push_back({.recipient = recipient, .reason = ""});
  }
}

bool any_local(const Draft& draft) {
  return std::ranges::any_of(draft.deliveries, [](const Delivery& d) {
    return std::holds_alternative<ToMailbox>(d.target);
  });
}

std::optional<Event> missing_received(const Draft& draft) {
  const bool told = std::ranges::any_of(
      draft.events, [](const Event& event) { return event.kind == EventKind::received; });
  if (told) return std::nullopt;
  Event received;
  received.message = draft.id;
  received.at = draft.received_at;
  for (const Recipient& recipient : draft.recipients) {
    received.recipients.push_back(recipient.address);
  }
  return received;
}

std::vector<Event> all_events(const Draft& draft, WallTime now) {
  std::vector<Event> events;
  if (auto received = missing_received(draft)) events.push_back(std::move(*received));
  events.insert(events.end(), draft.events.begin(), draft.events.end());
  each_fate_event(draft, now, [&](const Event& event) { events.push_back(event); });
  return events;
}

void each_fate_event(const Draft& draft, WallTime now,
                     const std::function<void(const Event&)>& tell) {
  for (const Delivery& delivery : draft.deliveries) {
    std::optional<Event> event = fate_event(delivery.target);
    if (!event) continue;
    event->message = draft.id;
    event->at = now;
    for (const Recipient& recipient : delivery.recipients) {
      event->recipient = recipient.address;
      tell(*event);
    }
  }
}

namespace {
std::optional<EventKind> state_of(const Target& target) {
  if (std::holds_alternative<ToMailbox>(target)) return EventKind::delivered;
  if (std::holds_alternative<Held>(target)) return EventKind::held;
  if (std::holds_alternative<Discarded>(target)) return EventKind::discarded;
  if (std::holds_alternative<Bounced>(target)) return EventKind::bounced;
  if (std::holds_alternative<Relayed>(target)) return EventKind::delivered;
  return std::nullopt;
}
}  // namespace

Counters effect_of(const Draft& draft) {
  Counters effect;
  effect.messages = 1;
  for (const Delivery& delivery : draft.deliveries) {
    const auto recipients = static_cast<std::int64_t>(delivery.recipients.size());
    effect.accepted += recipients;
    counter_of(effect, state_of(delivery.target)) += recipients;
  }
  return effect;
}

Counters operator+(const Counters& a, const Counters& b) {
  return {.accepted = a.accepted + b.accepted,
          .delivered = a.delivered + b.delivered,
          .bounced = a.bounced + b.bounced,
          .expired = a.expired + b.expired,
          .discarded = a.discarded + b.discarded,
          .quarantined = a.quarantined + b.quarantined,
          .held = a.held + b.held,
          .queued = a.queued + b.queued,
          .messages = a.messages + b.messages};
}

std::int64_t& counter_of(Counters& counters, std::optional<EventKind> state) {
  if (!state) return counters.queued;
  switch (*state) {
    case EventKind::delivered:
    case EventKind::complained:  // about mail that was delivered
      return counters.delivered;
    case EventKind::bounced:
      return counters.bounced;
    case EventKind::expired:
      return counters.expired;
    case EventKind::discarded:
      return counters.discarded;
    case EventKind::quarantined:
      return counters.quarantined;
    case EventKind::held:
      return counters.held;
    case EventKind::received:
    case EventKind::expanded:
    case EventKind::deferred:
      return counters.queued;
  }
  return counters.queued;
}

std::vector<RecipientState> recipient_states(std::span<const Event> events) {
  std::vector<RecipientState> states;
  const auto find = [&](const std::string& recipient) {
    // The same address may have been given twice: the first without an end takes the event.
    const auto open = std::ranges::find_if(states, [&](const RecipientState& s) {
      return s.recipient == recipient && (!s.state || s.state == EventKind::deferred);
    });
    return open != states.end() ? open
                                : std::ranges::find(states, recipient, &RecipientState::recipient);
  };
  const auto add = [&](const Event& event) {
    for (const std::string& recipient : event.recipients) states.push_back({recipient, {}});
  };
  for (const Event& event : events) {
    if (event.kind == EventKind::received) {
      add(event);
    } else if (event.kind == EventKind::expanded) {
      if (const auto at = find(event.recipient); at != states.end()) states.erase(at);
      add(event);
    } else if (event.kind == EventKind::complained) {
      // It says what somebody thinks of mail that was delivered; of other mail, nothing.
      const auto at = std::ranges::find_if(states, [&](const RecipientState& s) {
        return s.recipient == event.recipient && s.state == EventKind::delivered;
      });
      if (at != states.end()) at->state = event.kind;
    } else if (const auto at = find(event.recipient); at != states.end()) {
      at->state = event.kind;
    }
  }
  return states;
}

}  // namespace mail
