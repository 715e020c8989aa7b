// What the files of this folder share and nobody else includes: RocksDB types.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "platform/kv/database.h"

namespace mail::kv {

inline rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

std::unexpected<Error> error_of(const rocksdb::Status& status, std::string_view doing);

rocksdb::DBOptions database_options(const Options& options);
rocksdb::ColumnFamilyOptions family_options(Family family, const Options& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache);
std::map<std::string, std::string> settings_of(
    rocksdb::DB& db, const std::array<rocksdb::ColumnFamilyHandle*, kFamilies>& families);

// Writes what RocksDB warns of into our log.
std::shared_ptr<rocksdb::Logger> words();

// The default file system behind the faults.
std::shared_ptr<rocksdb::FileSystem> faulty_file_system(std::shared_ptr<Faults> faults);

// Writes the MANIFEST twice; see manifest_twin.cc.
std::shared_ptr<rocksdb::FileSystem> twin_file_system(
    const std::shared_ptr<rocksdb::FileSystem>& below);

// Opens no table whose properties are damaged; see checked_tables.cc.
std::shared_ptr<rocksdb::FileSystem> checked_tables(
    const std::shared_ptr<rocksdb::FileSystem>& below);
// The default file system behind that, for who reads files beside a database.
rocksdb::Env* checked_env();

// Writes logs ahead, and reads them to where their records end; see logs_ahead.cc.
std::shared_ptr<rocksdb::FileSystem> logs_ahead(const std::shared_ptr<rocksdb::FileSystem>& below);

// The first error of the logs or the MANIFEST; see guarded_files.cc. Any thread.
class Guard {
 public:
  bool broken() const { return broken_; }
  void set(const rocksdb::Status& status);
  void forget() { broken_ = false; }  // what must never be done: for a planted bug
  rocksdb::Status status() const;     // OK while nothing failed
  // Options::when_full; set before the first file is opened.
  std::function<bool()> when_full = nullptr;
  std::atomic<bool> scarce =
      false;  // the disk has refused space: no more than is needed is asked for

 private:
  std::atomic<bool> broken_ = false;
  mutable std::mutex mutex_;
  rocksdb::Status status_;
};
std::shared_ptr<rocksdb::FileSystem> guarded_file_system(
    const std::shared_ptr<rocksdb::FileSystem>& below, std::shared_ptr<Guard> guard);

struct Database::Impl {
  std::shared_ptr<Guard> guard = std::make_shared<Guard>();
  std::unique_ptr<rocksdb::Env> env;  // outlives db
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> families{};

  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return families[static_cast<std::size_t>(family)];
  }
};

}  // namespace mail::kv
