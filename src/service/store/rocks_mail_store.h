// MailStore on RocksDB, in `<state>/mail`, with the journal of acknowledged ids in
// `<state>/journal` (design §3). Writes go through the committer; reads and unsynced chunks through
// a small pool, so no I/O thread ever waits for the disk. Any thread. One store per directory and
// process; the daemon holds the lock on `<state>`.
#pragma once

#include <memory>

#include "base/executor.h"
#include "service/store/mail_store.h"
#include "service/store/store_engine.h"

namespace mail {

class RocksMailStore final : public MailStore {
 public:
  // Makes what is missing. Fails with store_newer, store_corrupt (nothing could be salvaged),
  // storage_full or io_error.
  static Result<std::unique_ptr<RocksMailStore>> open(const std::filesystem::path& state_dir,
                                                      const Clock& clock,
                                                      RocksOptions options = {});
  ~RocksMailStore() override;  // an orderly stop; no verb may be under way

  MessageId next_id() override { return engine_->ids().next(); }
  // On a full disk too: the answer to that is 452, whatever else is the matter.
  bool healthy() const override { return committer_->healthy() || engine_->storage_low(); }
  bool storage_low() const override { return engine_->storage_low(); }
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
  Counters counters() const override { return engine_->counters(); }
  Task<Result<std::vector<record::MailboxInfo>>> mailboxes(AccountId account) override;
  Task<Result<std::vector<record::MailboxEntry>>> entries(MailboxId mailbox, Uid after,
                                                          std::size_t limit) override;
  Task<Result<record::MailboxEntry>> entry(MailboxId mailbox, Uid uid) override;
  Task<Result<void>> remove_entries(MailboxId mailbox, std::vector<Uid> uids) override;
  Task<Result<void>> remove_account(AccountId account) override;
  std::uint64_t mailbox_bytes(AccountId account) const override {
    return engine_->bytes_of(account);
  }
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
  // `into` becomes a state directory with a copy of the mail store; already_exists if it has one.
  Task<Result<void>> backup(std::filesystem::path into) override;

  // Acknowledged ids that were missing when the store was opened; also in the log.
  const std::vector<MessageId>& missing() const { return engine_->missing(); }
  std::uint64_t groups() const { return engine_->groups(); }  // synced since the start

 private:
  RocksMailStore(std::unique_ptr<StoreEngine> engine, const Clock& clock,
                 const RocksOptions& options);
  // Runs a read on the pool, then quarantines what it stumbled over. `work` takes the database and
  // a list for damaged rows.
  template <typename Function>
  auto read(Function work)
      -> Task<std::invoke_result_t<Function, kv::Database&, std::vector<DamagedRow>&>>;
  Task<void> quarantine(std::vector<DamagedRow> damaged);

  const Clock& clock_;
  const std::size_t least_in_segments_;
  std::unique_ptr<StoreEngine> engine_;
  std::unique_ptr<Committer> committer_;  // stops before the engine
  std::unique_ptr<WorkerPool> pool_;      // and the pool before both
};

}  // namespace mail
