// How the store is opened: format, salvage, what an earlier life left, the comparison with the
// journal of acknowledged ids.
#include <algorithm>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "service/store/keys.h"
#include "service/store/store_engine.h"

namespace mail {

namespace fs = std::filesystem;

Result<std::unique_ptr<StoreEngine>> StoreEngine::open(const fs::path& state_dir,
                                                       const Clock& clock, RocksOptions options) {
  std::unique_ptr<StoreEngine> engine(new StoreEngine(state_dir, clock, std::move(options)));
  MAIL_TRY(engine->start());
  return engine;
}

Result<void> StoreEngine::start() {
  MAIL_TRY(os::make_directories(state_dir_));
  MAIL_TRY(const Journal::Left left, journal_.open());
  stopped_cleanly_ = left.clean;
  MAIL_TRY(open_or_salvage(left.ids));
  MAIL_TRY(load());
  MAIL_TRY(name_missing(left.ids));
  MAIL_TRY(journal_.forget(left));

  const Result<std::string> used = db_->get(kv::Family::meta, keys::kIdsRow);
  if (planted(Bug::id_used_twice)) {
    ids_.start_above(0);
  } else if (used && used->size() == sizeof(std::uint64_t)) {
    ids_.start_above(read_big_endian<std::uint64_t>(*used));
  } else if (!used && used.error().code != Errc::not_found) {
    return std::unexpected(used.error());
  }
  MAIL_TRY(reserve_ids(ids_.wanted()));
  look_at_space(*db_);
  open_ = true;
  return {};
}

Result<void> StoreEngine::open_or_salvage(std::span<const MessageId> promised) {
  const Result<void> opened = open_database();
  if (opened || opened.error().code != Errc::store_corrupt || salvaged_) return opened;
  salvaged_ = true;
  return salvage(promised);
}

Result<void> StoreEngine::open_database() {
  MAIL_TRY(db_, kv::Database::open(directory_, options_.database));
  batch_ = std::make_unique<kv::Batch>(*db_);
  return check_format();
}

Result<void> StoreEngine::check_format() {
  const Result<std::string> row = db_->get(kv::Family::meta, keys::kFormatRow);
  if (!row && row.error().code == Errc::not_found) {
    batch_->put(kv::Family::meta, keys::kFormatRow, keys::number(keys::kFormat));
    MAIL_TRY(db_->write(*batch_, kv::Sync::yes));
    // The database's own directory was made by RocksDB: its name must survive a power cut too.
    return os::sync_directory(state_dir_);
  }
  MAIL_TRY(const std::string& bytes, row);
  const std::uint32_t format =
      bytes.size() == sizeof(std::uint32_t) ? read_big_endian<std::uint32_t>(bytes) : 0;
  if (format == 0) return fail(Errc::store_corrupt, "the format number is damaged");
  if (format > keys::kFormat) {
    return fail(Errc::store_newer,
                concat(directory_.string(), " has format ", format, "; this program reads up to ",
                       keys::kFormat, ". Start the newer program, or restore a backup."));
  }
  return {};
}

// A power cut may write a later block of the log and not an earlier one. Then all that was promised
// stands before the hole, and what stands behind it was never whole: a message without the chunk
// that fell into the hole, say.
bool StoreEngine::nothing_promised_is_behind_the_damage(std::span<const MessageId> promised) const {
  if (stopped_cleanly_) return false;  // everything was synced, so the damage is of another kind
  kv::Options options = options_.database;
  options.recovery = kv::Recovery::up_to_damage;
  options.read_only = true;
  const auto db = kv::Database::open(directory_, options);
  if (!db) return false;
  const Result<std::vector<MessageId>> missing = missing_of(**db, promised);
  return missing && missing->empty();
}

// The log is damaged in its middle. Its files are kept, what can be read is taken, and the journal
// then says what is missing.
Result<void> StoreEngine::salvage(std::span<const MessageId> promised) {
  std::error_code error;
  fs::path aside;
  for (auto at = clock_.wall_now().time_since_epoch().count();;
       ++at) {  // the clock may have gone back
    aside = state_dir_ / concat("mail.damaged-", at);
    if (!fs::exists(aside, error)) break;
  }
  MAIL_TRY(os::make_directories(aside));
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".log" && !path.filename().string().starts_with("MANIFEST")) continue;
    fs::copy_file(path, aside / path.filename(), error);
    if (error) return fail(Errc::io_error, concat("cannot copy ", path.string(), " aside"));
  }
  log::error("store.damaged_log", {{"kept_in", aside.string()}});
  {
    kv::Options options = options_.database;
    options.recovery = nothing_promised_is_behind_the_damage(promised) ? kv::Recovery::up_to_damage
                                                                       : kv::Recovery::salvage;
    MAIL_TRY(const auto salvaged, kv::Database::open(directory_, options));
    MAIL_TRY(salvaged->flush());
  }
  return open_database();
}

Result<void> StoreEngine::load() {
  std::vector<DamagedRow> damaged;
  MAIL_TRY(StoreState loaded, StoreState::load(*db_, damaged));
  state_ = std::make_unique<StoreState>(std::move(loaded));
  batch_->clear();
  for (const DamagedRow& row : damaged) set_aside(*db_, *batch_, row);
  state_->finish(*batch_);  // what was repaired
  MAIL_TRY(remove_left_chunks());
  if (!batch_->empty()) MAIL_TRY(db_->write(*batch_, kv::Sync::yes));
  const std::lock_guard lock(published_mutex_);
  counters_ = state_->totals();
  bytes_.clear();
  for (const AccountId account : state_->accounts()) bytes_[account] = state_->bytes_of(account);
  return {};
}

// Chunks that no commit took: their messages died with the process that was receiving them.
Result<void> StoreEngine::remove_left_chunks() {
  kv::Cursor staged = db_->scan(kv::Family::staging, "", "");
  for (; staged.valid(); staged.next()) {
    kv::Cursor chunks = db_->scan_prefix(kv::Family::mail_body, staged.key());
    for (; chunks.valid(); chunks.next()) batch_->remove_once(kv::Family::mail_body, chunks.key());
    MAIL_TRY(chunks.status());
    batch_->remove(kv::Family::staging, staged.key());
  }
  return staged.status();
}

Result<void> StoreEngine::compare_this_life() {
  MAIL_TRY(const std::vector<MessageId> ids, journal_.ids());
  return name_missing(ids);
}

Result<void> StoreEngine::name_missing(std::span<const MessageId> sorted) {
  MAIL_TRY(missing_, missing_of(*db_, sorted));
  for (const MessageId& id : missing_) {
    log::error("store.acknowledged_missing",
               {{"id", id.to_string()}, {"what", "answered 250 and not in the store"}});
  }
  return {};
}

// An id is accounted for when a run of its events begins with `received`. Ids and runs are in the
// same order, so one walk compares them all.
Result<std::vector<MessageId>> StoreEngine::missing_of(const kv::Database& db,
                                                       std::span<const MessageId> sorted) {
  std::vector<MessageId> missing;
  if (sorted.empty()) return missing;
  kv::Cursor runs = db.scan(kv::Family::event, keys::runs(sorted.front()), kv::after_prefix("i"));
  const MessageId* before = nullptr;
  for (const MessageId& id : sorted) {
    if (before != nullptr && *before == id) continue;
    before = &id;
    const std::string prefix = keys::runs(id);
    while (runs.valid() && runs.key() < prefix) runs.next();
    bool found = false;
    for (; runs.valid() && runs.key().starts_with(prefix); runs.next()) {
      found = found || runs.value().ends_with(static_cast<char>(record::EventKind::received));
    }
    if (!found) missing.push_back(id);
  }
  MAIL_TRY(runs.status());
  return missing;
}

}  // namespace mail
