// What became of a delivery that waited: what the queue hands to the store after an attempt, or an
// operator's decision. One outcome is applied whole: events, counters, notices, the row's end and
// what takes its place are one batch (design §2.7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "codec/record/event.h"
#include "codec/record/notice.h"
#include "codec/record/pending.h"
#include "service/store/draft.h"

namespace mail {

// Where a waiting delivery is. `number` tells the deliveries of one message apart, for ever.
struct QueueKey {
  QueueName queue;
  WallTime due;
  MessageId message;
  std::uint32_t number = 0;
  auto operator<=>(const QueueKey&) const = default;
};
struct HeldKey {
  MessageId message;
  std::uint32_t number = 0;
  auto operator<=>(const HeldKey&) const = default;
};
using Place = std::variant<QueueKey, HeldKey>;

struct QueuedDelivery {
  QueueKey key;
  record::PendingDelivery delivery;
  bool operator==(const QueuedDelivery&) const = default;
};
struct HeldDelivery {
  HeldKey key;
  record::PendingDelivery delivery;
  bool operator==(const HeldDelivery&) const = default;
};

struct RecipientOutcome {
  enum class Kind : std::uint8_t { delivered, deferred, bounced, expired, discarded };
  std::string recipient;  // its address, as in the delivery
  Kind kind = Kind::deferred;
  std::vector<record::Fact> facts;       // of the event: host, address, tls, reply, ...
  std::string reason;                    // deferred: kept, for those who ask why it waits
  std::optional<record::Notice> notice;  // due now; `delayed` marks the recipient as told
};

// A recipient that has become several while it waited: an alias of today.
struct Expanded {
  std::string recipient;           // as in the delivery
  std::vector<Recipient> members;  // recipients of the delivery from now on, in its place
};

struct Outcome {
  Place place;  // a delivery that is not there any more is passed over: settling twice does no harm
  WallTime at;
  std::uint32_t attempts = 0;                // made so far, this one included
  std::vector<RecipientOutcome> recipients;  // each at most once; empty: it only moves
  // Where the recipients go that were deferred or not named, each exactly once; a delivery to a
  // route again gets a new due time. Held and mailboxes may stand here too: an operator holds,
  // a domain has become local. Reverse path and added fields are taken from here.
  std::vector<Delivery> rest;
  std::string from;  // as in Draft; wanted where a mailbox stands in `rest`
  std::string subject;
  std::vector<record::Notice> notices{};  // due now, of those that `rest` puts into mailboxes
  std::vector<Expanded> expanded{};       // first of all; their members are then spoken of
};

}  // namespace mail
