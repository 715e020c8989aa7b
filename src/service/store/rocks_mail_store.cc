#include "service/store/rocks_mail_store.h"

#include "base/log.h"
#include "base/text.h"
#include "service/store/rows.h"

namespace mail {
namespace {

constexpr std::size_t kWaitingReads = 4096;  // beyond that: overloaded

namespace fs = std::filesystem;

// The segments after the database, which is there under its name only when both are whole: then
// they hold all that it names, since none goes meanwhile.
Result<void> copy_to(kv::Database& db, Segments& segments, const fs::path& into) {
  const fs::path copy = into / "mail";
  const fs::path copied_segments = into / segments.directory().filename();
  const fs::path unfinished = into / "mail.unfinished";
  std::error_code error;
  for (const fs::path& path : {copy, copied_segments, unfinished}) {
    if (!fs::exists(path, error)) continue;
    return fail(Errc::already_exists, concat(path.string(), " exists; give another directory"));
  }
  MAIL_TRY(os::make_directories(into));
  const Segments::Hold hold(segments);
  MAIL_TRY(db.checkpoint(unfinished));
  MAIL_TRY(segments.copy_to(copied_segments));
  fs::rename(unfinished, copy, error);
  if (error) return fail(Errc::io_error, concat("cannot rename ", unfinished.string()));
  return os::sync_directory(into);
}

}  // namespace

Result<std::unique_ptr<RocksMailStore>> RocksMailStore::open(const std::filesystem::path& state_dir,
                                                             const Clock& clock,
                                                             RocksOptions options) {
  MAIL_TRY(std::unique_ptr<StoreEngine> engine, StoreEngine::open(state_dir, clock, options));
  return std::unique_ptr<RocksMailStore>(new RocksMailStore(std::move(engine), clock, options));
}

RocksMailStore::RocksMailStore(std::unique_ptr<StoreEngine> engine, const Clock& clock,
                               const RocksOptions& options)
    : clock_(clock),
      least_in_segments_(options.segment_body.value),
      engine_(std::move(engine)),
      committer_(std::make_unique<Committer>(*engine_, options.group_bytes.value, options.tick)),
      pool_(std::make_unique<WorkerPool>(options.read_threads, kWaitingReads)) {}

RocksMailStore::~RocksMailStore() = default;

template <typename Function>
auto RocksMailStore::read(Function work)
    -> Task<std::invoke_result_t<Function, kv::Database&, std::vector<DamagedRow>&>> {
  std::vector<DamagedRow> damaged;
  auto result = co_await on(
      *pool_, [&] { return engine_->with([&](kv::Database& db) { return work(db, damaged); }); });
  if (!damaged.empty()) co_await quarantine(std::move(damaged));
  co_return result;
}

Task<void> RocksMailStore::quarantine(std::vector<DamagedRow> damaged) {
  for (DamagedRow& row : damaged) {
    Quarantine change(std::move(row));
    const Result<void> done = co_await committer_->run(change);
    if (!done) log::warning("store.quarantine_failed", {{"why", describe(done.error())}});
  }
}

Task<Result<void>> RocksMailStore::stage(MessageId id, std::uint32_t number, std::string chunk) {
  if (storage_low()) co_return fail(Errc::storage_full, "free space is below the reserve");
  if (!healthy()) co_return fail(Errc::store_unhealthy, "the store is being reopened");
  MAIL_CO_TRY(engine_->staging().admit(id, number, chunk.size()));
  const Result<void> written =
      co_await on(*pool_, [&] { return engine_->write_chunk(id, number, chunk); });
  if (written) co_return Result<void>{};
  engine_->staging().withdraw(id);
  const Errc code = written.error().code;
  if (storage_low() && code == Errc::store_unhealthy) {
    co_return fail(Errc::storage_full, written.error().detail);
  }
  if (code == Errc::overloaded || code == Errc::store_unhealthy) co_return written;
  // RocksDB takes no more writes now; the committer closes and reopens it.
  if (code == Errc::storage_full) engine_->note_full();
  committer_->report_failure();
  co_return fail(code == Errc::storage_full ? code : Errc::store_unhealthy, written.error().detail);
}

Task<Result<std::string>> RocksMailStore::read_staged(MessageId id, std::uint32_t number) {
  co_return co_await read([id, number](kv::Database& db, std::vector<DamagedRow>&) {
    return rows::staged(db, id, number);
  });
}

Task<void> RocksMailStore::drop_staged(MessageId id) {
  const std::uint32_t chunks = engine_->staging().forget(id);
  if (chunks == 0) co_return;
  StagedRemoval change(id, chunks);
  // If it fails the store is reopened, which removes them as well.
  const Result<void> removed = co_await committer_->run(change);
  if (!removed) log::debug("store.staged_kept", {{"id", id.to_string()}});
}

Task<Result<void>> RocksMailStore::commit(std::span<Draft> drafts) {
  if (drafts.empty()) co_return Result<void>{};
  DraftChange change(drafts, engine_->staging(), clock_.wall_now(), least_in_segments_);
  if (!change.valid()) co_return change.valid();
  // The other machine's clock may be ahead: its ids never become ours as well.
  for (const Draft& draft : drafts) {
    if (draft.carried) engine_->ids().start_above(draft.id.milliseconds());
  }
  const Result<void> done = co_await committer_->run(change);
  if (!done && storage_low()) co_return fail(Errc::storage_full, done.error().detail);
  co_return done;
}

Task<Result<record::Envelope>> RocksMailStore::envelope(MessageId id) {
  co_return co_await read([id](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::envelope(db, id, damaged);
  });
}

Task<Result<std::vector<Result<record::Envelope>>>> RocksMailStore::envelopes_of(
    std::vector<MessageId> ids) {
  using Found = std::vector<Result<record::Envelope>>;
  co_return co_await read(
      [&ids](kv::Database& db, std::vector<DamagedRow>& damaged) -> Result<Found> {
        Found found;
        found.reserve(ids.size());
        for (const MessageId id : ids) found.push_back(rows::envelope(db, id, damaged));
        return found;
      });
}

Task<Result<std::vector<record::Envelope>>> RocksMailStore::messages(MessageQuery query) {
  co_return co_await read([&](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::envelopes(db, query, damaged);
  });
}

Task<Result<std::string>> RocksMailStore::read_body(record::BodyRef body, std::uint64_t offset) {
  co_return co_await read([&](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::body(db, engine_->segments(), body, offset, damaged);
  });
}

Task<Result<std::vector<record::Event>>> RocksMailStore::events_of(MessageId id) {
  co_return co_await read([id](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return read_events(db, id, &damaged);
  });
}

Task<Result<std::vector<SequencedEvent>>> RocksMailStore::events_after(EventSeq cursor,
                                                                       std::size_t limit) {
  co_return co_await read([cursor, limit](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::events_after(db, cursor, limit, damaged);
  });
}

Task<Result<std::vector<record::MailboxInfo>>> RocksMailStore::mailboxes(AccountId account) {
  co_return co_await read([account](kv::Database& db, std::vector<DamagedRow>&) {
    return rows::mailboxes(db, account);
  });
}

Task<Result<std::vector<record::MailboxEntry>>> RocksMailStore::entries(MailboxId mailbox,
                                                                        Uid after,
                                                                        std::size_t limit) {
  co_return co_await read([=](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::entries(db, mailbox, after, limit, damaged);
  });
}

Task<Result<record::MailboxEntry>> RocksMailStore::entry(MailboxId mailbox, Uid uid) {
  co_return co_await read([=](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::entry(db, mailbox, uid, damaged);
  });
}

Task<Result<void>> RocksMailStore::remove_entries(MailboxId mailbox, std::vector<Uid> uids) {
  EntryRemoval change(mailbox, std::move(uids));
  co_return co_await committer_->run(change);
}

Task<Result<void>> RocksMailStore::remove_account(AccountId account) {
  for (;;) {
    AccountRemoval step(account);
    MAIL_CO_TRY(co_await committer_->run(step));
    if (step.finished()) co_return Result<void>{};
  }
}

Task<Result<std::vector<HeldDelivery>>> RocksMailStore::held(std::size_t limit) {
  co_return co_await read([limit](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::held(db, limit, damaged);
  });
}

Task<Result<std::vector<HeldDelivery>>> RocksMailStore::held_of(MessageId message) {
  co_return co_await read([message](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::held_of(db, message, damaged);
  });
}

Task<Result<std::vector<MessageId>>> RocksMailStore::waiting(std::optional<MessageId> after,
                                                             std::size_t limit) {
  co_return co_await read(
      [=](kv::Database& db, std::vector<DamagedRow>&) { return rows::waiting(db, after, limit); });
}

Task<Result<std::vector<QueueKey>>> RocksMailStore::queues(std::optional<QueueName> after,
                                                           std::size_t limit) {
  co_return co_await read(
      [&](kv::Database& db, std::vector<DamagedRow>&) { return rows::queues(db, after, limit); });
}

Task<Result<std::vector<QueuedDelivery>>> RocksMailStore::lease(QueueName queue,
                                                                std::optional<QueueKey> after,
                                                                WallTime until, std::size_t limit) {
  co_return co_await read([&](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::lease(db, queue, after, until, limit, damaged);
  });
}

Task<Result<std::vector<QueuedDelivery>>> RocksMailStore::queued_of(MessageId message) {
  co_return co_await read([message](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::queued_of(db, message, damaged);
  });
}

Task<Result<void>> RocksMailStore::settle(std::vector<Outcome> outcomes) {
  if (outcomes.empty()) co_return Result<void>{};
  SettleChange change(std::move(outcomes));
  co_return co_await committer_->run(change);
}

Task<Result<std::vector<MessageId>>> RocksMailStore::noticed(std::optional<MessageId> after,
                                                             std::size_t limit) {
  co_return co_await read(
      [=](kv::Database& db, std::vector<DamagedRow>&) { return rows::noticed(db, after, limit); });
}

Task<Result<std::vector<DueNotice>>> RocksMailStore::notices(MessageId message) {
  co_return co_await read([message](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::notices(db, message, damaged);
  });
}

Task<Result<void>> RocksMailStore::complain(record::Event event) {
  ComplaintChange change(std::move(event));
  co_return co_await committer_->run(change);
}

Task<Result<void>> RocksMailStore::drop_notices(std::vector<NoticeKey> keys) {
  if (keys.empty()) co_return Result<void>{};
  NoticeRemoval change(std::move(keys));
  co_return co_await committer_->run(change);
}

Task<Result<CheckReport>> RocksMailStore::check() {
  co_return co_await read([this](kv::Database& db, std::vector<DamagedRow>& damaged) {
    return rows::check(db, engine_->segments(), damaged, [this] { return !engine_->is_open(); });
  });
}

Task<Result<void>> RocksMailStore::backup(std::filesystem::path into) {
  co_return co_await read([&](kv::Database& db, std::vector<DamagedRow>&) -> Result<void> {
    return copy_to(db, engine_->segments(), into);
  });
}

}  // namespace mail
