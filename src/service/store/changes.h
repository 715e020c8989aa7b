// What can be changed in the store: one class per domain verb, each adding itself to the group's
// batch and state together. Made by the caller, applied by the committer.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "service/store/committer.h"
#include "service/store/staging.h"
#include "service/store/store_state.h"

namespace mail {

struct Group {
  kv::Database& db;
  kv::Batch& batch;
  StoreState& state;
  WallTime now;
  bool storage_low = false;             // no new mail
  std::vector<MessageId> acknowledged;  // for the journal
};

// Drafts become messages, all or none. What does not depend on commit order is encoded by the
// constructor, on the caller's thread. Drafts and staging must outlive it.
class DraftChange final : public Change {
 public:
  DraftChange(std::span<Draft> drafts, const Staging& staging, WallTime now);
  // Why the drafts cannot be kept; ask before running it.
  const Result<void>& valid() const { return valid_; }

  Result<void> apply(Group& group) override;
  std::size_t size() const override { return size_; }

 private:
  struct Prepared {
    std::string envelope;
    std::uint64_t size = 0;   // of the content
    std::string seal;         // of chunk 0; empty when the body is not in chunks
    std::string chunk_sizes;  // row; only with staged chunks
    kv::Family family = kv::Family::mail_body;
    std::vector<std::string> events;
    bool keeps_body = true;
  };
  Result<Prepared> prepare(const Draft& draft, const Staging& staging, WallTime now) const;
  void put(Group& group, const Draft& draft, const Prepared& prepared) const;
  void deliver(Group& group, const Draft& draft, const Prepared& prepared,
               std::uint32_t index) const;

  Result<void> still_possible(const Group& group) const;

  std::span<Draft> drafts_;
  const Staging& staging_;
  std::vector<Prepared> prepared_;
  std::size_t size_ = 0;
  Result<void> valid_;
};

// Entries leave a mailbox; a message goes with its last reference. Base of the two removals.
class Removal : public Change {
 public:
  bool alone() const override { return true; }

 protected:
  // Puts the removal of one entry; `row` is its record, damaged or not.
  void remove_entry(Group& group, record::MailboxInfo& mailbox, Uid uid, std::string_view row);
  void settle_references(Group& group);  // once, behind the last remove_entry()

 private:
  std::map<MessageId, std::uint32_t> dropped_;  // references
};

class EntryRemoval final : public Removal {
 public:
  EntryRemoval(MailboxId mailbox, std::vector<Uid> uids);
  Result<void> apply(Group& group) override;

 private:
  MailboxId mailbox_;
  std::vector<Uid> uids_;  // ascending, without doubles
};

// One step of removing an account, bounded; run it until finished().
class AccountRemoval final : public Removal {
 public:
  explicit AccountRemoval(AccountId account) : account_(account) {}
  Result<void> apply(Group& group) override;
  bool finished() const { return finished_; }

 private:
  void remove_rows_behind(Group& group, MailboxId mailbox) const;
  AccountId account_;
  bool finished_ = false;
};

// A damaged row: its bytes are copied aside, and the recipients of its message whose mail it was
// become `quarantined`. Once per row. The row itself stays where it is.
class Quarantine final : public Change {
 public:
  explicit Quarantine(DamagedRow row) : row_(std::move(row)) {}
  bool alone() const override { return true; }
  Result<void> apply(Group& group) override;

 private:
  DamagedRow row_;
};
// Copies aside and logs, without events. False: that was done before.
bool set_aside(const kv::Database& db, kv::Batch& batch, const DamagedRow& row);

// Removes the chunks that a message staged; rows that were never written do no harm.
class StagedRemoval final : public Change {
 public:
  StagedRemoval(MessageId id, std::uint32_t chunks) : id_(id), chunks_(chunks) {}
  Result<void> apply(Group& group) override;

 private:
  MessageId id_;
  std::uint32_t chunks_;
};

// Events of one message in commit order; damaged ones are left out and, if wanted, named.
Result<std::vector<record::Event>> read_events(const kv::Database& db, MessageId id,
                                               std::vector<DamagedRow>* damaged);

}  // namespace mail
