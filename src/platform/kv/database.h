// An ordered key-value database with atomic batches over several families: RocksDB, which no other
// folder sees. Settings follow design §3; settings() reads them back from the open database.
// Any thread, but a Batch and a Cursor belong to one at a time and die before their Database.
// Errors: not_found, store_corrupt, store_newer (open), storage_full, io_error. After a write or
// sync failed the database takes no more writes until it is closed and opened again; it never
// retries by itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/kv/faults.h"

namespace mail::kv {

enum class Family : std::uint8_t {
  meta,
  queue_body,
  mail_body,
  envelope,
  schedule,
  mailbox,
  event,
  counter,
  staging,
  notice,
  run,
};
inline constexpr std::size_t kFamilies = 11;
std::string_view to_string(Family family);

// How the write-ahead log is read at open. `up_to_damage` takes what stands before the first
// damage, `salvage` also what stands behind it; the caller then finds out what is missing.
enum class Recovery : std::uint8_t { torn_tail_only, up_to_damage, salvage };
enum class Sync : std::uint8_t { no, yes };

struct Options {
  ByteCount body_memtable = 128_MiB;
  ByteCount other_memtable = 16_MiB;
  ByteCount block_cache = 64_MiB;
  Recovery recovery = Recovery::torn_tail_only;
  bool read_only = false;  // leaves every file as it is; writes fail
  bool keep_logs = false;  // at open: what they hold stays in memory and is not written to tables
  // Called, on any thread, when the disk refuses space, before anything was written in vain. True:
  // there is space now, ask again.
  std::function<bool()> when_full = nullptr;
  std::shared_ptr<Faults> faults = nullptr;  // tests only
};

// In proportion to what there is, in octets: a little machine has less in memory, and a small disk
// less that waits to be written to tables. From 4 GiB of each on the sizes above.
Options options_for(std::uint64_t memory, std::uint64_t disk);

class Database;
struct BrokenTable;

class Batch {
 public:
  explicit Batch(Database& database);
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) = delete;

  void put(Family family, std::string_view key, std::string_view value);
  // The value is the parts one after the other: the only copy is the one into the batch.
  void put(Family family, std::string_view key, std::initializer_list<std::string_view> parts);
  void remove(Family family, std::string_view key);
  // For keys that were put exactly once since they were last removed, and always removed this way.
  void remove_once(Family family, std::string_view key);
  void clear();              // keeps its memory for the next group
  std::size_t size() const;  // in bytes
  bool empty() const;

 private:
  friend class Database;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Walks the keys of one family as they were when it was made.
class Cursor {
 public:
  ~Cursor();
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) = delete;

  bool valid() const;
  void next();
  void previous();
  void seek(std::string_view key);  // to the first key >= `key`, within its bounds
  std::string_view key() const;     // until the cursor moves
  std::string_view value() const;   // until the cursor moves
  Result<void> status() const;      // why it is no longer valid: the end, or store_corrupt

 private:
  friend class Database;
  struct Impl;
  explicit Cursor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The first key after every key that begins with `prefix`; "" for "no bound".
std::string after_prefix(std::string_view prefix);

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& directory,
                                                const Options& options);
  ~Database();  // closes; nothing is lost that was synced
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<std::string> get(Family family, std::string_view key) const;
  Result<bool> contains(Family family, std::string_view key) const;
  // With Sync::yes it returns after the sync. The batch stays as it was.
  Result<void> write(Batch& batch, Sync sync);
  Result<void> sync();  // what was written unsynced

  // From the first key >= `from` upwards, below `below` ("" for none).
  Cursor scan(Family family, std::string_view from, std::string_view below) const;
  Cursor scan_prefix(Family family, std::string_view prefix) const;
  // From the last key < `below` ("" for none) downwards, not under `from`.
  Cursor scan_down(Family family, std::string_view below, std::string_view from = {}) const;

  // A copy that can be opened; `directory` must not exist. Writes go on meanwhile.
  Result<void> checkpoint(const std::filesystem::path& directory);
  Result<void> flush();        // memtables into files
  Result<void> start_flush();  // the same in the background

  // What the next flush will write, about, before it frees the logs that hold the same.
  std::uint64_t unflushed() const;

  // Numbers of write-ahead logs: what is in one below oldest_wal() is in table files.
  Result<std::uint64_t> oldest_wal() const;
  Result<std::uint64_t> newest_wal() const;

  // Goes up with each write: nothing was written between two calls that give the same.
  std::uint64_t sequence() const;

  // What can be read of a table that was given up (mending.h), where no other table knows the key.
  // Bodies in files of their own are not in it. How many rows.
  Result<std::uint64_t> put_back_rows(const BrokenTable& table, const std::filesystem::path& file);

  // The options in force, as text; those of a family as "family.option".
  std::map<std::string, std::string> settings() const;

 private:
  friend class Batch;
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mail::kv
