// What can be changed in the store: one class per domain verb, each adding itself to the group's
// batch and state together. Made by the caller, applied by the committer.
#pragma once

#include <boost/container/small_vector.hpp>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "service/store/committer.h"
#include "service/store/envelope_changes.h"
#include "service/store/ledger.h"
#include "service/store/outcome.h"
#include "service/store/segments.h"
#include "service/store/staging.h"
#include "service/store/store_state.h"

namespace mail {

struct Group {
  kv::Database& db;
  kv::Batch& batch;
  StoreState& state;
  Segments& segments;
  WallTime now;
  bool storage_low = false;              // no new mail
  bool to_segments = false;              // its bulk is worth a sync of its own, and there is room
  std::vector<MessageId>& acknowledged;  // for the journal
  std::string& row;                      // one is made here, and put at once
  record::PendingDelivery& waiting;      // likewise
  EnvelopeChanges envelopes;
  // Rows that the database still shows though a change of this group has removed them.
  std::set<std::pair<kv::Family, std::string>> removed;
  bool names_chunks = false;  // that were written unsynced

  bool still_there(kv::Family family, const std::string& key) const {
    return !removed.contains({family, key});
  }
};

// Puts an entry into the target's mailbox, with the next UID and MODSEQ of it.
void put_entry(Group& group, const ToMailbox& target, record::MailboxEntry entry);
// Puts the row, or rows, of a delivery that waits; `target` is a queue or Held.
void put_waiting(Group& group, const Target& target, std::uint32_t number,
                 const record::PendingDelivery& delivery);
// `first` is the sequence number of the first event that is put with them.
void put_notices(Group& group, EventSeq first, std::span<const record::Notice> notices);

// Drafts become messages, all or none. What does not depend on commit order is encoded by the
// constructor, on the caller's thread. Drafts and staging must outlive it.
class DraftChange final : public Change {
 public:
  DraftChange(std::span<const Draft> drafts, const Staging& staging, WallTime now,
              std::size_t least_in_segments);
  // Why the drafts cannot be kept; ask before running it.
  const Result<void>& valid() const { return valid_; }

  Result<void> apply(Group& group) override;
  std::size_t size() const override { return size_; }
  bool alone() const override;
  std::size_t bulk() const override { return bulk_; }

 private:
  struct Prepared {
    std::string envelope;
    std::uint64_t size = 0;   // of the content
    std::string seal;         // of chunk 0; empty when the body is not in chunks
    bool bulky = false;       // may go into a segment
    std::string chunk_sizes;  // row; only with staged chunks
    kv::Family family = kv::Family::mail_body;
    EventRows events;
    bool keeps_body = true;
  };
  Result<Prepared> prepare(const Draft& draft, const Staging& staging, WallTime now) const;
  static record::Envelope envelope_of(const Draft& draft, std::uint64_t size, record::BodyRef body);
  // The envelope that names the place where the body was put.
  static std::string put_body(Group& group, const Draft& draft, Prepared& prepared);
  void put(Group& group, const Draft& draft, Prepared& prepared) const;
  void deliver(Group& group, const Draft& draft, const Prepared& prepared,
               std::uint32_t index) const;

  Result<void> still_possible(const Group& group) const;
  static void tell(Group& group, const Draft& draft);

  std::span<const Draft> drafts_;
  const Staging& staging_;
  boost::container::small_vector<Prepared, 1> prepared_;
  std::size_t size_ = 0;
  std::size_t bulk_ = 0;
  Result<void> valid_;
};

// Outcomes of deliveries that waited, all or none.
class SettleChange final : public Change {
 public:
  explicit SettleChange(std::vector<Outcome> outcomes);
  Result<void> apply(Group& group) override;
  std::size_t size() const override { return size_; }
  bool patient() const override { return true; }

 private:
  std::vector<Outcome> outcomes_;
  std::size_t size_ = 0;
};

// Notices that nobody is to be told; those that are gone already are passed over.
class NoticeRemoval final : public Change {
 public:
  explicit NoticeRemoval(std::vector<NoticeKey> keys) : keys_(std::move(keys)) {}
  Result<void> apply(Group& group) override;

 private:
  std::vector<NoticeKey> keys_;
};

// An event about a message that went long ago, perhaps.
class ComplaintChange final : public Change {
 public:
  explicit ComplaintChange(record::Event event) : event_(std::move(event)) {}
  Result<void> apply(Group& group) override;

 private:
  record::Event event_;
};

class EntryRemoval final : public Change {
 public:
  EntryRemoval(MailboxId mailbox, std::vector<Uid> uids);
  Result<void> apply(Group& group) override;

 private:
  MailboxId mailbox_;
  std::vector<Uid> uids_;  // ascending, without doubles
};

// One step of removing an account, bounded; run it until finished(). Walks the rows of its
// mailboxes, to which the same group must not add.
class AccountRemoval final : public Change {
 public:
  explicit AccountRemoval(AccountId account) : account_(account) {}
  bool alone() const override { return true; }
  Result<void> apply(Group& group) override;
  bool finished() const { return finished_; }

 private:
  void remove_rows_behind(Group& group, MailboxId mailbox) const;
  AccountId account_;
  bool finished_ = false;
};

// A damaged row: its bytes are copied aside, and the recipients of its message whose mail it was
// become `quarantined`. Once per row. The row itself stays where it is, but what waits leaves its
// queue: it cannot be sent.
class Quarantine final : public Change {
 public:
  explicit Quarantine(DamagedRow row) : row_(std::move(row)) {}
  bool alone() const override { return true; }
  Result<void> apply(Group& group) override;

 private:
  struct Waiting {
    std::string key;
    std::vector<std::string> recipients;  // none: the row is damaged
  };
  static Result<std::vector<Waiting>> waiting(const Group& group, MessageId message);
  bool hits(const RecipientState& recipient, std::vector<std::string>& spared) const;
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
