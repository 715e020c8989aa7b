// What a draft, and later an outcome, means in events and in counters. Both stores ask here, so
// that events and counters tell the same story: accepted = delivered + ... + held + queued, per
// recipient (security.md 17). Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "codec/record/notice.h"
#include "codec/record/pending.h"
#include "service/store/draft.h"
#include "service/store/mail_store.h"
#include "service/store/outcome.h"

namespace mail {

// Content of at most this size lies in the envelope itself; everything larger is chunks.
constexpr std::size_t kMaxInlineBody = 1024;
constexpr std::size_t kMaxListText = 255;  // From and Subject in a mailbox entry

// What both stores ask of a draft and of each delivery. Fails with invalid_argument.
Result<void> validate(const Draft& draft);
Result<void> validate(const Delivery& delivery);

// How many mailbox entries, waiting deliveries and notices due will name the message.
std::uint32_t references_of(const Draft& draft);
// Where the commit puts the content.
record::BodyRef body_of(const Draft& draft);
bool waits(const Target& target);  // in a queue, or held
// What is kept of a delivery that waits from its draft on; `delivery` is one of the draft's.
record::PendingDelivery pending_of(const Draft& draft, const Delivery& delivery);
// The same into memory that was used before.
void set_pending(record::PendingDelivery& pending, const Draft& draft, const Delivery& delivery);
bool any_local(const Draft& draft);

// The draft's own events (with `received` made where it is missing: an acknowledged id is accounted
// for by it, security.md 12), then one per recipient whose fate is known: delivered, held,
// discarded, bounced.
std::vector<record::Event> all_events(const Draft& draft, WallTime now);
// The two parts of it that are not in the draft.
std::optional<record::Event> missing_received(const Draft& draft);
void each_fate_event(const Draft& draft, WallTime now,
                     const std::function<void(const record::Event&)>& tell);
Counters effect_of(const Draft& draft);
// What a delivery to this target is for each of its recipients, but for whose, of which message
// and when. Nothing: it is queued, which no event says.
std::optional<record::Event> fate_event(const Target& target);

// What an outcome makes of the delivery that waited.
struct Settlement {
  struct Rest {
    Target target;
    record::PendingDelivery delivery;
  };
  std::vector<record::Event> events;
  Counters effect;
  std::vector<record::Notice> notices;
  std::vector<Rest> rest;  // what waits on and what goes into a mailbox
};
// Fails with invalid_argument where the outcome does not fit the delivery: each of its recipients
// has one end, or one place in `rest`.
Result<Settlement> settlement_of(const record::PendingDelivery& waiting, bool was_held,
                                 const Outcome& outcome);

Counters operator+(const Counters& a, const Counters& b);
// The member of Counters that counts recipients in this state; queued for none.
std::int64_t& counter_of(Counters& counters, std::optional<record::EventKind> state);

// The recipients of one message, each with the event that said the last about it (none: queued).
struct RecipientState {
  std::string recipient;
  std::optional<record::EventKind> state;
};
std::vector<RecipientState> recipient_states(std::span<const record::Event> events);

}  // namespace mail
