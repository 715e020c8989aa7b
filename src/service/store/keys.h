// The keys of the mail database, one function per row. Big-endian, so that order on disk is order
// in time or number. These bytes are on disk: a change needs a new format number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "service/store/draft.h"
#include "service/store/outcome.h"

namespace mail::keys {

// 1 had the runs among the events (and no family `run`), 2 no segments.
inline constexpr std::uint32_t kFormat = 3;
inline constexpr std::string_view kFormatRow = "format";  // meta: kFormat
inline constexpr std::string_view kIdsRow = "ids";        // meta: highest reserved millisecond
inline constexpr std::string_view kSegment = "segment";   // meta: how many bodies lie in it

template <typename Number>
std::string number(Number value) {
  std::string key;
  append_big_endian(key, value);
  return key;
}

inline std::string segment(std::uint64_t segment) {
  return std::string(kSegment) + number(segment);
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
inline constexpr char kChangeRow = 'm';
inline std::string changes(MailboxId id) { return in_mailbox(kChangeRow, id); }
inline std::string tombstones(MailboxId id) { return in_mailbox('t', id); }
inline std::string entry(MailboxId id, Uid uid) { return entries(id) + number(uid.value); }
inline void append_change(std::string& key, MailboxId id, ModSeq at) {
  key.push_back(kChangeRow);
  append_big_endian(key, id.value);
  append_big_endian(key, at.value);
}
inline std::string change(MailboxId id, ModSeq at) {
  std::string key;
  append_change(key, id, at);
  return key;
}
inline std::string tombstone(MailboxId id, ModSeq at) { return tombstones(id) + number(at.value); }

// event: the events in commit order. run: for each message where its runs of them begin; the value
// is the number of its events and one kind among them (`received` in the first run). Each grows at
// its end, and so its tables overlap none before them and are hardly written again: in one family,
// as in format 1, each overlapped all.
inline std::string event(EventSeq seq) { return "s" + number(seq.value); }
inline constexpr std::string_view kRuns = "i";
inline std::string runs(MessageId id) { return std::string(kRuns).append(id.key()); }
inline void append_run(std::string& key, MessageId id, EventSeq first) {
  key.append(kRuns).append(id.key());
  append_big_endian(key, first.value);
}

// schedule: what waits in queues by route, domain, lane and due time, and what is held by message.
// For each row in a queue there is one that finds it by its message; its value is the row's key.
std::string queue(const QueueName& name);                 // begins the keys of its rows
std::string due_in(const QueueName& name, WallTime due);  // of those due then
std::string queued(const QueueKey& key);
std::optional<QueueKey> parse_queued(std::string_view key);  // nothing: no such key
inline constexpr std::string_view kQueued = "q";
inline constexpr std::string_view kHeld = "h";
inline constexpr std::string_view kWaiting = "m";
inline std::string of_message(std::string_view row, MessageId id) {
  return std::string(row).append(id.key());
}
inline std::string waiting(MessageId id, std::uint32_t delivery) {
  return of_message(kWaiting, id) + number(delivery);
}
inline std::string held(MessageId id, std::uint32_t delivery) {
  return of_message(kHeld, id) + number(delivery);
}
// No row, but the key under which the loss of rows of a message is noted in kQuarantined.
inline std::string lost(MessageId id) { return of_message("l", id); }
// Of a row of kHeld or kWaiting.
std::optional<HeldKey> parse_of_message(std::string_view key);

// notice: what senders are to be told, and raw copies of damaged rows.
inline constexpr std::string_view kNotice = "n";
inline std::string notice(const NoticeKey& key) {
  return of_message(kNotice, key.message) + number(key.number);
}
std::optional<NoticeKey> parse_notice(std::string_view key);
inline constexpr std::string_view kQuarantined = "q";
inline std::string quarantined(std::uint8_t family, std::string_view key) {
  return std::string(kQuarantined).append(1, static_cast<char>(family)).append(key);
}

// The id that these bytes begin with.
MessageId id_in(std::string_view bytes);

}  // namespace mail::keys
