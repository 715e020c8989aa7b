// The database of a RocksMailStore with everything that lives and dies with it being open: opening,
// checking and salvaging it; writing groups; closing and reopening after a failed write.
// Threads: the GroupWriter part is the committer's; the rest may be called from any thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "platform/kv/database.h"
#include "platform/os/file.h"
#include "platform/os/reserve.h"
#include "service/store/changes.h"
#include "service/store/id_source.h"
#include "service/store/journal.h"
#include "service/store/segments.h"

namespace mail {

struct RocksOptions {
  std::uint16_t node = 0;  // part of every id; 12 bits
  kv::Options database = {};
  ByteCount group_bytes = 2_MiB;  // of one commit group; more in one sync is slower
  ByteCount max_staged = 1_GiB;   // chunks of messages still arriving
  // Bodies of this size go into segments where a group has that much of them: to sync two files is
  // dearer for a lone message than to write it twice.
  ByteCount segment_body = 16_KiB;
  ByteCount segment_group = 128_KiB;
  ByteCount segment_file = 256_MiB;
  std::size_t read_threads = 2;
  Milliseconds tick{1000};  // how often space, ids and journal are looked after
  // Tests put their own here; the default asks the file system that holds the store.
  std::function<Result<os::Space>(const std::filesystem::path&)> space = os::space_of;
  std::shared_ptr<os::Reserve> reserve = nullptr;  // given back when the disk is full
};

class StoreEngine final : public GroupWriter {
 public:
  static Result<std::unique_ptr<StoreEngine>> open(const std::filesystem::path& state_dir,
                                                   const Clock& clock, RocksOptions options);
  ~StoreEngine() override;

  bool write(std::span<Change* const> group) override;
  bool tick() override;
  bool recover() override;

  // Runs `work(kv::Database&)`, which returns a Result, while the database stays open.
  template <typename Function>
  std::invoke_result_t<Function, kv::Database&> with(Function&& work) {
    const std::shared_lock door(door_);
    if (!db_ || !open_) return fail(Errc::store_unhealthy, "the store is being reopened");
    return work(*db_);
  }

  IdSource& ids() { return ids_; }
  Staging& staging() { return staging_; }
  Segments& segments() { return segments_; }
  // A chunk that staging() admitted, unsynced. store_unhealthy: it went with a reopening.
  Result<void> write_chunk(MessageId id, std::uint32_t number, std::string_view octets);
  bool storage_low() const { return storage_low_ || full_; }
  // The disk was full where a write needed it, and the store waits for space to be reopened.
  bool full() const { return full_; }
  void note_full() { full_ = true; }
  bool is_open() const { return open_; }
  Counters counters() const;
  std::uint64_t bytes_of(AccountId account) const;
  std::uint64_t groups() const { return groups_; }  // written so far
  // Acknowledged ids that the store did not know when it was last opened; each was logged.
  const std::vector<MessageId>& missing() const { return missing_; }

 private:
  StoreEngine(const std::filesystem::path& state_dir, const Clock& clock, RocksOptions options);
  Result<void> start();
  Result<void> open_or_salvage(std::span<const MessageId> promised);
  Result<void> mend();
  Result<void> refuse_broken_tables() const;
  Result<void> open_database();
  Result<void> salvage(std::span<const MessageId> promised);
  bool nothing_promised_is_behind_the_damage(std::span<const MessageId> promised) const;
  Result<void> check_format();
  Result<void> move_runs();
  Result<void> load();
  Result<void> remove_left_chunks();
  Result<void> reserve_ids(std::uint64_t up_to);
  Result<void> compare_this_life();
  Result<void> name_missing(std::span<const MessageId> sorted);
  static Result<std::vector<MessageId>> missing_of(const kv::Database& db,
                                                   std::span<const MessageId> sorted);
  void write_journal(std::span<const MessageId> ids);
  Result<void> reopen();
  void look_at_space(const kv::Database& db);
  bool give_reserve(os::Reserve::Part part);
  bool tables_fit() const;
  std::uint64_t logs_size() const;  // in octets, on disk
  Result<void> write_logs_again() const;
  void wrote(const kv::Database& db, std::uint64_t bytes);
  bool room_to_reopen();
  void look_after_journal();
  void publish();
  void fail_group(std::span<Change* const> group, const Error& error);

  const std::filesystem::path state_dir_;
  const std::filesystem::path directory_;  // of the database
  const Clock& clock_;
  const RocksOptions options_;
  IdSource ids_;
  Staging staging_;
  Segments segments_;
  Journal journal_;

  mutable std::shared_mutex door_;  // exclusive only to close and reopen
  std::unique_ptr<kv::Database> db_;
  std::atomic<bool> open_ = false;
  // Made anew with the database; the committer's.
  std::unique_ptr<kv::Batch> batch_;
  std::vector<MessageId> acknowledged_;  // of the group under way
  std::string row_;                      // memory for those that it puts
  record::PendingDelivery waiting_;
  std::unique_ptr<StoreState> state_;
  std::vector<MessageId> missing_;
  std::atomic<std::uint64_t> groups_ = 0;

  std::atomic<bool> storage_low_ = false;
  std::atomic<bool> space_tight_ = false;  // a flush fits, perhaps for the last time
  std::atomic<bool> room_for_segments_ = false;
  std::atomic<bool> full_ = false;
  std::atomic<std::uint64_t> unlooked_ = 0;  // bytes written since the last look at space
  bool stopped_cleanly_ = false;             // the life before this one
  bool salvaged_ = false;                    // once in a life: it copies files aside
  mutable std::mutex published_mutex_;
  Counters counters_;
  std::unordered_map<AccountId, std::uint64_t> bytes_;
};

}  // namespace mail
