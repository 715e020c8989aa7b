#include "platform/kv/mending.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "base/text.h"
#include "platform/kv/rocks_log.h"
#include "platform/os/file.h"

namespace mail::kv {
namespace {

namespace fs = std::filesystem;

class Mending : public testing::Test {
 protected:
  Mending() {
    std::string name = (fs::temp_directory_path() / "mail_mending_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Mending() override { fs::remove_all(folder_); }

  fs::path database() const { return folder_ / "mail"; }
  fs::path aside() const { return folder_ / "aside"; }
  std::unique_ptr<Database> open() { return Database::open(database(), {}).value(); }

  static void put(Database& db, Family family, std::string_view key, std::string_view value) {
    Batch batch(db);
    batch.put(family, key, value);
    ASSERT_TRUE(db.write(batch, Sync::yes));
  }
  // Three tables of envelopes, one of events.
  void fill() {
    const auto db = open();
    for (const std::string_view key : {"a", "b", "c"}) {
      put(*db, Family::envelope, key, "of " + std::string(key));
      ASSERT_TRUE(db->flush());
    }
    put(*db, Family::event, "e", "event");
    ASSERT_TRUE(db->flush());
  }
  std::vector<fs::path> files(std::string_view prefix, std::string_view suffix = "") const {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(database())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) && name.ends_with(suffix)) found.push_back(entry.path());
    }
    return found;
  }
  static std::string content(const fs::path& path) { return os::read_file(path).value(); }
  static void write(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  void expect_everything() {
    const auto db = open();
    EXPECT_EQ(db->get(Family::envelope, "a"), "of a");
    EXPECT_EQ(db->get(Family::envelope, "c"), "of c");
    EXPECT_EQ(db->get(Family::event, "e"), "event");
  }
  void damage_and_mend(const std::function<void(const fs::path& manifest)>& damage) {
    fill();
    damage(files(kManifest).at(0));
    const auto mended = mend(database(), aside());
    ASSERT_TRUE(mended) << describe(mended.error());
    EXPECT_FALSE(mended->empty());
    expect_everything();
  }

  fs::path folder_;
};

TEST_F(Mending, AWholeDatabaseIsLeftAsItIs) {
  fill();
  EXPECT_TRUE(mend(database(), aside()).value().empty());
  EXPECT_FALSE(fs::exists(aside()));
  EXPECT_TRUE(broken_tables(database(), {}).value().empty());
  EXPECT_EQ(content(files(kManifest).at(0)), content(files(kTwin).at(0)));
}

TEST_F(Mending, AFolderWithoutADatabaseIsNone) {
  EXPECT_TRUE(mend(database(), aside()).value().empty());
  fs::create_directories(database());
  EXPECT_TRUE(mend(database(), aside()).value().empty());
}

TEST_F(Mending, ALostCurrentIsMadeAnew) {
  damage_and_mend([&](const fs::path&) { fs::remove(database() / "CURRENT"); });
}

TEST_F(Mending, ADamagedCurrentIsMadeAnewAndKept) {
  damage_and_mend([&](const fs::path&) { write(database() / "CURRENT", "MANIFEST-0000"); });
  EXPECT_EQ(content(aside() / "CURRENT"), "MANIFEST-0000");
}

TEST_F(Mending, ALostManifestComesBackFromItsTwin) {
  damage_and_mend([&](const fs::path& manifest) { fs::remove(manifest); });
}

TEST_F(Mending, AManifestThatWasCutBetweenRecordsIsNoticed) {
  damage_and_mend([&](const fs::path& manifest) {
    const std::string bytes = content(manifest);
    std::uint64_t size = bytes.size() - 1;
    while (whole_records(std::string_view(bytes).substr(0, size)) != size) --size;
    ASSERT_GT(size, 0U);
    fs::resize_file(manifest, size);  // RocksDB would take it, and delete the newest table
  });
}

TEST_F(Mending, AManifestWithAFlippedBitComesBackFromItsTwin) {
  damage_and_mend([&](const fs::path& manifest) {
    std::string bytes = content(manifest);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    write(manifest, bytes);
  });
}

TEST_F(Mending, ADamagedTwinIsNotBelieved) {
  fill();
  const std::string manifest = content(files(kManifest).at(0));
  write(files(kTwin).at(0), manifest + "and more");
  EXPECT_TRUE(mend(database(), aside()).value().empty());
  expect_everything();
}

TEST_F(Mending, TablesThatCannotBeReadAreNamedGivenUpAndKept) {
  fill();
  const std::vector<fs::path> tables = files("", ".sst");
  const std::string first = content(tables.at(0));
  fs::resize_file(tables.at(0), first.size() / 2);
  EXPECT_FALSE(Database::open(database(), {}));
  const auto broken = broken_tables(database(), {});
  ASSERT_TRUE(broken) << describe(broken.error());
  ASSERT_EQ(broken->size(), 1U);
  EXPECT_EQ(broken->at(0).file, tables.at(0).filename().string());
  ASSERT_TRUE(give_up(database(), aside(), *broken));
  const auto db = Database::open(database(), {});
  ASSERT_TRUE(db) << describe(db.error());
  int there = 0;
  for (const std::string_view key : {"a", "b", "c"}) {
    there += (*db)->contains(Family::envelope, key).value() ? 1 : 0;
  }
  there += (*db)->contains(Family::event, "e").value() ? 1 : 0;
  EXPECT_EQ(there, 3) << "all but what was in the broken one";
  EXPECT_EQ(fs::file_size(aside() / tables.at(0).filename()), first.size() / 2);
}

TEST_F(Mending, AllTablesMayBeGone) {
  fill();
  for (const fs::path& table : files("", ".sst")) fs::remove(table);
  const auto broken = broken_tables(database(), {});
  ASSERT_TRUE(broken) << describe(broken.error());
  EXPECT_EQ(broken->size(), 4U);
  ASSERT_TRUE(give_up(database(), aside(), *broken));
  EXPECT_TRUE(Database::open(database(), {}));
}

TEST_F(Mending, ALogLosesOnlyTheRecordsThatAreDamaged) {
  {
    const auto db = open();
    put(*db, Family::event, "before", "1");
    put(*db, Family::event, "damaged", std::string(100'000, 'd'));
    put(*db, Family::event, "behind", std::string(50'000, 'b'));
    put(*db, Family::event, "last", "4");
  }
  const fs::path log = files("", ".log").at(0);
  std::string bytes = content(log);
  bytes[50'000] = 'x';
  write(log, bytes);
  ASSERT_TRUE(take_damage_out_of_logs(database()));
  const auto db = Database::open(database(), {.recovery = Recovery::salvage});
  ASSERT_TRUE(db) << describe(db.error());
  EXPECT_EQ((*db)->get(Family::event, "before"), "1");
  EXPECT_FALSE((*db)->contains(Family::event, "damaged").value());
  EXPECT_EQ((*db)->get(Family::event, "behind"), std::string(50'000, 'b'));
  EXPECT_EQ((*db)->get(Family::event, "last"), "4");
}

TEST(RocksLog, WhatIsAppendedIsWholeAlsoOverTheEndOfABlock) {
  std::string file;
  for (int i = 0; i < 40; ++i) {
    const std::size_t before = file.size();
    append_log_record(file, std::string(static_cast<std::size_t>(i) * 409, 'x'));
    EXPECT_EQ(whole_records(file), file.size());
    EXPECT_LE(whole_records(std::string_view(file).substr(0, file.size() - 1)), file.size() - 1);
    EXPECT_EQ(whole_records(std::string_view(file).substr(0, before)), before);
  }
  file[file.size() / 2] = 'y';
  EXPECT_LT(whole_records(file), file.size());
}

std::string log_of(std::initializer_list<std::size_t> sizes) {
  std::string file;
  for (const std::size_t size : sizes) append_log_record(file, std::string(size, 'x'));
  return file;
}

TEST(RocksLog, WithoutDamageIsWhatIsWholeAndNothingElse) {
  const std::string file = log_of({100, 100'000, 40'000, 10});
  EXPECT_EQ(without_damage(file), file);
  std::string damaged = file;
  damaged[40'000] = 'y';  // of the second one, which begins and ends in other blocks
  EXPECT_EQ(without_damage(damaged), log_of({100, 40'000, 10}));
  damaged[10] = 'y';  // and with it the whole first block
  EXPECT_EQ(without_damage(damaged), log_of({40'000, 10}));
  EXPECT_EQ(without_damage(std::string_view(file).substr(0, file.size() - 1)),
            log_of({100, 100'000, 40'000}));
}

}  // namespace
}  // namespace mail::kv
