// The rows of a table that was given up, as far as they can be read: from its beginning to the
// first damaged block, and from its end back to the last one.
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/utilities/debug.h>

#include "platform/kv/mending.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

constexpr std::size_t kBatch = 1 << 20;  // octets

class PuttingBack {
 public:
  PuttingBack(Database& database, rocksdb::DB& db, rocksdb::ColumnFamilyHandle* handle,
              Family family)
      : database_(database), db_(db), handle_(handle), family_(family), batch_(database) {}

  Result<void> add(const rocksdb::Slice& key, const rocksdb::Slice& value) {
    // Another table knows the key: what it says, that it is removed above all, is left to be.
    std::vector<rocksdb::KeyVersion> versions;
    const rocksdb::Status status =
        rocksdb::GetAllKeyVersions(&db_, handle_, key, key, 1, &versions);
    if (!status.ok()) return error_of(status, "looking for a row");
    if (!versions.empty()) return {};
    batch_.put(family_, view(key), view(value));
    ++count_;
    return batch_.size() < kBatch ? Result<void>{} : write();
  }
  Result<void> write() {
    if (batch_.empty()) return {};
    MAIL_TRY(database_.write(batch_, Sync::yes));
    batch_.clear();
    return {};
  }
  std::uint64_t count() const { return count_; }

 private:
  Database& database_;
  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* handle_;
  const Family family_;
  Batch batch_;
  std::uint64_t count_ = 0;
};

}  // namespace

Result<std::uint64_t> Database::put_back_rows(const BrokenTable& table,
                                              const std::filesystem::path& file) {
  rocksdb::Options reading;
  reading.env = checked_env();
  rocksdb::SstFileReader reader(reading);
  if (!reader.Open(file.string()).ok()) return std::uint64_t{0};
  PuttingBack rows(*this, *impl_->db, impl_->handle(table.family), table.family);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> forth(reader.NewIterator(options));
  std::string last;
  for (forth->SeekToFirst(); forth->Valid(); forth->Next()) {
    last = view(forth->key());
    MAIL_TRY(rows.add(forth->key(), forth->value()));
  }
  MAIL_TRY(rows.write());
  if (forth->status().ok()) return rows.count();
  const std::unique_ptr<rocksdb::Iterator> back(reader.NewIterator(options));
  for (back->SeekToLast(); back->Valid() && view(back->key()) > last; back->Prev()) {
    MAIL_TRY(rows.add(back->key(), back->value()));
  }
  MAIL_TRY(rows.write());
  return rows.count();
}

}  // namespace mail::kv
