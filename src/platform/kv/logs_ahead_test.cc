#include <gtest/gtest.h>

#include <fstream>

#include "base/text.h"
#include "platform/kv/database.h"
#include "platform/kv/mending.h"
#include "platform/kv/rocks_log.h"
#include "platform/os/file.h"

namespace mail::kv {
namespace {

namespace fs = std::filesystem;

class LogsAhead : public testing::Test {
 protected:
  LogsAhead() {
    std::string name = (fs::temp_directory_path() / "mail_ahead_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    db_ = Database::open(folder_ / "db", {}).value();
  }
  ~LogsAhead() override {
    db_.reset();
    fs::remove_all(folder_);
  }
  void put(std::string_view key, std::string_view value) {
    Batch batch(*db_);
    batch.put(Family::event, key, value);
    ASSERT_TRUE(db_->write(batch, Sync::yes));
  }
  void put_small(int count) {
    for (int i = 0; i < count; ++i) put(concat("small", i), std::string(100, 's'));
  }
  static fs::path log_in(const fs::path& directory) {
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == ".log") return entry.path();
    }
    return {};
  }
  std::string log() const { return os::read_file(log_in(folder_ / "db")).value(); }
  // What a process that is killed leaves.
  fs::path killed() {
    const fs::path copy = folder_ / "killed";
    fs::remove_all(copy);
    fs::copy(folder_ / "db", copy);
    return copy;
  }
  static void write(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  fs::path folder_;
  std::unique_ptr<Database> db_;
};

std::size_t zeros_behind(std::string_view bytes) {
  return bytes.size() - (bytes.find_last_not_of('\0') + 1);
}

TEST_F(LogsAhead, AreWrittenAheadWhileGroupsAreSmall) {
  put_small(4);
  EXPECT_EQ(zeros_behind(log()), 0U) << "not yet";
  put_small(20);
  EXPECT_GT(zeros_behind(log()), std::size_t{100} << 10);
  put("large", std::string(3 << 20, 'x'));  // past the zeros
  EXPECT_EQ(zeros_behind(log()), 0U);
  const fs::path file = log_in(folder_ / "db");
  put_small(20);
  const std::string bytes = log();
  const std::size_t end = whole_records(bytes);
  db_.reset();
  EXPECT_EQ(fs::file_size(file), end) << "what was written ahead goes where the log is closed";
}

TEST_F(LogsAhead, WhatWasAcknowledgedIsThereAfterAKill) {
  put_small(20);
  put("zeros", std::string(200, '\0'));  // a record's own
  const auto db = Database::open(killed(), {});
  ASSERT_TRUE(db) << describe(db.error());
  EXPECT_EQ((*db)->get(Family::event, "small19"), std::string(100, 's'));
  EXPECT_EQ((*db)->get(Family::event, "zeros"), std::string(200, '\0'));
}

TEST_F(LogsAhead, ARecordThatThePowerCutShortIsOneAtTheEnd) {
  put_small(20);
  const std::size_t before = whole_records(log());
  put("last", std::string(3000, 'x'));
  const std::string whole = log();
  const std::size_t end = whole_records(whole);
  for (const std::size_t kept : {before + 3, before + 10, before + 100, end - 1}) {
    const fs::path copy = killed();
    std::string cut = whole;
    std::fill(cut.begin() + static_cast<std::ptrdiff_t>(kept),
              cut.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    write(log_in(copy), cut);
    const auto db = Database::open(copy, {});
    ASSERT_TRUE(db) << kept - before << ": " << describe(db.error());
    EXPECT_EQ((*db)->get(Family::event, "small19"), std::string(100, 's'));
    EXPECT_FALSE((*db)->contains(Family::event, "last").value());
  }
}

TEST_F(LogsAhead, DamageBeforeTheEndIsDamageStill) {
  put_small(20);
  const fs::path copy = killed();
  std::string bytes = log();
  bytes[whole_records(bytes) / 2] ^= 1;
  write(log_in(copy), bytes);
  const auto db = Database::open(copy, {});
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code, Errc::store_corrupt);
}

TEST_F(LogsAhead, ACopyHasWhatWasThere) {
  put_small(20);
  ASSERT_TRUE(db_->checkpoint(folder_ / "copy"));
  put("later", "x");
  const auto db = Database::open(folder_ / "copy", {});
  ASSERT_TRUE(db) << describe(db.error());
  EXPECT_EQ((*db)->get(Family::event, "small19"), std::string(100, 's'));
  EXPECT_FALSE((*db)->contains(Family::event, "later").value());
}

TEST(EndInBlock, IsBehindTheLastRecordWithTheZerosThatAreItsOwn) {
  std::string block;
  EXPECT_EQ(end_in_block(std::string(100, '\0')), 0U);
  append_log_record(block, "one");
  append_log_record(block, std::string(50, '\0'));
  const std::size_t end = block.size();
  EXPECT_EQ(end_in_block(block), end);
  block.resize(kLogBlock);
  EXPECT_EQ(end_in_block(block), end);
  block[end - 60] ^= 1;  // of the head of the second
  EXPECT_LT(end_in_block(block), end);
}

}  // namespace
}  // namespace mail::kv
