// Which table files of a database cannot be read: it is opened for reading only, without asking for
// more than the MANIFEST, and then each table is read by itself.
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "platform/kv/mending.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

struct Opened {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;

  Opened() = default;
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    for (rocksdb::ColumnFamilyHandle* family : families) {
      db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
  }
};

// Empty: it is whole.
std::string trouble_of(const std::filesystem::path& file, std::uint64_t size) {
  std::error_code error;
  const std::uintmax_t there = std::filesystem::file_size(file, error);
  if (error) return "it is not there";
  if (there != size) return concat("it has ", there, " octets and should have ", size);
  rocksdb::Options options;
  options.paranoid_checks = true;
  options.env = checked_env();
  rocksdb::SstFileReader reader(options);
  rocksdb::Status status = reader.Open(file.string());
  if (status.ok()) status = reader.VerifyChecksum(rocksdb::ReadOptions());
  return status.ok() ? std::string() : status.ToString();
}

std::optional<Family> family_named(std::string_view name) {
  for (std::size_t i = 0; i < kFamilies; ++i) {
    if (to_string(static_cast<Family>(i)) == name) return static_cast<Family>(i);
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<BrokenTable>> broken_tables(const std::filesystem::path& directory,
                                               const Options& options) {
  Options as_is = options;
  as_is.read_only = true;
  as_is.recovery = Recovery::up_to_damage;
  rocksdb::DBOptions db_options = database_options(as_is);
  db_options.env = checked_env();
  db_options.paranoid_checks = false;
  db_options.create_if_missing = false;
  db_options.max_open_files = 100;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache.value);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    const auto family = static_cast<Family>(i);
    descriptors.emplace_back(std::string(to_string(family)), family_options(family, as_is, cache));
  }
  Opened opened;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(db_options, directory.string(),
                                                              descriptors, &opened.families, &db);
  if (!status.ok()) return error_of(status, concat("cannot open ", directory.string()));
  opened.db.reset(db);
  std::vector<rocksdb::LiveFileMetaData> tables;
  db->GetLiveFilesMetaData(&tables);
  std::vector<BrokenTable> broken;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    const std::optional<Family> family = family_named(table.column_family_name);
    if (!family) continue;
    std::string why = trouble_of(directory / table.relative_filename, table.size);
    if (why.empty()) continue;
    broken.push_back({.number = table.file_number,
                      .file = table.relative_filename,
                      .family = *family,
                      .family_id = opened.families[static_cast<std::size_t>(*family)]->GetID(),
                      .level = table.level,
                      .why = std::move(why)});
  }
  return broken;
}

}  // namespace mail::kv
