// How the store is opened: format, salvage, what an earlier life left, the comparison with the
// journal of acknowledged ids.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "platform/kv/mending.h"
#include "service/store/keys.h"
#include "service/store/salvage.h"
#include "service/store/store_engine.h"

namespace mail {

namespace fs = std::filesystem;

Result<std::unique_ptr<StoreEngine>> StoreEngine::open(const fs::path& state_dir,
                                                       const Clock& clock, RocksOptions options) {
  std::unique_ptr<StoreEngine> engine(new StoreEngine(state_dir, clock, std::move(options)));
  const Result<void> started = engine->start();
  if (started) return engine;
  if (started.error().code == Errc::store_corrupt) {  // a block of a table that opens, perhaps
    engine->batch_.reset();
    engine->state_.reset();
    engine->db_.reset();
    MAIL_TRY(engine->refuse_broken_tables());
  }
  return std::unexpected(started.error());
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
  MAIL_TRY(mend());
  const Result<void> opened = open_database();
  if (opened || opened.error().code != Errc::store_corrupt || salvaged_) return opened;
  MAIL_TRY(refuse_broken_tables());
  salvaged_ = true;
  return salvage(promised);
}

// What costs nothing is done at once.
Result<void> StoreEngine::mend() {
  const std::filesystem::path aside = aside_folder(state_dir_, clock_);
  MAIL_TRY(const std::vector<std::string> mended, kv::mend(directory_, aside));
  for (const std::string& file : mended) {
    log::error("store.mended", {{"file", file},
                                {"what", "it was damaged and is made anew, without loss"},
                                {"kept_in", aside.string()}});
  }
  return {};
}

// A table takes mail with it when it is given up, and perhaps it is only in the wrong place, or in
// a backup: that is not ours to decide.
Result<void> StoreEngine::refuse_broken_tables() const {
  const auto broken = kv::broken_tables(directory_, options_.database);
  if (!broken || broken->empty()) return {};
  std::string names;
  for (const kv::BrokenTable& table : *broken) {
    append(names, names.empty() ? "" : "; ", (directory_ / table.file).string(), " (",
           kv::to_string(table.family), "): ", table.why);
  }
  return fail(Errc::store_corrupt,
              concat("Table files are damaged: ", names,
                     ". Put them back or restore a backup; or let `mailwright store salvage` set "
                     "them aside, name what was in them alone, and keep the rest"));
}

Result<void> StoreEngine::open_database() {
  kv::Options options = options_.database;
  options.when_full = [this] { return give_reserve(os::Reserve::Part::most); };
  options.keep_logs = !tables_fit();
  // What is replayed is written to tables, or else stays in logs, whose end need not be on disk
  // though it can be read. It is before more is built upon it.
  if (options.keep_logs) MAIL_TRY(write_logs_again());
  MAIL_TRY(db_, kv::Database::open(directory_, options));
  batch_ = std::make_unique<kv::Batch>(*db_);
  return check_format();
}

Result<void> StoreEngine::write_logs_again() const {
  std::error_code error;
  fs::directory_iterator entry(directory_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".log") MAIL_TRY(os::write_again(entry->path()));
  }
  if (error && error != std::errc::no_such_file_or_directory) {  // at the first start there is none
    return fail(Errc::io_error, concat("cannot list ", directory_.string()));
  }
  return {};
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
  if (format == keys::kFormat) return {};
  batch_->clear();
  if (format == 1) MAIL_TRY(move_runs());
  // From here on a program of an earlier format would miss what it reads elsewhere, or not at all.
  batch_->put(kv::Family::meta, keys::kFormatRow, keys::number(keys::kFormat));
  return db_->write(*batch_, kv::Sync::yes);
}

// Of format 1, which had them among the events. Batch by batch, so that a start that ends in the
// middle is gone on with by the next; the last is written with the new format.
Result<void> StoreEngine::move_runs() {
  constexpr std::size_t kBatch = 4 << 20;
  kv::Cursor runs = db_->scan_prefix(kv::Family::event, keys::kRuns);
  for (; runs.valid(); runs.next()) {
    batch_->put(kv::Family::run, runs.key(), runs.value());
    batch_->remove(kv::Family::event, runs.key());
    if (batch_->size() < kBatch) continue;
    MAIL_TRY(db_->write(*batch_, kv::Sync::no));
    batch_->clear();
  }
  return runs.status();
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
  const fs::path aside = aside_folder(state_dir_, clock_);
  MAIL_TRY(os::make_directories(aside));
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".log" && !path.filename().string().starts_with("MANIFEST")) continue;
    fs::copy_file(path, aside / path.filename(), error);
    if (error) return fail(Errc::io_error, concat("cannot copy ", path.string(), " aside"));
  }
  log::error("store.damaged_log", {{"kept_in", aside.string()}});
  MAIL_TRY(segments_.copy_to(aside / "segments"));
  MAIL_TRY(segments_.distrust());
  {
    kv::Options options = options_.database;
    options.recovery = nothing_promised_is_behind_the_damage(promised) ? kv::Recovery::up_to_damage
                                                                       : kv::Recovery::salvage;
    if (options.recovery == kv::Recovery::salvage) {
      MAIL_TRY(kv::take_damage_out_of_logs(directory_));
    }
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
  MAIL_TRY(segments_.load(*db_, *batch_));
  if (!batch_->empty()) MAIL_TRY(db_->write(*batch_, kv::Sync::yes));
  MAIL_TRY(segments_.loaded());
  const std::lock_guard lock(published_mutex_);
  counters_ = state_->totals();
  bytes_.clear();
  for (const AccountId account : state_->accounts()) bytes_[account] = state_->bytes_of(account);
  return {};
}

namespace {
// Their keys. One whose octets are damaged ends a walk along them: it and those behind it are asked
// for by number.
Result<std::set<std::string>> left_chunks(const kv::Database& db, std::string_view message) {
  std::set<std::string> keys;
  kv::Cursor rows = db.scan_prefix(kv::Family::mail_body, message);
  for (; rows.valid(); rows.next()) keys.emplace(rows.key());
  const Result<void> read = rows.status();
  if (read) return keys;
  if (read.error().code != Errc::store_corrupt) return std::unexpected(read.error());
  constexpr std::uint32_t kMostChunks = 4096;  // more than may be staged
  for (std::uint32_t number = 1; number <= kMostChunks; ++number) {
    std::string key = keys::chunk(keys::id_in(message), number);
    const Result<bool> there = db.contains(kv::Family::mail_body, key);
    if (there && !*there) break;
    if (!there && there.error().code != Errc::store_corrupt) return std::unexpected(there.error());
    keys.insert(std::move(key));
  }
  return keys;
}
}  // namespace

// Chunks that no commit took: their messages died with the process that was receiving them.
Result<void> StoreEngine::remove_left_chunks() {
  kv::Cursor staged = db_->scan(kv::Family::staging, "", "");
  for (; staged.valid(); staged.next()) {
    MAIL_TRY(const std::set<std::string> chunks, left_chunks(*db_, staged.key()));
    for (const std::string& chunk : chunks) batch_->remove_once(kv::Family::mail_body, chunk);
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
  kv::Cursor runs = db.scan(kv::Family::run, keys::runs(sorted.front()), "");
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
