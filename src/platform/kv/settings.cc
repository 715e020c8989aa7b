// The settings of design §3, each with its reason, and how they are read back.
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>

#include "base/text.h"
#include "platform/kv/checksums.h"
#include "platform/kv/removals.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

constexpr std::uint64_t kMaxTotalWal = 512ULL << 20;
constexpr int kMemtables = 4;
constexpr std::uint64_t kMinBlobSize = 1024;
constexpr std::uint64_t kBlobFileSize = 256ULL << 20;

bool holds_bodies(Family family) {
  return family == Family::queue_body || family == Family::mail_body;
}

std::string_view word(rocksdb::WALRecoveryMode mode) {
  switch (mode) {
    case rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords:
      return "tolerate_corrupted_tail";
    case rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords:
      return "skip_any_corrupted";
    case rocksdb::WALRecoveryMode::kPointInTimeRecovery:
      return "point_in_time";
    default:
      return "other";
  }
}

rocksdb::WALRecoveryMode mode_of(Recovery recovery) {
  switch (recovery) {
    case Recovery::torn_tail_only:
      return rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    case Recovery::up_to_damage:
      return rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    case Recovery::salvage:
      break;
  }
  return rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
}

std::string word(bool on) { return on ? "true" : "false"; }

}  // namespace

Options options_for(std::uint64_t memory, std::uint64_t disk) {
  Options options;
  const auto part = [](ByteCount most, std::uint64_t share, std::uint64_t least) {
    return ByteCount{std::clamp(share, least, most.value)};
  };
  // Of each family up to four, though only bodies ever fill theirs: at most a quarter of memory.
  options.body_memtable =
      part(options.body_memtable, std::min(memory / 32, disk / 32), (2_MiB).value);
  options.other_memtable =
      part(options.other_memtable, std::min(memory / 256, disk / 256), (1_MiB).value);
  options.block_cache = part(options.block_cache, memory / 64, (4_MiB).value);
  return options;
}

rocksdb::DBOptions database_options(const Options& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.wal_recovery_mode = mode_of(options.recovery);
  db.max_total_wal_size = kMaxTotalWal;
  db.max_bgerror_resume_count = 0;  // a failed write or sync is never retried behind our back
  db.paranoid_checks = true;
  // A log file that vanished is noticed, except when whatever is left is to be had.
  // (RocksDB 7.8 opens for reading only with it: else an assertion ends the process.)
  db.track_and_verify_wals_in_manifest =
      options.recovery == Recovery::torn_tail_only || options.read_only;
  db.recycle_log_file_num = 0;  // a recycled log cannot tell its torn tail from old records
  db.manual_wal_flush = false;
  db.avoid_flush_during_recovery = options.keep_logs;
  db.enable_pipelined_write = false;
  db.unordered_write = false;
  db.allow_concurrent_memtable_write = false;  // one thread writes nearly all
  db.wal_bytes_per_sync = 0;
  db.max_background_jobs = 2;
  db.info_log = words();
  return db;
}

rocksdb::ColumnFamilyOptions family_options(Family family, const Options& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions cf;
  cf.compression = rocksdb::kNoCompression;
  cf.write_buffer_size =
      holds_bodies(family) ? options.body_memtable.value : options.other_memtable.value;
  cf.max_write_buffer_number = kMemtables;
  if (options.keep_logs)
    cf.write_buffer_size *= kMemtables;  // all that was in memory fits into one
  if (holds_bodies(family)) {
    cf.enable_blob_files = true;
    cf.min_blob_size = kMinBlobSize;
    cf.blob_file_size = kBlobFileSize;
    cf.enable_blob_garbage_collection = false;  // it rewrote live mail: dearer than the garbage
  }
  // Keys ascend within each kind of row: where the last one went is where the next one goes.
  cf.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  if (holds_bodies(family) || family == Family::envelope) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  }
  cf.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (family == Family::schedule || family == Family::notice) {
    // Rows are removed from the front: without this a seek wades through what was removed.
    cf.table_properties_collector_factories.push_back(compact_on_removals(1024, 512));
  }
  return cf;
}

std::map<std::string, std::string> settings_of(
    rocksdb::DB& db, const std::array<rocksdb::ColumnFamilyHandle*, kFamilies>& families) {
  const rocksdb::DBOptions options = db.GetDBOptions();
  std::map<std::string, std::string> all{
      {"wal_recovery_mode", std::string(word(options.wal_recovery_mode))},
      {"max_total_wal_size", concat(options.max_total_wal_size)},
      {"max_bgerror_resume_count", concat(options.max_bgerror_resume_count)},
      {"paranoid_checks", word(options.paranoid_checks)},
      {"track_and_verify_wals_in_manifest", word(options.track_and_verify_wals_in_manifest)},
      {"recycle_log_file_num", concat(options.recycle_log_file_num)},
      {"manual_wal_flush", word(options.manual_wal_flush)},
      {"enable_pipelined_write", word(options.enable_pipelined_write)},
      {"unordered_write", word(options.unordered_write)},
      {"wal_bytes_per_sync", concat(options.wal_bytes_per_sync)},
      {"max_background_jobs", concat(options.max_background_jobs)},
      {"own_checksums", word(own_checksums())},
  };
  for (std::size_t i = 0; i < kFamilies; ++i) {
    const rocksdb::Options cf = db.GetOptions(families[i]);
    const std::string name = concat(to_string(static_cast<Family>(i)), ".");
    all[name + "write_buffer_size"] = concat(cf.write_buffer_size);
    all[name + "max_write_buffer_number"] = concat(cf.max_write_buffer_number);
    all[name + "enable_blob_files"] = word(cf.enable_blob_files);
    all[name + "min_blob_size"] = concat(cf.min_blob_size);
    all[name + "enable_blob_garbage_collection"] = word(cf.enable_blob_garbage_collection);
    all[name + "compression"] = cf.compression == rocksdb::kNoCompression ? "none" : "some";
    std::string collectors;
    for (const auto& factory : cf.table_properties_collector_factories) {
      append(collectors, factory->Name());
    }
    all[name + "collectors"] = collectors;
  }
  return all;
}

}  // namespace mail::kv
