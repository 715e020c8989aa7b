// Reading rows of the mail database into values. A row that does not decode is added to `damaged`
// and left out, or is the error where it was asked for alone.
// Any thread, while the database stays open.
#pragma once

#include <functional>
#include <vector>

#include "service/store/segments.h"
#include "service/store/store_state.h"

namespace mail::rows {

using Damaged = std::vector<DamagedRow>;

Result<record::Envelope> envelope(const kv::Database& db, MessageId id, Damaged& damaged);
Result<std::vector<record::Envelope>> envelopes(const kv::Database& db, const MessageQuery& query,
                                                Damaged& damaged);
Result<std::string> body(const kv::Database& db, const Segments& segments,
                         const record::BodyRef& body, std::uint64_t offset, Damaged& damaged);
// A chunk that belongs to no message yet; a damaged one is nobody's to be told of.
Result<std::string> staged(const kv::Database& db, MessageId id, std::uint32_t number);
Result<std::vector<SequencedEvent>> events_after(const kv::Database& db, EventSeq cursor,
                                                 std::size_t limit, Damaged& damaged);
Result<std::vector<record::MailboxInfo>> mailboxes(const kv::Database& db, AccountId account);
Result<std::vector<record::MailboxEntry>> entries(const kv::Database& db, MailboxId mailbox,
                                                  Uid after, std::size_t limit, Damaged& damaged);
Result<record::MailboxEntry> entry(const kv::Database& db, MailboxId mailbox, Uid uid,
                                   Damaged& damaged);
Result<std::vector<HeldDelivery>> held(const kv::Database& db, std::size_t limit, Damaged& damaged);
Result<std::vector<HeldDelivery>> held_of(const kv::Database& db, MessageId message,
                                          Damaged& damaged);
Result<std::vector<MessageId>> waiting(const kv::Database& db, std::optional<MessageId> after,
                                       std::size_t limit);

Result<std::vector<QueueKey>> queues(const kv::Database& db, const std::optional<QueueName>& after,
                                     std::size_t limit);
// See MailStore::lease().
Result<std::vector<QueuedDelivery>> lease(const kv::Database& db, const QueueName& queue,
                                          const std::optional<QueueKey>& after, WallTime until,
                                          std::size_t limit, Damaged& damaged);
Result<std::vector<QueuedDelivery>> queued_of(const kv::Database& db, MessageId message,
                                              Damaged& damaged);
Result<std::vector<MessageId>> noticed(const kv::Database& db, std::optional<MessageId> after,
                                       std::size_t limit);
Result<std::vector<DueNotice>> notices(const kv::Database& db, MessageId message, Damaged& damaged);

// Reads everything and compares what can be compared, also while mail comes and goes. Gives up with
// store_unhealthy once `closing` says so: the store cannot be reopened under a reader.
Result<CheckReport> check(const kv::Database& db, const Segments& segments, Damaged& damaged,
                          const std::function<bool()>& closing);
// A part of it: the schedule, the notices, and the references of envelopes to all that names them.
Result<void> check_waiting(const kv::Database& db, Damaged& damaged,
                           const std::function<bool()>& closing, CheckReport& report);
// The counters as the events tell them (security.md 17).
Result<Counters> recount(const kv::Database& db);

// Names for DamagedRow::what.
std::string name_of(kv::Family family, std::string_view key);

}  // namespace mail::rows
