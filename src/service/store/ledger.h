// What a draft means in events and in counters. Both stores ask here, so that events and counters
// tell the same story: accepted = delivered + ... + held + queued, per recipient (security.md 17).
// Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/record/event.h"
#include "service/store/draft.h"
#include "service/store/mail_store.h"

namespace mail {

// Content of at most this size lies in the envelope itself; everything larger is chunks.
constexpr std::size_t kMaxInlineBody = 1024;
constexpr std::size_t kMaxListText = 255;  // From and Subject in a mailbox entry

// What both stores ask of a draft. Fails with invalid_argument.
Result<void> validate(const Draft& draft);

// How many mailbox entries and waiting deliveries will name the message.
std::uint32_t references_of(const Draft& draft);
bool any_local(const Draft& draft);

// The draft's own events (with `received` made where it is missing: an acknowledged id is accounted
// for by it, security.md 12), then one per recipient whose fate is known: delivered, held,
// discarded.
std::vector<record::Event> all_events(const Draft& draft, WallTime now);
// The two parts of it that are not in the draft.
std::optional<record::Event> missing_received(const Draft& draft);
std::vector<record::Event> fate_events(const Draft& draft, WallTime now);
Counters effect_of(const Draft& draft);

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
