// What the files of this folder share and nobody else includes: RocksDB types.
#pragma once

#include <rocksdb/db.h>

#include <array>
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

// The default file system behind the faults.
std::shared_ptr<rocksdb::FileSystem> faulty_file_system(std::shared_ptr<Faults> faults);

struct Database::Impl {
  std::unique_ptr<rocksdb::Env> env;  // only with faults; outlives db
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> families{};

  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return families[static_cast<std::size_t>(family)];
  }
};

}  // namespace mail::kv
