#include "service/store/store_engine.h"

#include <algorithm>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"

namespace mail {
namespace {
constexpr std::size_t kMaxClosedJournals = 12;  // two hours of them

// Space is looked at whenever this much was written, and what may be written in between and by what
// is under way is kept free: the log itself must never meet the end of the disk.
constexpr std::uint64_t kLookEvery = 1 << 20;
constexpr std::uint64_t kHeadroom = 8 << 20;
constexpr std::uint64_t kWorthFlushing = 4 << 20;
constexpr std::uint64_t kRoomToOpen = 1 << 20;
constexpr std::uint64_t kMostInodesKept = 1024;
}  // namespace

StoreEngine::StoreEngine(const std::filesystem::path& state_dir, const Clock& clock,
                         RocksOptions options)
    : state_dir_(state_dir),
      directory_(state_dir / "mail"),
      clock_(clock),
      options_(std::move(options)),
      ids_(clock, options_.node),
      staging_(options_.max_staged.value),
      segments_(state_dir / "segments", options_.segment_file.value),
      journal_(state_dir / "journal") {}

StoreEngine::~StoreEngine() {
  if (!open_) return;  // an unclean end: the journal is compared at the next start
  if (const Result<void> marked = journal_.mark_clean(); !marked) {
    log::warning("store.journal", {{"why", describe(marked.error())}});
  }
}

bool StoreEngine::write(std::span<Change* const> changes) {
  batch_->clear();
  acknowledged_.clear();
  std::size_t bulk = 0;
  for (const Change* change : changes) bulk += change->bulk();
  Group group{*db_,
              *batch_,
              *state_,
              segments_,
              clock_.wall_now(),
              storage_low_,
              bulk >= options_.segment_group.value && room_for_segments_,
              acknowledged_,
              row_,
              waiting_,
              EnvelopeChanges(*db_),
              {},
              false};
  for (Change* change : changes) change->result = change->apply(group);
  group.envelopes.finish(*batch_, segments_);
  if (batch_->empty()) return true;
  state_->finish(*batch_);
  segments_.finish(*batch_);
  const std::uint64_t reserve = ids_.wanted();
  if (reserve > 0) batch_->put(kv::Family::meta, keys::kIdsRow, keys::number(reserve));
  const bool late = planted(Bug::acknowledge_before_sync);
  // A cut may tear a hole into what is not synced: the chunks must not fall into one that the
  // record which names them survives.
  Result<void> written = group.names_chunks ? db_->sync() : Result<void>{};
  if (written) written = segments_.write();
  if (written) written = db_->write(*batch_, late ? kv::Sync::no : kv::Sync::yes);
  if (!written) {
    fail_group(changes, written.error());
    return false;
  }
  if (reserve > 0) ids_.reserved(reserve);
  ++groups_;
  wrote(*db_, batch_->size() + segments_.placed_bytes());
  for (const MessageId& id : group.acknowledged) staging_.forget(id);
  write_journal(group.acknowledged);
  publish();
  return true;
}

void StoreEngine::fail_group(std::span<Change* const> group, const Error& error) {
  full_ = error.code == Errc::storage_full;
  open_ = false;
  log::error("store.write_failed", {{"why", describe(error)}, {"waiting", group.size()}});
  const Errc code = error.code == Errc::storage_full ? Errc::storage_full : Errc::store_unhealthy;
  for (Change* change : group) {
    if (planted(Bug::half_failed_group) && change != group.front()) continue;
    change->result = fail(code, error.detail);
  }
}

void StoreEngine::write_journal(std::span<const MessageId> ids) {
  const MonoTime now = clock_.mono_now();
  if (journal_.full(now)) {
    if (const Result<std::uint64_t> wal = db_->newest_wal()) {
      if (const Result<void> closed = journal_.close_file(*wal); !closed) {
        log::warning("store.journal", {{"why", describe(closed.error())}});
      }
    }
  }
  // The mail is synced; without its journal a later loss would only be harder to name.
  if (const Result<void> written = journal_.append(ids, now); !written) {
    log::warning("store.journal", {{"why", describe(written.error())}});
  }
}

void StoreEngine::publish() {
  const std::lock_guard lock(published_mutex_);
  counters_ = state_->totals();
  for (const AccountId account : state_->take_changed_accounts()) {
    bytes_[account] = state_->bytes_of(account);
  }
}

bool StoreEngine::tick() {
  look_at_space(*db_);
  // A flush takes as much again as is unflushed before it frees the logs: only while that fits. A
  // little that is unflushed may keep logs whose rest has been in tables for long.
  if (space_tight_ && logs_size() >= kWorthFlushing) {
    if (const Result<void> flushed = db_->start_flush(); !flushed) {
      log::warning("store.flush", {{"why", describe(flushed.error())}});
    }
  }
  look_after_journal();
  if (!room_for_segments_) segments_.end_files();  // or what one holds is there until a restart
  segments_.sweep();
  const std::uint64_t wanted = ids_.wanted();
  if (planted(Bug::acknowledge_before_sync)) return db_->start_flush().has_value();
  if (wanted == 0) return true;
  const Result<void> reserved = reserve_ids(wanted);
  if (reserved) return true;
  fail_group({}, reserved.error());
  return false;
}

void StoreEngine::look_after_journal() {
  Result<void> done = journal_.sync();
  if (done && journal_.closed_files() > 0) {
    const Result<std::uint64_t> oldest = db_->oldest_wal();
    if (oldest) done = journal_.drop_flushed(*oldest);
  }
  // A store with little traffic would not fill a memtable for weeks and keep all its journal.
  if (done && journal_.closed_files() > kMaxClosedJournals) done = db_->start_flush();
  if (!done) log::warning("store.journal", {{"why", describe(done.error())}});
}

Result<void> StoreEngine::reserve_ids(std::uint64_t up_to) {
  batch_->clear();
  batch_->put(kv::Family::meta, keys::kIdsRow, keys::number(up_to));
  MAIL_TRY(db_->write(*batch_, kv::Sync::yes));
  ids_.reserved(up_to);
  return {};
}

void StoreEngine::look_at_space(const kv::Database& db) {
  unlooked_ = 0;
  const Result<os::Space> space = options_.space(state_dir_);
  if (!space) return;
  const std::uint64_t unflushed = db.unflushed();
  const bool given = options_.reserve && !options_.reserve->held();
  const std::uint64_t reserve =
      std::max(std::min(space->total / 20, (1_GiB).value), unflushed + unflushed / 4 + kHeadroom) +
      (given ? options_.reserve->size() : 0);
  const std::uint64_t inodes = std::min(space->inodes / 20, kMostInodesKept) +
                               (given && space->inodes > 0 ? options_.reserve->files() : 0);
  space_tight_ = space->available < reserve + unflushed + kHeadroom &&
                 space->available >= unflushed + kWorthFlushing;
  const bool low = space->available < reserve || space->inodes_available < inodes;
  // They ask for steps ahead, which the reserve is not for.
  room_for_segments_ = space->available >= reserve + Segments::kFiles * Segments::kStep;
  if (!low && given) options_.reserve->hold();
  if (storage_low_.exchange(low) == low) return;
  log::warning(
      low ? "store.space_low" : "store.space_enough",
      {{"available", space->available}, {"reserve", reserve}, {"inodes", space->inodes_available}});
}

// The disk refuses space. What waits to be settled is written into the reserve; new mail is not.
bool StoreEngine::give_reserve(os::Reserve::Part part) {
  if (!storage_low_.exchange(true)) log::warning("store.space_low", {{"available", 0}});
  if (!options_.reserve || !options_.reserve->release(part)) return false;
  log::warning("store.reserve_given", {{"octets", options_.reserve->size()}});
  return true;
}

void StoreEngine::wrote(const kv::Database& db, std::uint64_t bytes) {
  if (unlooked_.fetch_add(bytes) + bytes >= kLookEvery) look_at_space(db);
}

Result<void> StoreEngine::write_chunk(MessageId id, std::uint32_t number, std::string_view octets) {
  return with([&](kv::Database& db) -> Result<void> {
    // The door is ours: a reopening came before, and forgot the chunk, or comes after.
    if (staging_.sizes(id).size() < number) {
      return fail(Errc::store_unhealthy, "the store was reopened and its chunks are gone");
    }
    kv::Batch batch(db);
    const std::string key = keys::chunk(id, number);
    // With each chunk: a power cut may keep a later one without the first.
    batch.put(kv::Family::staging, id.key(), "");
    batch.put(kv::Family::mail_body, key, {octets, seal_of(key, octets)});
    MAIL_TRY(db.write(batch, kv::Sync::no));
    wrote(db, batch.size());
    return {};
  });
}

// Opening writes little: where the logs do not fit into table files as well, they are kept. It is
// what the last part of the reserve is for, if others have taken what was given before.
bool StoreEngine::room_to_reopen() {
  const auto enough = [this] {
    const Result<os::Space> space = options_.space(state_dir_);
    return !space || space->available >= kRoomToOpen;
  };
  return enough() || (give_reserve(os::Reserve::Part::all) && enough());
}

// Whether there is room for all that is in logs once more.
bool StoreEngine::tables_fit() const {
  const Result<os::Space> space = options_.space(state_dir_);
  return !space || space->available >= logs_size() + kHeadroom;
}

std::uint64_t StoreEngine::logs_size() const {
  std::uint64_t logs = 0;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory_, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    const std::uintmax_t size = entry->file_size(gone);
    if (!gone && entry->path().extension() == ".log") logs += size;
  }
  return logs;
}

// After a failed write nothing in memory is believed: what the disk says counts (security.md 10).
bool StoreEngine::recover() {
  open_ = false;  // readers turn away, so that the door is soon ours
  if (full_ && !db_ && !room_to_reopen()) return false;  // said before
  const std::unique_lock door(door_);
  batch_.reset();
  state_.reset();
  db_.reset();
  staging_.clear();
  const Result<void> done = reopen();
  if (!done) {
    full_ = done.error().code == Errc::storage_full;
    db_.reset();
    log::error("store.reopen_failed", {{"why", describe(done.error())}});
    return false;
  }
  publish();
  look_at_space(*db_);
  full_ = false;  // after the look: at no moment it seems that there is space
  open_ = true;
  log::warning("store.reopened");
  return true;
}

Result<void> StoreEngine::reopen() {
  stopped_cleanly_ = false;
  MAIL_TRY(const std::vector<MessageId> promised, journal_.ids());
  MAIL_TRY(open_or_salvage(promised));
  MAIL_TRY(load());
  return compare_this_life();
}

Counters StoreEngine::counters() const {
  const std::lock_guard lock(published_mutex_);
  return counters_;
}

std::uint64_t StoreEngine::bytes_of(AccountId account) const {
  const std::lock_guard lock(published_mutex_);
  const auto found = bytes_.find(account);
  return found == bytes_.end() ? 0 : found->second;
}

}  // namespace mail
