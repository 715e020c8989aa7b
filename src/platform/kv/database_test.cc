#include "platform/kv/database.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/text.h"

namespace mail::kv {
namespace {

namespace fs = std::filesystem;

class KvDatabase : public testing::Test {
 protected:
  KvDatabase() {
    std::string name = (fs::temp_directory_path() / "mail_kv_XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~KvDatabase() override {
    database_.reset();
    fs::remove_all(directory_);
  }
  void open(Options options = {}) {
    database_.reset();
    auto opened = Database::open(directory_ / "db", options);
    ASSERT_TRUE(opened) << describe(opened.error());
    database_ = std::move(*opened);
  }
  Result<void> put(Family family, std::string_view key, std::string_view value,
                   Sync sync = Sync::yes) {
    Batch batch(*database_);
    batch.put(family, key, value);
    return database_->write(batch, sync);
  }
  fs::path directory_;
  std::unique_ptr<Database> database_;
};

std::string keys(Cursor cursor, bool down = false) {
  std::string all;
  for (; cursor.valid(); down ? cursor.previous() : cursor.next()) append(all, cursor.key(), ' ');
  EXPECT_TRUE(cursor.status());
  return all;
}

TEST_F(KvDatabase, DataWithoutItsCurrentFileIsDamageAndNotANewDatabase) {
  open();
  ASSERT_TRUE(put(Family::envelope, "a", "1"));
  ASSERT_TRUE(database_->flush());
  database_.reset();
  fs::rename(directory_ / "db" / "CURRENT", directory_ / "current");
  const auto refused = Database::open(directory_ / "db", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::store_corrupt);
  fs::rename(directory_ / "current", directory_ / "db" / "CURRENT");
  open();
  EXPECT_EQ(database_->get(Family::envelope, "a").value(), "1");
}

// Debian's RocksDB ends the process when its own log file, LOG, cannot be written.
TEST_F(KvDatabase, TheLibrarysOwnWordsAreInNoFileOfItsOwn) {
  open();
  EXPECT_FALSE(fs::exists(directory_ / "db" / "LOG"));
}

// A body in a file that is gone is damage, and not a disk that fails for a while.
TEST_F(KvDatabase, AFileThatIsGoneIsDamage) {
  open();
  ASSERT_TRUE(put(Family::queue_body, "a", std::string(5000, 'x')));
  ASSERT_TRUE(database_->flush());
  open();
  for (const auto& entry : fs::directory_iterator(directory_ / "db")) {
    if (entry.path().extension() == ".blob") fs::remove(entry.path());
  }
  EXPECT_EQ(database_->get(Family::queue_body, "a").error().code, Errc::store_corrupt);
}

TEST_F(KvDatabase, OpensWithTheSettingsOfTheDesign) {
  open();
  auto settings = database_->settings();
  EXPECT_EQ(settings["wal_recovery_mode"], "tolerate_corrupted_tail");
  EXPECT_EQ(settings["max_total_wal_size"], "536870912");
  EXPECT_EQ(settings["max_bgerror_resume_count"], "0");
  EXPECT_EQ(settings["paranoid_checks"], "true");
  EXPECT_EQ(settings["track_and_verify_wals_in_manifest"], "true");
  EXPECT_EQ(settings["recycle_log_file_num"], "0");
  EXPECT_EQ(settings["manual_wal_flush"], "false");
  EXPECT_EQ(settings["enable_pipelined_write"], "false");
  EXPECT_EQ(settings["unordered_write"], "false");
  EXPECT_EQ(settings["wal_bytes_per_sync"], "0");
  EXPECT_EQ(settings["max_background_jobs"], "2");
  EXPECT_EQ(settings["own_checksums"], "true");
  EXPECT_EQ(settings["schedule.collectors"], "CompactOnRemovals");
  for (std::size_t i = 0; i < kFamilies; ++i) {
    const auto family = static_cast<Family>(i);
    const std::string name = concat(to_string(family), ".");
    const bool body = family == Family::queue_body || family == Family::mail_body;
    EXPECT_EQ(settings[name + "write_buffer_size"], body ? "134217728" : "16777216") << name;
    EXPECT_EQ(settings[name + "max_write_buffer_number"], "4") << name;
    EXPECT_EQ(settings[name + "enable_blob_files"], body ? "true" : "false") << name;
    EXPECT_EQ(settings[name + "enable_blob_garbage_collection"], "false") << name;
    EXPECT_EQ(settings[name + "compression"], "none") << name;
    if (body) EXPECT_EQ(settings[name + "min_blob_size"], "1024") << name;
  }
}

TEST_F(KvDatabase, ABatchIsSeenWholeInEveryFamilyAndAfterReopening) {
  open();
  Batch batch(*database_);
  batch.put(Family::mail_body, "k", {"one ", "", "value"});
  batch.put(Family::event, "k", "e");
  batch.remove(Family::event, "gone");
  EXPECT_FALSE(batch.empty());
  EXPECT_EQ(database_->get(Family::event, "k").error().code, Errc::not_found);
  ASSERT_TRUE(database_->write(batch, Sync::yes));
  open();
  EXPECT_EQ(database_->get(Family::mail_body, "k").value(), "one value");
  EXPECT_TRUE(database_->contains(Family::event, "k").value());
  EXPECT_FALSE(database_->contains(Family::event, "x").value());
  Batch removal(*database_);
  removal.remove_once(Family::mail_body, "k");
  ASSERT_TRUE(database_->write(removal, Sync::yes));
  EXPECT_FALSE(database_->contains(Family::mail_body, "k").value());
}

TEST_F(KvDatabase, ACursorKeepsItsBoundsAndItsMoment) {
  open();
  for (const char* key : {"a1", "a2", "b1", "b2", "b3", "c1"}) {
    ASSERT_TRUE(put(Family::mailbox, key, "v"));
  }
  Cursor before = database_->scan_prefix(Family::mailbox, "b");
  ASSERT_TRUE(put(Family::mailbox, "b4", "v"));
  EXPECT_EQ(keys(std::move(before)), "b1 b2 b3 ");
  EXPECT_EQ(keys(database_->scan(Family::mailbox, "a2", "b2")), "a2 b1 ");
  EXPECT_EQ(keys(database_->scan(Family::mailbox, "b4", "")), "b4 c1 ");
  EXPECT_EQ(keys(database_->scan_down(Family::mailbox, "b2"), true), "b1 a2 a1 ");
  EXPECT_EQ(keys(database_->scan_down(Family::mailbox, "", "b3"), true), "c1 b4 b3 ");
}

TEST_F(KvDatabase, TheBoundAfterAPrefixSkipsOctetsThatCannotGrow) {
  EXPECT_EQ(after_prefix("ab"), "ac");
  EXPECT_EQ(after_prefix("a\xFF\xFF"), "b");
  EXPECT_EQ(after_prefix("\xFF"), "");
}

TEST_F(KvDatabase, ACheckpointOpensWithWhatWasThere) {
  open();
  ASSERT_TRUE(put(Family::envelope, "k", "v"));
  ASSERT_TRUE(database_->checkpoint(directory_ / "copy"));
  ASSERT_TRUE(put(Family::envelope, "later", "v"));
  EXPECT_FALSE(database_->checkpoint(directory_ / "copy"));
  const auto copy = Database::open(directory_ / "copy", {});
  ASSERT_TRUE(copy);
  EXPECT_TRUE((*copy)->contains(Family::envelope, "k").value());
  EXPECT_FALSE((*copy)->contains(Family::envelope, "later").value());
}

TEST_F(KvDatabase, EverySyncedWriteSyncsAndAnUnsyncedOneDoesNot) {
  const auto faults = std::make_shared<Faults>();
  open({.faults = faults});
  const std::uint64_t before = faults->wal_syncs;
  ASSERT_TRUE(put(Family::event, "a", "v", Sync::no));
  EXPECT_EQ(faults->wal_syncs, before);
  ASSERT_TRUE(put(Family::event, "b", "v"));
  EXPECT_EQ(faults->wal_syncs, before + 1);
}

TEST_F(KvDatabase, AFailedSyncEndsWritingUntilReopened) {
  const auto faults = std::make_shared<Faults>();
  open({.faults = faults});
  ASSERT_TRUE(put(Family::event, "before", "v"));
  faults->fail_wal_sync = faults->wal_syncs + 1;
  EXPECT_EQ(put(Family::event, "during", "v").error().code, Errc::io_error);
  EXPECT_FALSE(put(Family::event, "after", "v"));
  EXPECT_FALSE(put(Family::event, "after", "v"));
  open({.faults = faults});
  EXPECT_TRUE(put(Family::event, "reopened", "v"));
  EXPECT_TRUE(database_->contains(Family::event, "before").value());
}

// RocksDB 7.8 forgets a reference to each family that it did not come to where one of several full
// memtables could not be put aside, and ends the process when the database is closed.
class KvSeveralFull : public KvDatabase {
 protected:
  KvSeveralFull() {
    open(options());
    EXPECT_TRUE(put(Family::event, "before", "v"));
    Batch batch(*database_);
    for (const Family family : {Family::envelope, Family::mailbox, Family::event}) {
      for (int i = 0; i < 40; ++i) batch.put(family, concat("x", i), std::string(10'000, 'x'));
    }
    EXPECT_TRUE(database_->write(batch, Sync::yes));
  }
  Options options() { return {.other_memtable = ByteCount{64 << 10}, .faults = faults_}; }
  void fails_until_reopened(Errc why) {
    const Result<void> during = put(Family::event, "during", "v");
    ASSERT_FALSE(during);
    EXPECT_EQ(during.error().code, why);
    EXPECT_FALSE(put(Family::event, "after", "v"));
    database_.reset();
    faults_->fail_open = faults_->no_inodes = faults_->fail_manifest = false;
    open(options());
    EXPECT_TRUE(database_->contains(Family::event, "before").value());
    EXPECT_TRUE(database_->contains(Family::envelope, "x39").value());
    EXPECT_FALSE(database_->contains(Family::event, "during").value());
    EXPECT_TRUE(put(Family::event, "reopened", "v"));
  }
  const std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

TEST_F(KvSeveralFull, AndNoNewLogCanBeMade) {
  faults_->fail_open = true;
  fails_until_reopened(Errc::io_error);
}

TEST_F(KvSeveralFull, AndNoInodeIsLeftForANewLog) {
  faults_->no_inodes = true;
  fails_until_reopened(Errc::storage_full);
}

TEST_F(KvSeveralFull, AndTheManifestCannotBeWritten) {
  faults_->fail_manifest = true;
  fails_until_reopened(Errc::io_error);
}

TEST_F(KvDatabase, WhatTheManifestWasNotToldIsNotDone) {
  const auto faults = std::make_shared<Faults>();
  open({.faults = faults});
  ASSERT_TRUE(put(Family::event, "a", "v"));
  faults->fail_manifest = true;
  EXPECT_EQ(database_->flush().error().code, Errc::io_error);
  EXPECT_FALSE(put(Family::event, "b", "v"));
  database_.reset();
  const auto refused = Database::open(directory_ / "db", {.faults = faults});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::io_error);
  open();
  EXPECT_EQ(keys(database_->scan(Family::event, "", "")), "a ");
}

TEST_F(KvDatabase, AFullDiskIsStorageFull) {
  const auto faults = std::make_shared<Faults>();
  open({.faults = faults});
  faults->no_space = true;
  EXPECT_EQ(put(Family::event, "k", "v").error().code, Errc::storage_full);
}

TEST_F(KvDatabase, SpaceIsAskedForBeforeItIsWrittenToAndSomebodyMayGiveSome) {
  const auto faults = std::make_shared<Faults>();
  int asked = 0;
  open({.when_full =
            [&] {
              ++asked;
              return true;
            },
        .faults = faults});
  ASSERT_TRUE(put(Family::event, "a", "small"));
  faults->no_room = 2;
  EXPECT_TRUE(put(Family::event, "b", "in what is allocated ahead"));
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(put(Family::event, "c", std::string(5 << 20, 'x')));
  EXPECT_EQ(asked, 1);
  faults->no_room = 2;
  EXPECT_TRUE(database_->flush());
  EXPECT_EQ(asked, 2);
  faults->no_inodes = true;
  ASSERT_TRUE(put(Family::event, "d", "last"));
  const Result<void> flushed = database_->flush();  // nobody has an inode to give
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::storage_full);
  EXPECT_GT(asked, 2);
  faults->no_inodes = false;
  open();
  EXPECT_EQ(keys(database_->scan(Family::event, "", "")), "a b c d ");
}

TEST_F(KvDatabase, WhereNobodyHasSpaceNothingIsWrittenInVain) {
  const auto faults = std::make_shared<Faults>();
  open({.when_full = [] { return false; }, .faults = faults});
  ASSERT_TRUE(put(Family::event, "a", "small"));
  faults->no_room = 9;
  const Result<void> written = put(Family::event, "b", std::string(5 << 20, 'x'));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::storage_full);
  open();
  EXPECT_EQ(keys(database_->scan(Family::event, "", "")), "a ");
}

TEST_F(KvDatabase, WhatWasAllocatedAheadIsGivenBackWhenTheFileIsClosed) {
  open();
  ASSERT_TRUE(put(Family::event, "a", "small"));
  ASSERT_TRUE(database_->flush());
  database_.reset();
  for (const auto& entry : fs::directory_iterator(directory_ / "db")) {
    struct stat status{};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 65536) << entry.path();
  }
}

TEST_F(KvDatabase, LogsThatAreKeptAreReadAgainHoweverOften) {
  open();
  ASSERT_TRUE(put(Family::event, "a", std::string(100'000, 'x')));
  for (int life = 0; life < 3; ++life) {
    open({.keep_logs = true});
    ASSERT_TRUE(put(Family::event, concat("life", life), "here"));
    for (const auto& entry : fs::directory_iterator(directory_ / "db")) {
      EXPECT_NE(entry.path().extension(), ".sst");
    }
  }
  open();
  EXPECT_EQ(keys(database_->scan(Family::event, "", "")), "a life0 life1 life2 ");
  EXPECT_EQ(database_->oldest_wal().value(), database_->newest_wal().value());
}

TEST(KvOptions, FollowWhatThereIsAndAreTheDefaultsFrom4GiBOn) {
  const Options defaults;
  for (const std::uint64_t plenty : {(4_GiB).value, (1024_GiB).value}) {
    const Options large = options_for(plenty, plenty);
    EXPECT_EQ(large.body_memtable, defaults.body_memtable);
    EXPECT_EQ(large.other_memtable, defaults.other_memtable);
    EXPECT_EQ(large.block_cache, defaults.block_cache);
  }
  const Options little = options_for((256_MiB).value, (1024_GiB).value);
  EXPECT_EQ(little.body_memtable, 8_MiB);
  EXPECT_EQ(little.other_memtable, 1_MiB);
  EXPECT_EQ(little.block_cache, 4_MiB);
  const Options small_disk = options_for((64_GiB).value, (48_MiB).value);
  EXPECT_EQ(small_disk.body_memtable, 2_MiB);
  EXPECT_EQ(small_disk.block_cache, defaults.block_cache);
}

TEST_F(KvDatabase, RowsOfTheScheduleThatWereRemovedAreSoonOutOfTheWay) {
  open();
  Batch batch(*database_);
  const auto row = [](int i) { return concat("q", 100'000 + i); };
  for (int i = 0; i < 20'000; ++i) batch.put(Family::schedule, row(i), "a delivery");
  ASSERT_TRUE(database_->write(batch, Sync::yes));
  ASSERT_TRUE(database_->flush());
  batch.clear();
  for (int i = 0; i < 20'000; ++i) batch.remove_once(Family::schedule, row(i));
  ASSERT_TRUE(database_->write(batch, Sync::yes));
  ASSERT_TRUE(database_->flush());
  const auto tables = [&] {
    std::ptrdiff_t count = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_ / "db")) {
      count += entry.path().extension() == ".sst" ? 1 : 0;
    }
    return count;
  };
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (tables() > 0 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  EXPECT_EQ(tables(), 0)
      << "rows and removals still lie in files, and each seek wades through them";
}

TEST_F(KvDatabase, AFamilyOfANewerVersionIsRefusedByName) {
  open();
  database_.reset();
  rocksdb::DB* raw = nullptr;
  std::vector<std::string> names;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, directory_ / "db", &names).ok());
  for (const std::string& name : names)
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  ASSERT_TRUE(rocksdb::DB::Open({}, directory_ / "db", descriptors, &handles, &raw).ok());
  rocksdb::ColumnFamilyHandle* later = nullptr;
  ASSERT_TRUE(raw->CreateColumnFamily({}, "hologram", &later).ok());
  handles.push_back(later);
  for (auto* handle : handles) ASSERT_TRUE(raw->DestroyColumnFamilyHandle(handle).ok());
  delete raw;
  const auto refused = Database::open(directory_ / "db", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::store_newer);
  EXPECT_NE(refused.error().detail.find("hologram"), std::string::npos);
}

TEST_F(KvDatabase, LogsGrowInNumberAndTheOldestGoesWhenFlushed) {
  open();
  ASSERT_TRUE(put(Family::event, "k", "v"));
  const std::uint64_t first = database_->newest_wal().value();
  EXPECT_EQ(database_->oldest_wal().value(), first);
  ASSERT_TRUE(database_->flush());
  ASSERT_TRUE(put(Family::event, "k2", "v"));
  EXPECT_GT(database_->newest_wal().value(), first);
  EXPECT_GT(database_->oldest_wal().value(), first);
}

}  // namespace
}  // namespace mail::kv
