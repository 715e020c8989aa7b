// What happened to a message, as kept on disk and shown in timelines (design §3, Events).
// A recipient's state is that of its last event, so that
//   accepted = delivered + bounced + expired + discarded + quarantined + held + queued
// can be recomputed from events alone (security.md 17): `received` names the recipients as given,
// each `expanded` replaces one occurrence of its recipient by its new members (perhaps none: all of
// them have the message already), and a recipient without a later event is queued.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace mail::record {

enum class EventKind : std::uint8_t {
  received = 1,
  expanded,
  deferred,
  delivered,
  bounced,
  expired,
  discarded,
  quarantined,
  held,
  complained,
};
std::string_view to_string(EventKind kind);

// A named detail: {"client", "192.0.2.1"}, {"reply", "250 2.0.0 ok"}. Names are fixed words.
struct Fact {
  std::string name;
  std::string value;
  bool operator==(const Fact&) const = default;
};

struct Event {
  MessageId message;
  EventKind kind = EventKind::received;
  WallTime at;
  std::string recipient;                // empty for `received`
  std::vector<std::string> recipients;  // `received`: as given; `expanded`: the new members
  std::vector<Fact> facts;
  bool operator==(const Event&) const = default;
};

void append_event(std::string& out, const Event& event);  // one framed record
Result<Event> parse_event(std::string_view bytes);        // store_corrupt, store_newer

}  // namespace mail::record
