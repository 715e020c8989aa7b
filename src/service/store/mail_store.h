// MailStore: the only door to mail state, in domain verbs. RocksMailStore keeps it on disk,
// ModelMailStore in memory; both pass store_conformance.h. No key, iterator or batch shows here.
//
// Threads: every verb may be called from any thread; a task resumes on the executor that awaits it.
// Errors: storage_full, store_unhealthy (a write or sync failed; the store reopens itself and says
// so until it has), store_corrupt (the record named in the detail; it is quarantined), not_found.
// Durability: commit(), settle() and every mailbox verb that writes return after the sync.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "codec/record/mailbox.h"
#include "codec/record/pending.h"
#include "service/store/draft.h"
#include "service/store/outcome.h"

namespace mail {

// Recipients after expansion, by what became of them; accepted is always the sum of the others
// (security.md 17). held and queued go down again.
struct Counters {
  std::int64_t accepted = 0;
  std::int64_t delivered = 0;
  std::int64_t bounced = 0;
  std::int64_t expired = 0;
  std::int64_t discarded = 0;
  std::int64_t quarantined = 0;
  std::int64_t held = 0;
  std::int64_t queued = 0;
  std::int64_t messages = 0;  // messages received; not part of the sum
  bool operator==(const Counters&) const = default;
};

struct SequencedEvent {
  EventSeq seq;
  record::Event event;
};

struct DueNotice {
  NoticeKey key;
  record::Notice notice;
  bool operator==(const DueNotice&) const = default;
};

struct MessageQuery {               // newest first
  std::optional<MessageId> before;  // for the next page
  std::size_t limit = 100;
};

struct Damage {      // what check() found, or a read stumbled over
  std::string what;  // "envelope 01H...", "body 01H... chunk 3"
  std::string why;
};
struct CheckReport {
  std::uint64_t messages = 0;
  std::uint64_t bodies = 0;
  std::uint64_t mailboxes = 0;
  std::uint64_t entries = 0;
  std::uint64_t events = 0;
  std::vector<Damage> damage;
};

class MailStore {
 public:
  virtual ~MailStore() = default;

  // Unique for ever, also when the clock goes back or the process dies. Never blocks.
  virtual MessageId next_id() = 0;
  virtual bool healthy() const = 0;
  virtual bool storage_low() const = 0;  // below the reserve: 452 4.3.1 at MAIL and end of data

  // Chunk `number` (1, 2, ...) of a body too large for memory; not synced before the commit.
  // Chunks that no commit takes are removed by drop_staged() or at the next start.
  virtual Task<Result<void>> stage(MessageId id, std::uint32_t number, std::string chunk) = 0;
  // For mail that is sent on before it is committed. store_corrupt; not_found.
  virtual Task<Result<std::string>> read_staged(MessageId id, std::uint32_t number) = 0;
  virtual Task<void> drop_staged(MessageId id) = 0;

  // All drafts or none, in one synced batch with their events and counters.
  virtual Task<Result<void>> commit(std::span<Draft> drafts) = 0;

  virtual Task<Result<record::Envelope>> envelope(MessageId id) = 0;
  // One for each id, read together.
  virtual Task<Result<std::vector<Result<record::Envelope>>>> envelopes_of(
      std::vector<MessageId> ids) = 0;
  virtual Task<Result<std::vector<record::Envelope>>> messages(MessageQuery query) = 0;
  // Content from `offset` on: at least one octet unless at the end, at most a chunk.
  virtual Task<Result<std::string>> read_body(record::BodyRef body, std::uint64_t offset) = 0;

  virtual Task<Result<std::vector<record::Event>>> events_of(MessageId id) = 0;
  // At most `limit` events after the cursor, in commit order; the start is EventSeq{0}.
  virtual Task<Result<std::vector<SequencedEvent>>> events_after(EventSeq cursor,
                                                                 std::size_t limit) = 0;
  virtual Counters counters() const = 0;  // since the store was made; from memory

  virtual Task<Result<std::vector<record::MailboxInfo>>> mailboxes(AccountId account) = 0;
  // Ascending by uid, after `after`, at most `limit`.
  virtual Task<Result<std::vector<record::MailboxEntry>>> entries(MailboxId mailbox, Uid after,
                                                                  std::size_t limit) = 0;
  virtual Task<Result<record::MailboxEntry>> entry(MailboxId mailbox, Uid uid) = 0;
  // All or none: not_found names the first uid that is not there. A message goes with its last
  // entry or waiting delivery; its events stay.
  virtual Task<Result<void>> remove_entries(MailboxId mailbox, std::vector<Uid> uids) = 0;
  virtual Task<Result<void>> remove_account(AccountId account) = 0;  // its mailboxes and mail
  virtual std::uint64_t mailbox_bytes(AccountId account) const = 0;  // from memory, for quotas

  // Somebody complained of a message: an event of its kind, synced. not_found: no events of it.
  virtual Task<Result<void>> complain(record::Event event) = 0;

  // Deliveries kept aside until an operator decides, oldest first, at most `limit`.
  virtual Task<Result<std::vector<HeldDelivery>>> held(std::size_t limit) = 0;
  virtual Task<Result<std::vector<HeldDelivery>>> held_of(MessageId message) = 0;
  // Messages of which anything is in a queue or held, ascending, after `after`, at most `limit`.
  virtual Task<Result<std::vector<MessageId>>> waiting(std::optional<MessageId> after,
                                                       std::size_t limit) = 0;

  // Queues that hold something, in order of their names, after `after`, at most `limit`, each with
  // the key it begins with. Seeks from queue to queue; costs nothing per delivery.
  virtual Task<Result<std::vector<QueueKey>>> queues(std::optional<QueueName> after,
                                                     std::size_t limit) = 0;
  // Deliveries of one queue behind `after` (none: from its start), due at or before `until`, in
  // order of due time, at most `limit`. Whoever leases keeps in mind what is under way: the store
  // does not. A row that does not decode is quarantined and left out.
  virtual Task<Result<std::vector<QueuedDelivery>>> lease(QueueName queue,
                                                          std::optional<QueueKey> after,
                                                          WallTime until, std::size_t limit) = 0;
  // Deliveries of one message that wait, in queues.
  virtual Task<Result<std::vector<QueuedDelivery>>> queued_of(MessageId message) = 0;
  // All or none; they share a group, and so a sync, with whatever is being committed.
  virtual Task<Result<void>> settle(std::vector<Outcome> outcomes) = 0;

  // Messages with notices due, ascending, after `after`, at most `limit`; and the notices of one.
  virtual Task<Result<std::vector<MessageId>>> noticed(std::optional<MessageId> after,
                                                       std::size_t limit) = 0;
  virtual Task<Result<std::vector<DueNotice>>> notices(MessageId message) = 0;
  // Without a DSN: nobody is to be told after all.
  virtual Task<Result<void>> drop_notices(std::vector<NoticeKey> keys) = 0;

  virtual Task<Result<CheckReport>> check() = 0;                      // reads everything
  virtual Task<Result<void>> backup(std::filesystem::path into) = 0;  // a live copy, openable
};

}  // namespace mail
