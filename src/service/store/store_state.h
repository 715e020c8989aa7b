// What the committer knows by heart: mailboxes with their next UID and MODSEQ, the next event, the
// counters. Changes are made here and in the batch together; finish() puts what changed into the
// batch, once a group. If the group fails, the whole state is loaded again from disk.
// One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "platform/kv/database.h"
#include "service/store/event_rows.h"
#include "service/store/mail_store.h"

namespace mail {

// A row that does not decode: where it is, what it was, and whose it is if that is known.
struct DamagedRow {
  kv::Family family = kv::Family::meta;
  std::string key;
  std::string what;  // "envelope 01H..."
  std::string why;
  std::optional<MessageId> message;
};

class StoreState {
 public:
  // Damaged rows are named; a mailbox is made anew from its entries, which finish() writes, and
  // counters are left out.
  static Result<StoreState> load(const kv::Database& db, std::vector<DamagedRow>& damaged);

  // For changing; finish() will write it. Null: there is none.
  record::MailboxInfo* mailbox(MailboxId id);
  record::MailboxInfo& mailbox_for(AccountId account, const std::string& folder, WallTime now);
  std::vector<MailboxId> mailboxes_of(AccountId account) const;
  void remove_mailbox(kv::Batch& batch, MailboxId id);

  // Numbers the events of one message and puts them. `kind` is one that is among them: the row by
  // which `received` is found without reading it. The first one's number.
  EventSeq put_events(kv::Batch& batch, MessageId message, record::EventKind kind,
                      const EventRows& events);
  EventSeq next_event() const { return next_event_; }
  void count(const Counters& effect, WallTime now);

  void finish(kv::Batch& batch);

  const Counters& totals() const { return totals_; }
  std::uint64_t bytes_of(AccountId account) const;
  // Accounts whose mail changed since the last call.
  std::set<AccountId> take_changed_accounts() { return std::exchange(changed_accounts_, {}); }
  std::set<AccountId> accounts() const;

 private:
  Result<void> load_mailboxes(const kv::Database& db, std::vector<DamagedRow>& damaged);
  Result<void> load_sequence(const kv::Database& db, std::vector<DamagedRow>& damaged);
  Result<void> rebuild(const kv::Database& db, MailboxId id);
  void keep(record::MailboxInfo info);
  Result<void> load_counters(const kv::Database& db, std::vector<DamagedRow>& damaged);
  Result<void> load_next_event(const kv::Database& db);

  std::unordered_map<MailboxId, record::MailboxInfo> mailboxes_;
  std::unordered_map<AccountId, std::vector<MailboxId>> by_account_;
  std::set<MailboxId> changed_;
  std::set<AccountId> changed_accounts_;
  std::uint64_t next_mailbox_ = 1;
  std::uint32_t last_validity_ = 0;
  std::vector<MailboxId> made_;  // since the last finish()
  bool sequence_changed_ = false;
  EventSeq next_event_{1};
  Counters totals_;
  std::map<std::uint64_t, Counters> hours_;   // only the hour being written, and one before it
  std::vector<std::uint64_t> changed_hours_;  // each once
  std::string row_;                           // memory for rows and keys
  kv::Database const* db_ = nullptr;
};

void append_counters(std::string& out, const Counters& counters);
Result<Counters> parse_counters(std::string_view bytes);

}  // namespace mail
