// MailStore in memory, for tests and the simulator: the same semantics without a disk. What it
// does is meant to be obvious, so that it can say what RocksMailStore should have done.
// Any thread; one mutex. Every task ends without waiting.
#pragma once

#include <map>
#include <mutex>
#include <span>

#include "service/store/id_source.h"
#include "service/store/mail_store.h"

namespace mail {

class ModelMailStore final : public MailStore {
 public:
  explicit ModelMailStore(const Clock& clock);

  // For tests of callers. Unhealthy: every write fails with store_unhealthy.
  void set_healthy(bool healthy);
  void set_storage_low(bool low);
  void fail_next_commit(Errc code);

  MessageId next_id() override { return ids_.next(); }
  bool healthy() const override;
  bool storage_low() const override;
  Task<Result<void>> stage(MessageId id, std::uint32_t number, std::string chunk) override;
  Task<Result<std::string>> read_staged(MessageId id, std::uint32_t number) override;
  Task<void> drop_staged(MessageId id) override;
  Task<Result<void>> commit(std::span<Draft> drafts) override;
  Task<Result<record::Envelope>> envelope(MessageId id) override;
  Task<Result<std::vector<Result<record::Envelope>>>> envelopes_of(
      std::vector<MessageId> ids) override;
  Task<Result<std::vector<record::Envelope>>> messages(MessageQuery query) override;
  Task<Result<std::string>> read_body(record::BodyRef body, std::uint64_t offset) override;
  Task<Result<std::vector<record::Event>>> events_of(MessageId id) override;
  Task<Result<std::vector<SequencedEvent>>> events_after(EventSeq cursor,
                                                         std::size_t limit) override;
  Counters counters() const override;
  Task<Result<std::vector<record::MailboxInfo>>> mailboxes(AccountId account) override;
  Task<Result<std::vector<record::MailboxEntry>>> entries(MailboxId mailbox, Uid after,
                                                          std::size_t limit) override;
  Task<Result<record::MailboxEntry>> entry(MailboxId mailbox, Uid uid) override;
  Task<Result<void>> remove_entries(MailboxId mailbox, std::vector<Uid> uids) override;
  Task<Result<void>> remove_account(AccountId account) override;
  std::uint64_t mailbox_bytes(AccountId account) const override;
  Task<Result<void>> complain(record::Event event) override;
  Task<Result<std::vector<HeldDelivery>>> held(std::size_t limit) override;
  Task<Result<std::vector<HeldDelivery>>> held_of(MessageId message) override;
  Task<Result<std::vector<MessageId>>> waiting(std::optional<MessageId> after,
                                               std::size_t limit) override;
  Task<Result<std::vector<QueueKey>>> queues(std::optional<QueueName> after,
                                             std::size_t limit) override;
  Task<Result<std::vector<QueuedDelivery>>> lease(QueueName queue, std::optional<QueueKey> after,
                                                  WallTime until, std::size_t limit) override;
  Task<Result<std::vector<QueuedDelivery>>> queued_of(MessageId message) override;
  Task<Result<void>> settle(std::vector<Outcome> outcomes) override;
  Task<Result<std::vector<MessageId>>> noticed(std::optional<MessageId> after,
                                               std::size_t limit) override;
  Task<Result<std::vector<DueNotice>>> notices(MessageId message) override;
  Task<Result<void>> drop_notices(std::vector<NoticeKey> keys) override;
  Task<Result<CheckReport>> check() override;
  Task<Result<void>> backup(std::filesystem::path into) override;  // invalid_argument: no disk

 private:
  struct Box {
    record::MailboxInfo info;
    std::map<Uid, record::MailboxEntry> entries;
  };
  Result<void> commit_all(std::span<Draft> drafts);
  record::Envelope keep_content(const Draft& draft);
  Result<void> tells_are_due(std::span<const Draft> drafts) const;
  void tell(const Draft& draft);
  void deliver(const Draft& draft, const record::Envelope& envelope, std::uint32_t index);
  struct Step;
  void apply(const Step& step);
  void add_events(std::span<const record::Event> events, std::span<const record::Notice> notices);
  void add_entry(const ToMailbox& target, record::MailboxEntry entry);
  void add_waiting(const Target& target, std::uint32_t number,
                   const record::PendingDelivery& delivery);
  void refer(MessageId message, std::int64_t more);
  Box& box_for(AccountId account, const std::string& folder);
  void drop_entry(Box& box, Uid uid);

  const Clock& clock_;
  IdSource ids_;
  mutable std::mutex mutex_;
  bool healthy_ = true;
  bool storage_low_ = false;
  std::optional<Errc> next_failure_;
  std::map<MessageId, std::vector<std::string>> staged_;
  std::map<MessageId, std::vector<std::string>> bodies_;  // chunks
  std::map<MessageId, record::Envelope> envelopes_;
  std::vector<record::Event> events_;  // EventSeq is the position, from 1
  std::map<MailboxId, Box> boxes_;
  std::map<HeldKey, record::PendingDelivery> held_;
  std::map<QueueKey, record::PendingDelivery> queued_;
  std::map<NoticeKey, record::Notice> notices_;
  std::uint64_t next_mailbox_ = 1;
  std::uint32_t last_validity_ = 0;
  Counters counters_;
};

}  // namespace mail
