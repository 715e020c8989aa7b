// What became of messages: timelines, contents as received, and the sums over all of them.
// Any I/O thread; tasks resume there. Errors carry a sentence for the operator: not_found,
// too_large, and those of MailStore.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "service/store/ledger.h"
#include "service/store/mail_store.h"

namespace mail {

struct Timeline {
  MessageId id;
  std::optional<record::Envelope> envelope;  // nothing once no mailbox and no queue needs it
  std::vector<record::Event> events;         // oldest first
  std::vector<RecipientState> recipients;    // after expansion
};

class History {
 public:
  // The store outlives the history. A content of more than `max_message` octets is not returned.
  explicit History(MailStore& store, ByteCount max_message = 64_MiB)
      : store_(store), max_message_(max_message) {}

  Task<Result<Timeline>> timeline(MessageId id);
  // As it was kept: our trace fields, header, body; without the fields of single deliveries.
  Task<Result<std::string>> raw(MessageId id);

 private:
  MailStore& store_;
  ByteCount max_message_;
};

// The counters with their names, for `status`; in the order of security.md 17.
struct Totals {
  struct Part {
    std::string_view name;
    std::int64_t count = 0;
    bool operator==(const Part&) const = default;
  };
  std::int64_t messages = 0;
  std::int64_t accepted = 0;  // recipients after expansion
  std::array<Part, 7> parts;  // delivered, bounced, ... queued
  bool balanced = false;      // accepted is the sum of the parts; false is a bug to be told
};
Totals totals(const Counters& counters);

// The counters as the events tell them (security.md 17), read message by message: memory stays
// flat, time does not. Exact only while no mail comes or goes.
Task<Result<Counters>> recount(MailStore& store);

}  // namespace mail
