#include "service/store/ledger.h"

#include <algorithm>

#include "base/text.h"

namespace mail {
namespace {

using record::Event;
using record::EventKind;

bool waits(const Target& target) {
  return std::holds_alternative<ToRoute>(target) || std::holds_alternative<Held>(target);
}

// Nothing: the recipient is queued, which no event says.
std::optional<Event> fate_event(const Delivery& delivery) {
  Event event;
  if (const auto* mailbox = std::get_if<ToMailbox>(&delivery.target)) {
    event.kind = EventKind::delivered;
    event.facts = {{"folder", mailbox->folder}};
  } else if (const auto* held = std::get_if<Held>(&delivery.target)) {
    event.kind = EventKind::held;
    event.facts = {{"reason", held->reason}};
  } else if (const auto* discarded = std::get_if<Discarded>(&delivery.target)) {
    event.kind = EventKind::discarded;
    event.facts = {{"reason", discarded->reason}};
  } else {
    return std::nullopt;
  }
  return event;
}

std::optional<EventKind> state_of(const Target& target) {
  if (std::holds_alternative<ToMailbox>(target)) return EventKind::delivered;
  if (std::holds_alternative<Held>(target)) return EventKind::held;
  if (std::holds_alternative<Discarded>(target)) return EventKind::discarded;
  return std::nullopt;
}

}  // namespace

Result<void> validate(const Draft& draft) {
  if (draft.id == MessageId{}) return fail(Errc::invalid_argument, "a draft without id");
  if (draft.deliveries.empty()) return fail(Errc::invalid_argument, "a draft without deliveries");
  for (const Delivery& delivery : draft.deliveries) {
    if (delivery.recipients.empty()) {
      return fail(Errc::invalid_argument, "a delivery without recipients");
    }
    const auto* mailbox = std::get_if<ToMailbox>(&delivery.target);
    if (mailbox == nullptr) continue;
    if (delivery.recipients.size() != 1 || mailbox->folder.empty()) {
      return fail(Errc::invalid_argument, "a mailbox delivery has one recipient and a folder");
    }
  }
  return {};
}

std::uint32_t references_of(const Draft& draft) {
  return static_cast<std::uint32_t>(std::ranges::count_if(draft.deliveries, [](const Delivery& d) {
    return waits(d.target) || std::holds_alternative<ToMailbox>(d.target);
  }));
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
  return Event{.message = draft.id,
               .kind = EventKind::received,
               .at = draft.received_at,
               .recipient = "",
               .recipients = draft.recipients,
               .facts = {}};
}

std::vector<Event> all_events(const Draft& draft, WallTime now) {
  std::vector<Event> events;
  if (auto received = missing_received(draft)) events.push_back(std::move(*received));
  events.insert(events.end(), draft.events.begin(), draft.events.end());
  for (Event& event : fate_events(draft, now)) events.push_back(std::move(event));
  return events;
}

std::vector<Event> fate_events(const Draft& draft, WallTime now) {
  std::vector<Event> events;
  for (const Delivery& delivery : draft.deliveries) {
    std::optional<Event> event = fate_event(delivery);
    if (!event) continue;
    event->message = draft.id;
    event->at = now;
    for (const std::string& recipient : delivery.recipients) {
      event->recipient = recipient;
      events.push_back(*event);
    }
  }
  return events;
}

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
    } else if (const auto at = find(event.recipient); at != states.end()) {
      at->state = event.kind;
    }
  }
  return states;
}

}  // namespace mail
