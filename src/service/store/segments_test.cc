// Large bodies in segment files, through the store on disk: where they go, that they survive, and
// that the files go when nobody needs them.
#include "service/store/segments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "base/text.h"
#include "platform/kv/faults.h"
#include "platform/kv/mending.h"
#include "platform/os/file.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/salvage.h"
#include "service/store/store_conformance.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLarge = 64 << 10;

class SegmentsTest : public testing::Test {
 protected:
  RocksMailStore& open(RocksOptions options = {}) {
    store_.reset();
    options.segment_file = 512_KiB;
    options.tick = Milliseconds(5);
    auto opened = RocksMailStore::open(state(), clock_, options);
    EXPECT_TRUE(opened) << describe(opened.error());
    store_ = std::move(opened).value();
    return *store_;
  }
  // With a disk of 1 GiB of which `available_` is free.
  RocksOptions on_small_disk() {
    RocksOptions options;
    options.space = [this](const fs::path&) -> Result<os::Space> {
      return os::Space{(1_GiB).value, available_};
    };
    return options;
  }
  fs::path state() const { return directory_.path() / "state"; }

  // In one group, each into the mailbox of account 1.
  std::vector<MessageId> keep(std::size_t count, std::size_t size = kLarge) {
    std::vector<Draft> drafts = drafts_of(count, size);
    std::vector<MessageId> ids;
    for (const Draft& draft : drafts) ids.push_back(draft.id);
    const Result<void> kept = run(store_->commit(drafts));
    EXPECT_TRUE(kept) << describe(kept.error());
    return ids;
  }
  std::vector<Draft> drafts_of(std::size_t count, std::size_t size = kLarge) {
    std::vector<Draft> drafts;
    for (std::size_t i = 0; i < count; ++i) {
      drafts.push_back(draft_for(*store_, content_of(i, size)));
    }
    return drafts;
  }
  static std::string content_of(std::size_t i, std::size_t size = kLarge) {
    return some_content(size, static_cast<unsigned>(i + 1));
  }
  static record::BodyRef body_of(MailStore& store, MessageId id) {
    return run(store.envelope(id)).value().body;
  }
  bool in_segment(MessageId id) {
    return std::holds_alternative<record::SegmentBody>(body_of(*store_, id));
  }
  void expect_there(MailStore& store, const std::vector<MessageId>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(whole_body(store, body_of(store, ids[i])), content_of(i));
    }
  }
  void remove(const std::vector<MessageId>& ids) {
    const MailboxId box = run(store_->mailboxes(AccountId{1})).value().front().id;
    std::vector<Uid> uids;
    for (const auto& entry : run(store_->entries(box, Uid{0}, 1000)).value()) {
      if (std::ranges::find(ids, entry.message) != ids.end()) uids.push_back(entry.uid);
    }
    ASSERT_EQ(uids.size(), ids.size());
    ASSERT_TRUE(run(store_->remove_entries(box, uids)));
  }
  static std::vector<fs::path> files_of(const fs::path& state) {
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(state / "segments", none)) {
      found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }
  std::vector<fs::path> files() const { return files_of(state()); }
  bool none_is_left() const {  // soon
    const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!files().empty() && std::chrono::steady_clock::now() < soon) std::this_thread::yield();
    return files().empty();
  }
  void tamper(const std::function<void(kv::Batch&)>& change) {
    store_.reset();
    const auto db = kv::Database::open(state() / "mail", {}).value();
    kv::Batch batch(*db);
    change(batch);
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  static void flip(const fs::path& path, std::uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto octet = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(octet);
  }

  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::atomic<std::uint64_t> available_ = (1_GiB).value;
  std::unique_ptr<RocksMailStore> store_;
};

TEST_F(SegmentsTest, LargeBodiesOfALargeGroupLieInOneFileAndComeBack) {
  open();
  const std::vector<MessageId> ids = keep(3);
  ASSERT_TRUE(in_segment(ids[2]));
  EXPECT_EQ(files().size(), 1U);
  expect_there(*store_, ids);
  EXPECT_EQ(run(store_->read_body(body_of(*store_, ids[1]), 60'000)).value(),
            content_of(1).substr(60'000));
  EXPECT_EQ(run(store_->read_body(body_of(*store_, ids[1]), kLarge)).value(), "");
  open();
  expect_there(*store_, ids);
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, ALoneMessageAndSmallOnesStayRows) {
  open();
  EXPECT_FALSE(in_segment(keep(1).front()));
  EXPECT_FALSE(in_segment(keep(40, 4096).front()));
  EXPECT_TRUE(files().empty());
}

TEST_F(SegmentsTest, AGroupThatDoesNotFitIntoOneFileLiesInTwo) {
  open();
  const std::vector<MessageId> ids = keep(12);
  EXPECT_EQ(files().size(), 2U);
  expect_there(*store_, ids);
  open();
  expect_there(*store_, ids);
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, MailOfQueuesAndOfMailboxesLiesApart) {
  open();
  std::vector<Draft> drafts;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i % 2 == 0) drafts.push_back(draft_for(*store_, content_of(i)));
    if (i % 2 == 0) continue;
    drafts.push_back(new_draft(*store_, content_of(i)));
    add_recipient(drafts.back(), "tom@gmail.test", ToRoute{{"mx", "gmail.test", ""}, kTestStart});
  }
  const std::vector<MessageId> ids{drafts[0].id, drafts[1].id, drafts[2].id, drafts[3].id};
  ASSERT_TRUE(run(store_->commit(drafts)));
  const auto segment = [&](std::size_t i) {
    return std::get<record::SegmentBody>(body_of(*store_, ids[i])).segment;
  };
  EXPECT_EQ(segment(0), segment(2));
  EXPECT_EQ(segment(1), segment(3));
  EXPECT_NE(segment(0), segment(1));
  expect_there(*store_, ids);
}

TEST_F(SegmentsTest, AFileGoesWithTheLastMessageInItAndNotBefore) {
  open();
  const std::vector<MessageId> ids = keep(8);
  keep(2);  // begins another file
  ASSERT_EQ(files().size(), 2U);
  const fs::path first = files().front();
  remove({ids.begin(), ids.end() - 1});
  open();
  EXPECT_TRUE(fs::exists(first));
  remove({ids.back()});
  const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (fs::exists(first) && std::chrono::steady_clock::now() < soon) std::this_thread::yield();
  EXPECT_FALSE(fs::exists(first));
  expect_consistent(*store_);
  open();
  EXPECT_EQ(files().size(), 1U);
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, AfterARestartANewFileIsBegunAndTheEndOfTheOldOneIsLeftAlone) {
  open();
  const std::vector<MessageId> ids = keep(2);
  store_.reset();
  const fs::path first = files().front();
  std::ofstream(first, std::ios::app | std::ios::binary) << "half a body";
  const std::uintmax_t size = fs::file_size(first);
  open();
  const std::vector<MessageId> more = keep(2);
  EXPECT_EQ(files().size(), 2U);
  EXPECT_EQ(fs::file_size(first), size);
  expect_there(*store_, ids);
  expect_there(*store_, more);
}

TEST_F(SegmentsTest, AFlippedOctetIsNoticedNamedAndNeverGivenOut) {
  open();
  const std::vector<MessageId> ids = keep(3);
  const auto place = std::get<record::SegmentBody>(body_of(*store_, ids[1]));
  flip(files().front(), place.offset + place.size / 2);
  const auto read = run(store_->read_body(place, 0));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::store_corrupt);
  EXPECT_EQ(store_->counters().quarantined, 1);
  const CheckReport report = run(store_->check()).value();
  ASSERT_EQ(report.damage.size(), 1U);
  EXPECT_NE(report.damage.front().what.find(ids[1].to_string()), std::string::npos);
}

TEST_F(SegmentsTest, AFileThatIsGoneOrCutShortTakesOnlyWhatLayInItAndEachIsNamed) {
  open();
  const std::vector<MessageId> ids = keep(3);
  const std::vector<MessageId> other = keep(7);  // two of them in another file
  ASSERT_EQ(files().size(), 2U);
  fs::resize_file(files().front(), kLarge + 100);
  EXPECT_EQ(whole_body(*store_, body_of(*store_, ids[0])), content_of(0));
  EXPECT_EQ(run(store_->read_body(body_of(*store_, ids[1]), 0)).error().code, Errc::store_corrupt);
  fs::remove(files().back());
  open();
  EXPECT_EQ(whole_body(*store_, body_of(*store_, ids[0])), content_of(0));
  EXPECT_EQ(run(store_->read_body(body_of(*store_, other[6]), 0)).error().code,
            Errc::store_corrupt);
  std::set<std::string> expected;
  const auto name_of = [](MessageId id) { return concat("body ", id.to_string(), " chunk 0"); };
  for (const MessageId& id : ids) expected.insert(name_of(id));
  for (const MessageId& id : other) expected.insert(name_of(id));
  expected.erase(name_of(ids[0]));
  std::set<std::string> named;
  for (const Damage& damage : run(store_->check()).value().damage) named.insert(damage.what);
  EXPECT_EQ(named, expected);
}

TEST_F(SegmentsTest, WhereTheLogFailsNothingIsNamedThatIsNotThereAndAFileIsBegun) {
  const auto faults = std::make_shared<kv::Faults>();
  RocksOptions options;
  options.database.faults = faults;
  open(options);
  const std::vector<MessageId> before = keep(3);
  const fs::path first = files().front();
  const std::uintmax_t size = fs::file_size(first);
  faults->fail_wal_sync = faults->wal_syncs + 1;
  std::vector<Draft> refused = drafts_of(3);
  EXPECT_EQ(run(store_->commit(refused)).error().code, Errc::store_unhealthy);
  EXPECT_GT(fs::file_size(first), size) << "its octets were there before the log";
  while (!store_->healthy()) std::this_thread::yield();
  const std::vector<MessageId> after = keep(3);
  EXPECT_EQ(files().size(), 2U);
  expect_there(*store_, before);
  expect_there(*store_, after);
  expect_consistent(*store_);
  EXPECT_TRUE(run(store_->check()).value().damage.empty());
}

TEST_F(SegmentsTest, NearTheEndOfTheDiskBodiesAreRows) {
  available_ = 58 << 20;  // the reserve is a twentieth
  const RocksOptions options = on_small_disk();
  open(options);
  EXPECT_FALSE(store_->storage_low());
  EXPECT_FALSE(in_segment(keep(3).front()));
  available_ = 100 << 20;
  open(options);
  const std::vector<MessageId> ids = keep(3);
  EXPECT_TRUE(in_segment(ids.front()));
  // What becomes free there is free at once.
  available_ = 50 << 20;
  remove(ids);
  EXPECT_TRUE(none_is_left());
  available_ = 100 << 20;
  open(options);
  EXPECT_TRUE(in_segment(keep(3).front()));
}

// Then the logs are kept, and written again: what they show is on disk, and so a file may go.
TEST_F(SegmentsTest, OnAFullDiskAFileGoesForWhatASyncThatFailedWasToKeep) {
  available_ = 100 << 20;
  const auto faults = std::make_shared<kv::Faults>();
  RocksOptions options = on_small_disk();
  options.database.faults = faults;
  open(options);
  keep(3);
  const MailboxId box = run(store_->mailboxes(AccountId{1})).value().front().id;
  available_ = 1 << 20;
  faults->fail_wal_sync = faults->wal_syncs + 1;
  EXPECT_FALSE(run(store_->remove_entries(box, {Uid{1}, Uid{2}, Uid{3}})));
  auto left = run(store_->entries(box, Uid{0}, 9));
  for (; !left; left = run(store_->entries(box, Uid{0}, 9))) std::this_thread::yield();
  EXPECT_TRUE(left->empty());
  EXPECT_TRUE(none_is_left());
  open(options);
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, WhoReadsWhileAFileGoesHasTheBodyOrIsToldThatItIsGone) {
  open();
  for (int round = 0; round < 20; ++round) {
    const std::vector<MessageId> ids = keep(8);  // a file
    std::vector<record::BodyRef> bodies;
    for (const MessageId& id : ids) bodies.push_back(body_of(*store_, id));
    std::thread reader([&] {
      for (std::size_t i = 0, gone = 0; gone < bodies.size(); i = (i + 1) % bodies.size()) {
        const Result<std::string> octets = run(store_->read_body(bodies[i], 0));
        if (octets) {
          ASSERT_EQ(*octets, content_of(i));
          gone = 0;
        } else {
          ASSERT_EQ(octets.error().code, Errc::not_found) << describe(octets.error());
          ++gone;
        }
      }
    });
    remove(ids);
    reader.join();
  }
  EXPECT_EQ(store_->counters().quarantined, 0);
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, ABackupIsWholeWhileMailComesAndGoes) {
  open();
  std::atomic<bool> enough = false;
  std::thread traffic([&] {
    while (!enough) remove(keep(8));
  });
  for (int i = 0; i < 5; ++i) {
    const fs::path into = directory_.path() / concat("backup-", i);
    const Result<void> made = run(store_->backup(into));
    EXPECT_TRUE(made) << describe(made.error());
    if (!made) break;
    const auto copy = RocksMailStore::open(into, clock_).value();
    EXPECT_TRUE(run(copy->check()).value().damage.empty());
  }
  enough = true;
  traffic.join();
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, ABackupHoldsWhatItNamesWhateverGoesLater) {
  open();
  const std::vector<MessageId> ids = keep(3);
  const fs::path into = directory_.path() / "backup";
  ASSERT_TRUE(run(store_->backup(into)));
  EXPECT_EQ(run(store_->backup(into)).error().code, Errc::already_exists);
  remove(ids);
  open();
  EXPECT_TRUE(files().empty());
  const auto copy = RocksMailStore::open(into, clock_).value();
  expect_there(*copy, ids);
  EXPECT_TRUE(run(copy->check()).value().damage.empty());
}

TEST_F(SegmentsTest, RowsThatAreGoneAreCountedAnewAndAFileOfNobodyGoes) {
  open();
  const std::vector<MessageId> ids = keep(3);
  tamper([](kv::Batch& batch) { batch.remove(kv::Family::meta, keys::segment(1)); });
  std::ofstream(state() / "segments" / "77.seg") << "begun and never named";
  open();
  EXPECT_EQ(files().size(), 1U);
  expect_there(*store_, ids);
  expect_consistent(*store_);
}

TEST_F(SegmentsTest, RowsThatSayTooLittleAreCountedAnewAfterASalvage) {
  open();
  const std::vector<MessageId> ids = keep(3);
  tamper([](kv::Batch& batch) {
    const std::string key = keys::segment(1);
    const std::string none = keys::number(std::uint64_t{0});
    batch.put(kv::Family::meta, key, {none, seal_of(key, none)});
  });
  ASSERT_TRUE(Segments(state() / "segments", 0).distrust());
  open();
  EXPECT_EQ(files().size(), 1U) << "and what asked for it is gone";
  expect_there(*store_, ids);
  expect_consistent(*store_);
}

// Cuts the tables of one family; `store salvage` is left to do the rest.
void cut_tables(const fs::path& mail, kv::Family family) {
  ASSERT_TRUE(kv::Database::open(mail, {}).value()->flush());
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(mail)) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  for (const fs::path& table : tables) {
    const std::string whole = os::read_file(table).value();
    fs::resize_file(table, whole.size() / 2);
    const auto broken = kv::broken_tables(mail, {}).value();
    const auto it = std::ranges::find(broken, table.filename().string(), &kv::BrokenTable::file);
    if (it == broken.end() || it->family != family) std::ofstream(table, std::ios::binary) << whole;
  }
}

TEST_F(SegmentsTest, ASalvageCountsThemAnew) {
  open();
  const std::vector<MessageId> ids = keep(3);
  store_.reset();
  cut_tables(state() / "mail", kv::Family::meta);
  EXPECT_FALSE(RocksMailStore::open(state(), clock_));
  const Salvaged salvaged = salvage_store(state(), clock_, {}).value();
  EXPECT_TRUE(salvaged.lost.empty());
  open();
  expect_there(*store_, ids);
  EXPECT_TRUE(run(store_->check()).value().damage.empty());
}

TEST_F(SegmentsTest, WhatASalvageLeavesNobodyToNameIsKeptAside) {
  open();
  const std::vector<MessageId> ids = keep(3);
  store_.reset();
  const std::string octets = os::read_file(files().at(0)).value();
  cut_tables(state() / "mail", kv::Family::envelope);
  EXPECT_FALSE(RocksMailStore::open(state(), clock_));
  const Salvaged salvaged = salvage_store(state(), clock_, {}).value();
  EXPECT_EQ(os::read_file(salvaged.kept_in / "segments" / "1.seg").value(), octets);
  open();
  EXPECT_TRUE(files().empty()) << "nobody's";
  EXPECT_FALSE(run(store_->check()).value().damage.empty());
}

TEST_F(SegmentsTest, WhereNoFileCanBeMadeBodiesAreRows) {
  open();
  fs::remove(state() / "segments");
  std::ofstream(state() / "segments") << "in the way";
  const std::vector<MessageId> ids = keep(3);
  EXPECT_FALSE(in_segment(ids[0]));
  expect_there(*store_, ids);
}

}  // namespace
}  // namespace mail
