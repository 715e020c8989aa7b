// The store on disk when things go wrong around it: a disk that fills up and stays full, a
// reopening between two steps of a large message, rows that many others hang on.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "service/store/keys.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/store_conformance.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

namespace fs = std::filesystem;

class StoreTrouble : public testing::Test {
 protected:
  RocksMailStore& open(RocksOptions options = {}) {
    store_.reset();
    auto opened = RocksMailStore::open(directory_.path(), clock_, options);
    EXPECT_TRUE(opened) << describe(opened.error());
    store_ = std::move(opened).value();
    return *store_;
  }
  // With a disk of 1 GiB of which `available_` is free, and all bodies in the database.
  RocksOptions on_small_disk(Milliseconds tick = std::chrono::hours(1)) {
    RocksOptions options{.segment_group = 1_GiB, .tick = tick};
    options.space = [this](const fs::path&) -> Result<os::Space> {
      return os::Space{(1_GiB).value, available_};
    };
    return options;
  }
  Result<void> commit(std::size_t size) {
    return commit_one(*store_, draft_for(*store_, some_content(size)));
  }
  void tamper(const std::function<void(kv::Database&, kv::Batch&)>& change) {
    store_.reset();
    const auto db = kv::Database::open(directory_.path() / "mail", {}).value();
    kv::Batch batch(*db);
    change(*db, batch);
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }

  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::atomic<std::uint64_t> available_ = (1_GiB).value;
  std::unique_ptr<RocksMailStore> store_;
};

TEST_F(StoreTrouble, ADiskThatStaysFullIsSaidToBeFullAndIsOverWhenThereIsSpace) {
  const auto faults = std::make_shared<kv::Faults>();
  open({.database = {.faults = faults}, .tick = Milliseconds(1)});
  ASSERT_TRUE(commit(4096));
  faults->no_space = true;
  ASSERT_EQ(commit(100'000).error().code, Errc::storage_full);
  for (int i = 0; i < 500; ++i) {  // whatever the store does about it meanwhile
    EXPECT_TRUE(store_->healthy());
    EXPECT_TRUE(store_->storage_low());
    EXPECT_EQ(commit(4096).error().code, Errc::storage_full);
    EXPECT_EQ(run(store_->stage(store_->next_id(), 1, "x")).error().code, Errc::storage_full);
    std::this_thread::yield();
  }
  faults->no_space = false;
  while (store_->storage_low()) std::this_thread::yield();
  ASSERT_TRUE(commit(4096));
  EXPECT_EQ(store_->counters().messages, 2);
  expect_consistent(*store_);
}

TEST_F(StoreTrouble, WhatIsHeldForAFullDiskIsGivenAndHeldAgain) {
  const auto faults = std::make_shared<kv::Faults>();
  RocksOptions options{
      .database = {.faults = faults}, .segment_group = 1_GiB, .tick = std::chrono::hours(1)};
  options.space = [this](const fs::path&) -> Result<os::Space> {
    return os::Space{(1_GiB).value, available_};
  };
  options.reserve = std::make_shared<os::Reserve>(directory_.path());
  open(options);
  ASSERT_TRUE(options.reserve->held());
  ASSERT_TRUE(commit(4096));
  // Others fill the disk. What was under way finds its place in the reserve; new mail is refused.
  available_ = 60 << 20;
  faults->no_room = 2;
  ASSERT_TRUE(commit(3 << 20) && commit(3 << 20));
  EXPECT_FALSE(options.reserve->held());
  EXPECT_TRUE(store_->storage_low());
  EXPECT_TRUE(store_->healthy());
  EXPECT_EQ(commit(10).error().code, Errc::storage_full);
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  EXPECT_TRUE(run(store_->remove_entries(box.id, {Uid{1}})));
  // A restart on the full disk knows that it has been given.
  EXPECT_TRUE(open(options).storage_low());
  available_ = (1_GiB).value;
  EXPECT_FALSE(open(options).storage_low());
  EXPECT_TRUE(options.reserve->held());
  ASSERT_TRUE(commit(4096));
  expect_consistent(*store_);
}

TEST_F(StoreTrouble, WhereOthersTookWhatWasGivenTheRestOpensTheStoreAgain) {
  const auto faults = std::make_shared<kv::Faults>();
  const fs::path last_part = directory_.path() / "reserve" / "0";
  RocksOptions options{.database = {.faults = faults}, .tick = Milliseconds(1)};
  options.space = [this, last_part](const fs::path&) -> Result<os::Space> {
    const bool given = available_ == 0 && !fs::exists(last_part);
    return os::Space{(1_GiB).value, given ? (2_MiB).value : available_.load()};
  };
  options.reserve = std::make_shared<os::Reserve>(directory_.path());
  open(options);
  ASSERT_TRUE(commit(4096));
  options.reserve->release(os::Reserve::Part::most);
  available_ = 0;
  faults->no_space = true;
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  ASSERT_FALSE(run(store_->remove_entries(box.id, {Uid{1}})));
  while (fs::exists(last_part)) std::this_thread::yield();
  faults->no_space = false;
  while (!run(store_->remove_entries(box.id, {Uid{1}}))) std::this_thread::yield();
  EXPECT_TRUE(store_->storage_low());
  expect_consistent(*store_);
}

// Bodies fill their memtable and go to blob files; a few envelopes, which do not, keep all logs.
TEST_F(StoreTrouble, WhereSpaceIsLowLogsGoThatALittleKeeps) {
  RocksOptions options = on_small_disk(Milliseconds(1));
  options.database.body_memtable = options.database.other_memtable = 1_MiB;
  open(options);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(commit(200'000));
  const auto size_of = [this](std::string_view kind) {
    std::uintmax_t size = 0;
    for (const auto& entry : fs::directory_iterator(directory_.path() / "mail")) {
      std::error_code gone;
      const std::uintmax_t octets = entry.file_size(gone);
      if (!gone && entry.path().extension() == kind) size += octets;
    }
    return size;
  };
  while (size_of(".blob") < (6_MiB).value) std::this_thread::yield();
  ASSERT_GT(size_of(".log"), (6_MiB).value);
  available_ = (20_MiB).value;
  while (size_of(".log") > (1_MiB).value) std::this_thread::yield();
  expect_consistent(*store_);
}

TEST_F(StoreTrouble, WithoutInodesThereIsNoSpace) {
  RocksOptions options{.tick = std::chrono::hours(1)};
  std::uint64_t inodes = 100;
  options.space = [&](const fs::path&) -> Result<os::Space> {
    return os::Space{(1_GiB).value, (1_GiB).value, 2000, inodes};
  };
  EXPECT_FALSE(open(options).storage_low());
  inodes = 99;
  EXPECT_TRUE(open(options).storage_low());
  EXPECT_EQ(commit(10).error().code, Errc::storage_full);
}

TEST_F(StoreTrouble, SpaceIsLookedAtWhileMailComesInNotOnlyNowAndThen) {
  open(on_small_disk());
  ASSERT_TRUE(commit(4096));
  available_ = (1_GiB).value / 20 - 1;
  int taken = 0;
  while (taken < 100 && commit(200'000)) ++taken;
  EXPECT_LE(taken, 6);  // a mebibyte
  EXPECT_TRUE(store_->storage_low());
  EXPECT_TRUE(store_->healthy());
  const std::uint64_t groups = store_->groups();
  EXPECT_EQ(commit(10).error().code, Errc::storage_full);
  EXPECT_EQ(run(store_->stage(store_->next_id(), 1, "x")).error().code, Errc::storage_full);
  EXPECT_EQ(store_->groups(), groups);
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  EXPECT_TRUE(run(store_->remove_entries(box.id, {Uid{1}})));  // what makes room is done
  expect_consistent(*store_);
}

TEST_F(StoreTrouble, RoomForTheNextFlushIsPartOfTheReserve) {
  available_ = 70 << 20;  // the reserve itself is 51 MiB
  open(on_small_disk());
  int taken = 0;
  while (taken < 400 && commit(250'000)) ++taken;
  EXPECT_GT(taken, 100);
  EXPECT_LT(taken, 300);  // in bytes not flushed: about 50 MiB
}

TEST_F(StoreTrouble, OnATightDiskWhatIsInMemoryIsFlushedWhileItFits) {
  available_ = 80 << 20;
  open(on_small_disk(Milliseconds(1)));
  for (int i = 0; i < 400; ++i) {
    while (store_->storage_low()) std::this_thread::yield();
    const Result<void> kept = commit(250'000);
    if (!kept) {
      ASSERT_EQ(kept.error().code, Errc::storage_full);
    }
  }
  expect_consistent(*store_);
}

TEST_F(StoreTrouble, AChunkOfAMessageWhoseChunksWentWithAReopeningIsNotWritten) {
  const MessageId id = MessageId::make(1'790'000'000'000, 0, 1);
  const auto engine = StoreEngine::open(directory_.path(), clock_, {}).value();
  ASSERT_TRUE(engine->staging().admit(id, 1, 4));
  ASSERT_TRUE(engine->write_chunk(id, 1, "one "));
  ASSERT_TRUE(engine->staging().admit(id, 2, 4));
  ASSERT_TRUE(engine->recover());
  EXPECT_EQ(engine->write_chunk(id, 2, "two ").error().code, Errc::store_unhealthy);
  EXPECT_EQ(engine->staging().admit(id, 2, 4).error().code, Errc::store_unhealthy)
      << "its sender may try again (mail_crash, seed 3065898088)";
  EXPECT_TRUE(engine->with([](kv::Database& db) -> Result<void> {
    EXPECT_FALSE(db.scan(kv::Family::mail_body, "", "").valid());
    EXPECT_FALSE(db.scan(kv::Family::staging, "", "").valid());
    return {};
  }));
}

// A power cut tore a hole into the log where the first chunk was (tests/crash, seed 2217128590).
TEST_F(StoreTrouble, ALaterChunkWithoutTheFirstIsRemovedAtTheNextStart) {
  const MessageId id = MessageId::make(1'790'000'000'000, 0, 1);
  open();
  ASSERT_TRUE(run(store_->stage(id, 1, "one ")));
  ASSERT_TRUE(run(store_->stage(id, 2, "two ")));
  tamper([&](kv::Database& db, kv::Batch& batch) {
    EXPECT_TRUE(db.contains(kv::Family::staging, id.key()).value());
    batch.remove_once(kv::Family::mail_body, keys::chunk(id, 1));
  });
  expect_consistent(open());
}

TEST_F(StoreTrouble, AMessageWhoseChunksWentWithAReopeningIsNotKept) {
  open();
  std::vector<Draft> drafts;
  drafts.push_back(draft_for(*store_, some_content(100)));
  Draft& draft = drafts[0];
  store_.reset();
  const auto engine = StoreEngine::open(directory_.path(), clock_, {}).value();
  ASSERT_TRUE(engine->staging().admit(draft.id, 1, 4));
  ASSERT_TRUE(engine->write_chunk(draft.id, 1, "body"));
  draft.staged_chunks = 1;
  draft.size += 4;
  DraftChange change(drafts, engine->staging(), kTestStart, SIZE_MAX);
  ASSERT_TRUE(change.valid());
  ASSERT_TRUE(engine->recover());
  std::vector<Change*> group{&change};
  EXPECT_TRUE(engine->write(group));
  ASSERT_FALSE(change.result);
  EXPECT_EQ(change.result.error().code, Errc::store_unhealthy);
  EXPECT_EQ(engine->counters().messages, 0);
}

TEST_F(StoreTrouble, ADamagedMailboxRowIsNamedAndMadeAnewFromItsEntries) {
  open();
  ASSERT_TRUE(commit(10));
  ASSERT_TRUE(commit(20));
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  ASSERT_TRUE(run(store_->remove_entries(box.id, {Uid{2}})));
  const auto before = run(store_->mailboxes(AccountId{1})).value().at(0);
  tamper([&](kv::Database&, kv::Batch& batch) {
    batch.put(kv::Family::mailbox, keys::mailbox(box.id), "no record");
  });
  for (int life = 0; life < 2; ++life) {
    open();
    const auto boxes = run(store_->mailboxes(AccountId{1})).value();
    ASSERT_EQ(boxes.size(), 1U);
    EXPECT_GT(boxes[0].uid_validity, before.uid_validity);  // RFC 9051 §2.3.1.1
    record::MailboxInfo same = boxes[0];
    same.uid_validity = before.uid_validity;
    EXPECT_EQ(same, before);
  }
  ASSERT_TRUE(commit(30));
  const auto entries = run(store_->entries(box.id, Uid{0}, 9)).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].uid, Uid{3});  // never again the one that was removed
  expect_consistent(*store_);
}

TEST_F(StoreTrouble, WithoutTheNumbersOfMailboxesTheStoreGoesOn) {
  open();
  ASSERT_TRUE(commit(10));
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  tamper([](kv::Database&, kv::Batch& batch) {
    batch.put(kv::Family::mailbox, keys::kMailboxSequence, "no record");
  });
  open();
  ASSERT_TRUE(commit_one(*store_, draft_for(*store_, "x", AccountId{2}, "tom@yahoo.test")));
  const auto other = run(store_->mailboxes(AccountId{2})).value().at(0);
  EXPECT_GT(other.id, box.id);
  EXPECT_GT(other.uid_validity, box.uid_validity);
  expect_consistent(open());
}

}  // namespace
}  // namespace mail
