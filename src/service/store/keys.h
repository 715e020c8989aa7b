// The keys of the mail database, one function per row. Big-endian, so that order on disk is order
// in time or number. These bytes are on disk: a change needs a new format number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "service/store/draft.h"

namespace mail::keys {

inline constexpr std::uint32_t kFormat = 1;
inline constexpr std::string_view kFormatRow = "format";  // meta: kFormat
inline constexpr std::string_view kIdsRow = "ids";        // meta: highest reserved millisecond

template <typename Number>
std::string number(Number value) {
  std::string key;
  append_big_endian(key, value);
  return key;
}

// queue_body, mail_body: chunk 0, 1, ...; a body of several chunks has a row with their sizes.
inline constexpr std::uint32_t kChunkSizes = UINT32_MAX;
inline std::string chunk(MessageId id, std::uint32_t number) {
  std::string key(id.key());
  append_big_endian(key, number);
  return key;
}

// mailbox
inline constexpr std::string_view kMailboxSequence = "n";  // next id, last uidvalidity
inline std::string in_mailbox(char row, MailboxId mailbox) {
  std::string key(1, row);
  append_big_endian(key, mailbox.value);
  return key;
}
inline constexpr char kMailboxRow = 'i';
inline std::string mailbox(MailboxId id) { return in_mailbox(kMailboxRow, id); }
inline std::string owned_mailboxes(AccountId account) { return "a" + number(account.value); }
inline std::string owned_mailbox(AccountId account, MailboxId id) {
  return owned_mailboxes(account) + number(id.value);
}
inline std::string entries(MailboxId id) { return in_mailbox('e', id); }
inline std::string changes(MailboxId id) { return in_mailbox('m', id); }
inline std::string tombstones(MailboxId id) { return in_mailbox('t', id); }
inline std::string entry(MailboxId id, Uid uid) { return entries(id) + number(uid.value); }
inline std::string change(MailboxId id, ModSeq at) { return changes(id) + number(at.value); }
inline std::string tombstone(MailboxId id, ModSeq at) { return tombstones(id) + number(at.value); }

// event: the events in commit order, and for each message where its runs of them begin. The value
// of a run is the number of its events and one kind among them (`received` in the first run).
inline std::string event(EventSeq seq) { return "s" + number(seq.value); }
inline std::string runs(MessageId id) { return std::string("i").append(id.key()); }
inline std::string run(MessageId id, EventSeq first) { return runs(id) + number(first.value); }

// schedule: queues by route, domain, lane and due time; what is held by message.
inline std::string queued(const ToRoute& route, MessageId id, std::uint32_t delivery) {
  std::string key("q");
  for (const std::string* part : {&route.route, &route.domain, &route.lane}) {
    key.append(*part).push_back('\0');
  }
  append_big_endian(key, static_cast<std::uint64_t>(route.due.time_since_epoch().count()));
  key.append(id.key());
  append_big_endian(key, delivery);
  return key;
}
inline constexpr std::string_view kHeld = "h";
inline std::string held(MessageId id, std::uint32_t delivery) {
  std::string key(kHeld);
  key.append(id.key());
  append_big_endian(key, delivery);
  return key;
}

// notice: raw copies of damaged rows.
inline std::string quarantined(std::uint8_t family, std::string_view key) {
  return std::string("q").append(1, static_cast<char>(family)).append(key);
}

}  // namespace mail::keys
