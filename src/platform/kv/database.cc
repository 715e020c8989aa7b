#include "platform/kv/database.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "base/planted.h"
#include "base/text.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

[[gnu::noinline]] rocksdb::Status enter(rocksdb::DB& db, const rocksdb::WriteOptions& options,
                                        rocksdb::WriteBatch& batch) {
  return db.Write(options, &batch);
}

// Of several threads that write at once, one copies the batches of the others in there, ordered by
// atomics that the thread sanitizer does not see. tests/tsan.supp knows it by this function, which
// a report names because it calls another, and which holds nothing else that could race.
[[gnu::noinline]] rocksdb::Status write_in_group(rocksdb::DB& db,
                                                 const rocksdb::WriteOptions& options,
                                                 rocksdb::WriteBatch& batch) {
  return enter(db, options, batch);
}

}  // namespace

std::string_view to_string(Family family) {
  switch (family) {
    case Family::meta:
      return "default";  // the one that every RocksDB database has
    case Family::queue_body:
      return "queue_body";
    case Family::mail_body:
      return "mail_body";
    case Family::envelope:
      return "envelope";
    case Family::schedule:
      return "schedule";
    case Family::mailbox:
      return "mailbox";
    case Family::event:
      return "event";
    case Family::counter:
      return "counter";
    case Family::staging:
      return "staging";
    case Family::notice:
      return "notice";
    case Family::run:
      return "run";
  }
  return "unknown";
}

std::unexpected<Error> error_of(const rocksdb::Status& status, std::string_view doing) {
  const bool damaged = status.IsCorruption() || status.IsPathNotFound();  // a file of ours is gone
  const Errc code = status.IsNotFound()  ? Errc::not_found
                    : status.IsNoSpace() ? Errc::storage_full
                    : damaged            ? Errc::store_corrupt
                                         : Errc::io_error;
  return fail(code, concat(doing, ": ", status.ToString()));
}

std::string after_prefix(std::string_view prefix) {
  std::string bound(prefix);
  while (!bound.empty() && bound.back() == '\xFF') bound.pop_back();
  if (!bound.empty()) bound.back() = static_cast<char>(bound.back() + 1);
  return bound;
}

// --- Batch ---

struct Batch::Impl {
  explicit Impl(const Database::Impl* owner) : database(owner) {}
  rocksdb::WriteBatch batch;
  const Database::Impl* database;
};

Batch::Batch(Database& database) : impl_(new Impl(database.impl_.get())) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;

// Putting into a batch fails only when it exceeds 4 GiB, which bounded groups never do.
void Batch::put(Family family, std::string_view key, std::string_view value) {
  const rocksdb::Status status =
      impl_->batch.Put(impl_->database->handle(family), slice(key), slice(value));
  MAIL_ASSERT(status.ok());
}

void Batch::put(Family family, std::string_view key,
                std::initializer_list<std::string_view> parts) {
  std::array<rocksdb::Slice, 4> slices;
  MAIL_ASSERT(parts.size() <= slices.size());
  std::ranges::transform(parts, slices.begin(), slice);
  const rocksdb::Slice key_slice = slice(key);
  const rocksdb::Status status =
      impl_->batch.Put(impl_->database->handle(family), rocksdb::SliceParts(&key_slice, 1),
                       rocksdb::SliceParts(slices.data(), static_cast<int>(parts.size())));
  MAIL_ASSERT(status.ok());
}

void Batch::remove(Family family, std::string_view key) {
  MAIL_ASSERT(impl_->batch.Delete(impl_->database->handle(family), slice(key)).ok());
}

void Batch::remove_once(Family family, std::string_view key) {
  MAIL_ASSERT(impl_->batch.SingleDelete(impl_->database->handle(family), slice(key)).ok());
}

void Batch::clear() { impl_->batch.Clear(); }
std::size_t Batch::size() const { return impl_->batch.GetDataSize(); }
bool Batch::empty() const { return impl_->batch.Count() == 0; }

// --- Cursor ---

struct Cursor::Impl {
  std::string lower;  // the slices point here
  std::string upper;
  rocksdb::Slice lower_slice;
  rocksdb::Slice upper_slice;
  std::unique_ptr<rocksdb::Iterator> iterator;

  Impl(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view from,
       std::string_view below)
      : lower(from), upper(below), lower_slice(lower), upper_slice(upper) {
    rocksdb::ReadOptions options;
    if (!lower.empty()) options.iterate_lower_bound = &lower_slice;
    if (!upper.empty()) options.iterate_upper_bound = &upper_slice;
    iterator.reset(db.NewIterator(options, family));
  }
};

Cursor::Cursor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cursor::~Cursor() = default;
Cursor::Cursor(Cursor&&) noexcept = default;
bool Cursor::valid() const { return impl_->iterator->Valid(); }
void Cursor::next() { impl_->iterator->Next(); }
void Cursor::previous() { impl_->iterator->Prev(); }
void Cursor::seek(std::string_view key) { impl_->iterator->Seek(slice(key)); }
std::string_view Cursor::key() const { return view(impl_->iterator->key()); }
std::string_view Cursor::value() const { return view(impl_->iterator->value()); }
Result<void> Cursor::status() const {
  const rocksdb::Status status = impl_->iterator->status();
  if (!status.ok()) return error_of(status, "reading");
  return {};
}

// --- Database ---

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Database::~Database() {
  for (rocksdb::ColumnFamilyHandle* family : impl_->families) {
    if (family != nullptr) impl_->db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  if (impl_->db) impl_->db->Close().PermitUncheckedError();
}

namespace {
// RocksDB knows nothing of an error of its logs and MANIFEST: guarded_files.cc.
Result<void> outcome(const Guard& guard, const rocksdb::Status& status, std::string_view doing) {
  const rocksdb::Status log = guard.status();
  const rocksdb::Status& first = log.ok() ? status : log;
  if (!first.ok()) return error_of(first, doing);
  return {};
}

// A family that only a later version knows must not be opened as if it were not there.
Result<void> refuse_unknown_families(const rocksdb::DBOptions& options,
                                     const std::string& directory) {
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(options, directory, &names).ok()) return {};  // a new one
  for (const std::string& name : names) {
    bool known = false;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      known = known || name == to_string(static_cast<Family>(i));
    }
    if (!known) {
      return fail(Errc::store_newer, concat(directory, " holds \"", name,
                                            "\", which a newer version of this program wrote"));
    }
  }
  return {};
}

// Where CURRENT is lost RocksDB would make a new database and remove the files of the old one.
Result<void> refuse_lost_manifest(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory / "CURRENT", error)) return {};
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::filesystem::path extension = entry->path().extension();
    if (extension == ".sst" || extension == ".blob" || extension == ".log") {
      return fail(Errc::store_corrupt,
                  concat(directory.string(), " holds data (", entry->path().filename().string(),
                         ") but no CURRENT file; restore it or a backup"));
    }
  }
  return {};
}
}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& directory,
                                                 const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->guard->when_full = options.when_full;
  impl->guard->scarce = options.keep_logs;
  rocksdb::DBOptions db_options = database_options(options);
  std::shared_ptr<rocksdb::FileSystem> files = rocksdb::FileSystem::Default();
  if (options.faults) files = faulty_file_system(options.faults);
  files = logs_ahead(twin_file_system(checked_tables(files)));
  impl->env = rocksdb::NewCompositeEnv(guarded_file_system(files, impl->guard));
  db_options.env = impl->env.get();
  MAIL_TRY(refuse_lost_manifest(directory));
  MAIL_TRY(refuse_unknown_families(db_options, directory.string()));
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache.value);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    const auto family = static_cast<Family>(i);
    descriptors.emplace_back(std::string(to_string(family)),
                             family_options(family, options, cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, directory.string(), descriptors, &handles, &db)
          : rocksdb::DB::Open(db_options, directory.string(), descriptors, &handles, &db);
  if (status.ok()) {
    impl->db.reset(db);
    std::ranges::copy(handles, impl->families.begin());
  }
  const Result<void> whole =
      outcome(*impl->guard, status, concat("cannot open ", directory.string()));
  std::unique_ptr<Database> opened(new Database(std::move(impl)));  // closes what it was given
  if (!whole) return std::unexpected(whole.error());
  return opened;
}

Result<std::string> Database::get(Family family, std::string_view key) const {
  std::string value;
  const rocksdb::Status status =
      impl_->db->Get(rocksdb::ReadOptions(), impl_->handle(family), slice(key), &value);
  if (!status.ok()) return error_of(status, to_string(family));
  return value;
}

Result<bool> Database::contains(Family family, std::string_view key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      impl_->db->Get(rocksdb::ReadOptions(), impl_->handle(family), slice(key), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return error_of(status, to_string(family));
  return true;
}

Result<void> Database::write(Batch& batch, Sync sync) {
  rocksdb::WriteOptions options;
  options.sync = sync == Sync::yes && !planted(Bug::no_sync);
  // Of the thread: else each comparison of keys is counted, and nobody reads that.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  const rocksdb::Status status = write_in_group(*impl_->db, options, batch.impl_->batch);
  if (impl_->guard->broken() && planted(Bug::retry_after_failed_sync)) {
    impl_->guard->forget();
    if (impl_->db->SyncWAL().ok()) return {};
  }
  return outcome(*impl_->guard, status, "writing");
}

Result<void> Database::sync() { return outcome(*impl_->guard, impl_->db->SyncWAL(), "syncing"); }

Cursor Database::scan(Family family, std::string_view from, std::string_view below) const {
  auto impl = std::make_unique<Cursor::Impl>(*impl_->db, impl_->handle(family), from, below);
  impl->iterator->SeekToFirst();
  return Cursor(std::move(impl));
}

Cursor Database::scan_prefix(Family family, std::string_view prefix) const {
  return scan(family, prefix, after_prefix(prefix));
}

Cursor Database::scan_down(Family family, std::string_view below, std::string_view from) const {
  auto impl = std::make_unique<Cursor::Impl>(*impl_->db, impl_->handle(family), from, below);
  impl->iterator->SeekToLast();
  return Cursor(std::move(impl));
}

Result<void> Database::checkpoint(const std::filesystem::path& directory) {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
  if (!status.ok()) return error_of(status, "cannot copy the database");
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  status = checkpoint->CreateCheckpoint(directory.string());
  if (!status.ok())
    return error_of(status, concat("cannot copy the database to ", directory.string()));
  return {};
}

Result<void> Database::flush() {
  const rocksdb::Status status =
      impl_->db->Flush(rocksdb::FlushOptions(), {impl_->families.begin(), impl_->families.end()});
  return outcome(*impl_->guard, status, "flushing");
}

Result<void> Database::start_flush() {
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;  // else it waits for room before it begins
  const rocksdb::Status status =
      impl_->db->Flush(options, {impl_->families.begin(), impl_->families.end()});
  return outcome(*impl_->guard, status, "flushing");
}

std::uint64_t Database::unflushed() const {
  std::uint64_t bytes = 0;
  impl_->db->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes);
  return bytes;
}

Result<std::uint64_t> Database::oldest_wal() const {
  rocksdb::VectorLogPtr files;
  const rocksdb::Status status = impl_->db->GetSortedWalFiles(files);
  if (!status.ok()) return error_of(status, "listing logs");
  for (const auto& file : files) {
    if (file->Type() == rocksdb::WalFileType::kAliveLogFile) return file->LogNumber();
  }
  return newest_wal();
}

Result<std::uint64_t> Database::newest_wal() const {
  std::unique_ptr<rocksdb::LogFile> file;
  const rocksdb::Status status = impl_->db->GetCurrentWalFile(&file);
  if (!status.ok()) return error_of(status, "listing logs");
  return file->LogNumber();
}

std::uint64_t Database::sequence() const { return impl_->db->GetLatestSequenceNumber(); }

std::map<std::string, std::string> Database::settings() const {
  return settings_of(*impl_->db, impl_->families);
}

}  // namespace mail::kv
