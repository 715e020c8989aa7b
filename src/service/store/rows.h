// Reading rows of the mail database into values. A row that does not decode is added to `damaged`
// and left out, or is the error where it was asked for alone.
// Any thread, while the database stays open.
#pragma once

#include <functional>
#include <vector>

#include "service/store/store_state.h"

namespace mail::rows {

using Damaged = std::vector<DamagedRow>;

Result<record::Envelope> envelope(const kv::Database& db, MessageId id, Damaged& damaged);
Result<std::vector<record::Envelope>> envelopes(const kv::Database& db, const MessageQuery& query,
                                                Damaged& damaged);
Result<std::string> body(const kv::Database& db, const record::BodyRef& body, std::uint64_t offset,
                         Damaged& damaged);
Result<std::vector<SequencedEvent>> events_after(const kv::Database& db, EventSeq cursor,
                                                 std::size_t limit, Damaged& damaged);
Result<std::vector<record::MailboxInfo>> mailboxes(const kv::Database& db, AccountId account);
Result<std::vector<record::MailboxEntry>> entries(const kv::Database& db, MailboxId mailbox,
                                                  Uid after, std::size_t limit, Damaged& damaged);
Result<record::MailboxEntry> entry(const kv::Database& db, MailboxId mailbox, Uid uid,
                                   Damaged& damaged);
Result<std::vector<record::PendingDelivery>> held(const kv::Database& db, std::size_t limit,
                                                  Damaged& damaged);

// Reads everything and compares what can be compared, also while mail comes and goes. Gives up with
// store_unhealthy once `closing` says so: the store cannot be reopened under a reader.
Result<CheckReport> check(const kv::Database& db, Damaged& damaged,
                          const std::function<bool()>& closing);
// The counters as the events tell them (security.md 17).
Result<Counters> recount(const kv::Database& db);

// Names for DamagedRow::what.
std::string name_of(kv::Family family, std::string_view key);

}  // namespace mail::rows
