// What only the store on disk must do: survive, notice, name.
#include "service/store/rocks_mail_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <mutex>

#include "base/log.h"
#include "codec/record/record.h"
#include "service/store/keys.h"
#include "service/store/store_conformance.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

namespace fs = std::filesystem;

class LogLines final : public log::Sink {
 public:
  LogLines() { log::set_sink(this, log::Level::info); }
  ~LogLines() override { log::set_sink(nullptr); }
  void write(log::Level, std::string_view event, std::span<const log::Field> fields) override {
    std::string line(event);
    for (const log::Field& field : fields) append(line, " ", field.name, "=", field.value);
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  int count(std::string_view event, std::string_view with = "") const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::ranges::count_if(lines_, [&](const std::string& line) {
      return line.starts_with(event) && line.find(with) != std::string::npos;
    }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class RocksStore : public testing::Test {
 protected:
  RocksMailStore& open(RocksOptions options = {}) {
    store_.reset();
    auto opened = RocksMailStore::open(state(), clock_, options);
    EXPECT_TRUE(opened) << describe(opened.error());
    store_ = std::move(opened).value();
    return *store_;
  }
  fs::path state() const { return directory_.path() / "state"; }

  // As kill -9 leaves it: the files of the living store, no orderly stop.
  fs::path crash_copy() {
    const fs::path copy = directory_.path() / concat("copy", ++copies_);
    // RocksDB drops old files in the background: a copy that met one is begun again.
    std::error_code vanished;
    for (int attempt = 0; attempt < 100; ++attempt) {
      fs::copy(state(), copy, fs::copy_options::recursive, vanished);
      if (!vanished) break;
      fs::remove_all(copy);
    }
    EXPECT_FALSE(vanished) << vanished.message();
    fs::remove(copy / "mail" / "LOCK");
    return copy;
  }

  MessageId keep(const std::string& content, AccountId account = {1}) {
    Draft draft = draft_for(*store_, content, account);
    const MessageId id = draft.id;
    const Result<void> kept = commit_one(*store_, std::move(draft));
    EXPECT_TRUE(kept) << describe(kept.error());
    return id;
  }

  // Changes the database of a closed store behind its back.
  void tamper(const std::function<void(kv::Database&, kv::Batch&)>& change) {
    store_.reset();
    const auto db = kv::Database::open(state() / "mail", {}).value();
    kv::Batch batch(*db);
    change(*db, batch);
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  static void flip(kv::Database& db, kv::Batch& batch, kv::Family family, const std::string& key) {
    std::string row = db.get(family, key).value();
    row[row.size() / 2] = static_cast<char>(row[row.size() / 2] ^ 4);
    batch.put(family, key, row);
  }

  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  LogLines log_;
  std::unique_ptr<RocksMailStore> store_;
  int copies_ = 0;
};

TEST_F(RocksStore, EverythingIsThereAfterReopening) {
  open();
  const std::string content = some_content(4096);
  const MessageId id = keep(content);
  const MessageId small = keep("small");
  const Counters counters = store_->counters();
  const std::uint64_t bytes = store_->mailbox_bytes(AccountId{1});
  const auto events = run(store_->events_after(EventSeq{0}, 99)).value().size();
  open();
  EXPECT_EQ(whole_body(*store_, run(store_->envelope(id)).value().body), content);
  EXPECT_TRUE(run(store_->envelope(small)));
  EXPECT_EQ(store_->counters(), counters);
  EXPECT_EQ(store_->mailbox_bytes(AccountId{1}), bytes);
  keep("third");
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  EXPECT_EQ(run(store_->entries(box.id, Uid{0}, 9)).value().back().uid, Uid{3});
  EXPECT_EQ(run(store_->events_after(EventSeq{0}, 99)).value().size(), events + 2);
  expect_consistent(*store_);
}

TEST_F(RocksStore, CountersOfSeveralHoursAddUpAgain) {
  open();
  for (int i = 0; i < 5; ++i) {
    keep("x");
    clock_.advance(std::chrono::hours(1));
  }
  clock_.set_wall(kTestStart);
  keep("x");
  EXPECT_EQ(store_->counters().messages, 6);
  open();
  EXPECT_EQ(store_->counters().messages, 6);
  expect_consistent(*store_);
}

TEST_F(RocksStore, ACopyOfTheLivingStoreHasEveryAcknowledgedMessage) {
  open();
  std::vector<MessageId> acknowledged;
  for (int i = 0; i < 50; ++i) {
    acknowledged.push_back(keep(some_content(static_cast<std::size_t>(i) * 200)));
    if (i % 10 != 9) continue;
    const auto copy = RocksMailStore::open(crash_copy(), clock_).value();
    EXPECT_TRUE(copy->missing().empty());
    for (const MessageId& id : acknowledged) EXPECT_TRUE(run(copy->envelope(id)));
    expect_consistent(*copy);
  }
}

TEST_F(RocksStore, AnAcknowledgedIdThatIsGoneIsNamedAfterAnUncleanStop) {
  open();
  const MessageId kept = keep("kept");
  const MessageId lost = keep("lost");
  const fs::path copy = crash_copy();
  store_.reset();
  fs::remove_all(state());
  fs::rename(copy, state());
  tamper([&](kv::Database& db, kv::Batch& batch) {
    kv::Cursor runs = db.scan_prefix(kv::Family::run, keys::runs(lost));
    batch.remove(kv::Family::run, runs.key());
    batch.remove(kv::Family::envelope, lost.key());
  });
  open();
  EXPECT_EQ(store_->missing(), std::vector<MessageId>{lost});
  EXPECT_EQ(log_.count("store.acknowledged_missing"), 1);
  EXPECT_EQ(log_.count("store.acknowledged_missing", lost.to_string()), 1);
  EXPECT_TRUE(run(store_->envelope(kept)));
}

TEST_F(RocksStore, AfterAnOrderlyStopWhatWasAcknowledgedIsComparedToo) {
  open();
  const MessageId lost = keep("lost");
  tamper([&](kv::Database& db, kv::Batch& batch) {
    kv::Cursor runs = db.scan_prefix(kv::Family::run, keys::runs(lost));
    batch.remove(kv::Family::run, runs.key());
  });
  EXPECT_TRUE(fs::exists(state() / "journal" / "CLEAN"));
  open();
  EXPECT_EQ(store_->missing(), std::vector<MessageId>{lost});  // its log was damaged since
  EXPECT_FALSE(fs::exists(state() / "journal" / "CLEAN"));
}

TEST_F(RocksStore, JournalsOfAQuietStoreDoNotPileUp) {
  open({.tick = Milliseconds(1)});
  const auto files = [&] {
    const fs::directory_iterator all(state() / "journal");
    return std::distance(begin(all), end(all));
  };
  for (int i = 0; i < 15; ++i) {
    keep("once in ten minutes");
    clock_.advance(std::chrono::minutes(10));
  }
  while (files() > 12) std::this_thread::yield();
  expect_consistent(open());
}

TEST_F(RocksStore, EachGroupIsSyncedOnceBeforeItIsAnswered) {
  const auto faults = std::make_shared<kv::Faults>();
  open({.database = {.faults = faults}, .tick = std::chrono::hours(1)});
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t before = faults->wal_syncs;
    keep(some_content(4096));
    EXPECT_EQ(faults->wal_syncs, before + 1);
  }
  EXPECT_EQ(store_->groups(), 20U);
}

TEST_F(RocksStore, WhatWaitsTogetherIsSyncedTogether) {
  open({.tick = std::chrono::hours(1)});
  constexpr int kClients = 100;
  LoopExecutor loop;
  Executor::set_current(&loop);
  std::vector<Draft> drafts;
  for (int i = 0; i < kClients; ++i) drafts.push_back(draft_for(*store_, some_content(4096)));
  int done = 0;
  struct Client {
    static Task<void> commit(RocksMailStore& store, Draft& draft, int& done) {
      EXPECT_TRUE(co_await store.commit(std::span(&draft, 1)));
      ++done;
    }
  };
  {
    TaskSet tasks;
    for (Draft& draft : drafts) tasks.spawn(Client::commit(*store_, draft, done));
    loop.run_until([&] { return done == kClients; });
  }
  Executor::set_current(nullptr);
  EXPECT_LE(store_->groups(), 50U);  // in practice two or three
  EXPECT_EQ(store_->counters().messages, kClients);
}

TEST_F(RocksStore, AfterAFailedSyncTheWholeGroupIsRefusedAndTheStoreComesBack) {
  const auto faults = std::make_shared<kv::Faults>();
  open({.database = {.faults = faults}, .tick = std::chrono::hours(1)});
  const MessageId before = keep("before");
  faults->fail_wal_sync = faults->wal_syncs + 1;
  std::vector<Draft> group;
  group.push_back(draft_for(*store_, "during one"));
  group.push_back(draft_for(*store_, "during two"));
  const Result<void> refused = run(store_->commit(group));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::store_unhealthy);
  while (!store_->healthy()) std::this_thread::yield();
  EXPECT_EQ(log_.count("store.write_failed"), 1);
  EXPECT_EQ(log_.count("store.reopened"), 1);
  EXPECT_TRUE(run(store_->envelope(before)));
  const MessageId after = keep("after");
  EXPECT_TRUE(run(store_->envelope(after)));
  expect_consistent(*store_);
  open();
  EXPECT_TRUE(run(store_->envelope(after)));
  expect_consistent(*store_);
}

TEST_F(RocksStore, WhileItCannotBeReopenedItSaysSoAndRefuses) {
  const auto faults = std::make_shared<kv::Faults>();
  open({.database = {.faults = faults}, .tick = Milliseconds(1)});
  const MessageId before = keep("before");
  faults->fail_open = true;
  faults->fail_wal_sync = faults->wal_syncs + 1;
  while (store_->healthy() && commit_one(*store_, draft_for(*store_, "during"))) {
  }
  EXPECT_EQ(commit_one(*store_, draft_for(*store_, "x")).error().code, Errc::store_unhealthy);
  EXPECT_EQ(run(store_->stage(store_->next_id(), 1, "x")).error().code, Errc::store_unhealthy);
  EXPECT_EQ(run(store_->envelope(before)).error().code, Errc::store_unhealthy);
  while (log_.count("store.reopen_failed") < 2) std::this_thread::yield();
  EXPECT_FALSE(store_->healthy());
  faults->fail_open = false;
  while (!store_->healthy()) std::this_thread::yield();
  EXPECT_TRUE(run(store_->envelope(before)));
  keep("after");
  expect_consistent(*store_);
}

TEST_F(RocksStore, AFullDiskIsStorageFullAndNothingIsLost) {
  const auto faults = std::make_shared<kv::Faults>();
  open({.database = {.faults = faults}, .tick = std::chrono::hours(1)});
  const MessageId before = keep("before");
  faults->no_space = true;
  const Result<void> refused = commit_one(*store_, draft_for(*store_, some_content(100'000)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::storage_full);
  faults->no_space = false;
  open();
  EXPECT_TRUE(run(store_->envelope(before)));
  keep("after");
  expect_consistent(*store_);
}

TEST_F(RocksStore, SpaceBelowTheReserveIsLow) {
  std::atomic<std::uint64_t> available = 4 * (1_GiB).value;
  RocksOptions options{.tick = Milliseconds(1)};
  options.space = [&](const fs::path&) -> Result<os::Space> {
    return os::Space{(100_GiB).value, available};
  };
  open(options);
  EXPECT_FALSE(store_->storage_low());
  available = (1_GiB).value - 1;
  while (!store_->storage_low()) std::this_thread::yield();
  available = (1_GiB).value;
  while (store_->storage_low()) std::this_thread::yield();
  EXPECT_EQ(log_.count("store.space_low"), 1);
  store_.reset();
  options.space = [](const fs::path&) -> Result<os::Space> {
    return os::Space{2'000'000'000, 99'999'999};
  };
  EXPECT_TRUE(open(options).storage_low());
  options.space = [](const fs::path&) -> Result<os::Space> {
    return os::Space{2'000'000'000, 100'000'000};
  };
  EXPECT_FALSE(open(options).storage_low());
}

TEST_F(RocksStore, ChunksThatNoMessageTookAreGoneAfterARestart) {
  open();
  const MessageId id = store_->next_id();
  ASSERT_TRUE(run(store_->stage(id, 1, some_content(5000))));
  ASSERT_TRUE(run(store_->stage(id, 2, some_content(5000))));
  const MessageId kept = keep(some_content(3000));
  open();
  store_.reset();
  {
    const auto db = kv::Database::open(state() / "mail", {}).value();
    EXPECT_FALSE(db->scan(kv::Family::staging, "", "").valid());
    EXPECT_FALSE(db->contains(kv::Family::mail_body, keys::chunk(id, 1)).value());
    EXPECT_FALSE(db->contains(kv::Family::mail_body, keys::chunk(id, 2)).value());
    EXPECT_TRUE(db->contains(kv::Family::mail_body, keys::chunk(kept, 0)).value());
  }
  expect_consistent(open());
}

TEST_F(RocksStore, MoreStagedThanTheLimitIsStorageFull) {
  open({.max_staged = ByteCount{10'000}});
  const MessageId id = store_->next_id();
  ASSERT_TRUE(run(store_->stage(id, 1, std::string(6000, 'x'))));
  EXPECT_EQ(run(store_->stage(id, 2, std::string(6000, 'x'))).error().code, Errc::storage_full);
  run(store_->drop_staged(id));
  EXPECT_TRUE(run(store_->stage(store_->next_id(), 1, std::string(6000, 'x'))));
}

TEST_F(RocksStore, IdsGoOnAboveEarlierLivesWhateverTheClockSays) {
  MessageId highest;
  for (int life = 0; life < 5; ++life) {
    RocksMailStore& store = open();
    for (int i = 0; i < 10; ++i) {
      const MessageId id = store.next_id();
      EXPECT_GT(id, highest);
      highest = id;
    }
    clock_.set_wall(kTestStart - std::chrono::hours(24 * life));
  }
  const fs::path copy = crash_copy();
  const auto after_crash = RocksMailStore::open(copy, clock_).value();
  EXPECT_GT(after_crash->next_id(), highest);
}

TEST_F(RocksStore, ABackupOfTheLivingStoreOpensAsAStateDirectory) {
  open();
  const MessageId id = keep(some_content(4096));
  const fs::path into = directory_.path() / "backups" / "today";
  ASSERT_TRUE(run(store_->backup(into)));
  EXPECT_EQ(run(store_->backup(into)).error().code, Errc::already_exists);
  keep("later");
  const auto copy = RocksMailStore::open(into, clock_).value();
  EXPECT_EQ(whole_body(*copy, run(copy->envelope(id)).value().body), some_content(4096));
  EXPECT_EQ(copy->counters().messages, 1);
  expect_consistent(*copy);
}

TEST_F(RocksStore, ADamagedBodyIsNamedQuarantinedOnceAndTheRestGoesOn) {
  open();
  const MessageId good = keep(some_content(4096, 1));
  const MessageId bad = keep(some_content(4096, 2));
  tamper([&](kv::Database& db, kv::Batch& batch) {
    flip(db, batch, kv::Family::mail_body, keys::chunk(bad, 0));
  });
  open();
  const auto body = run(store_->envelope(bad)).value().body;
  for (int i = 0; i < 3; ++i) {
    const auto read = run(store_->read_body(body, 0));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::store_corrupt);
    EXPECT_NE(read.error().detail.find(bad.to_string()), std::string::npos);
  }
  EXPECT_EQ(log_.count("store.quarantined", bad.to_string()), 1);
  EXPECT_EQ(run(store_->events_of(bad)).value().back().kind, record::EventKind::quarantined);
  EXPECT_EQ(store_->counters().quarantined, 1);
  EXPECT_EQ(store_->counters().delivered, 1);
  EXPECT_EQ(recount(*store_), store_->counters());
  EXPECT_EQ(whole_body(*store_, run(store_->envelope(good)).value().body), some_content(4096, 1));
  const auto report = run(store_->check()).value();
  ASSERT_EQ(report.damage.size(), 1U);
  EXPECT_NE(report.damage[0].what.find(bad.to_string()), std::string::npos);
}

TEST_F(RocksStore, ABodyInAnothersPlaceIsDamageToo) {
  open();
  const MessageId one = keep(some_content(4096, 1));
  const MessageId two = keep(some_content(4096, 2));
  tamper([&](kv::Database& db, kv::Batch& batch) {
    batch.put(kv::Family::mail_body, keys::chunk(one, 0),
              db.get(kv::Family::mail_body, keys::chunk(two, 0)).value());
  });
  open();
  const auto body = run(store_->envelope(one)).value().body;
  EXPECT_EQ(run(store_->read_body(body, 0)).error().code, Errc::store_corrupt);
}

TEST_F(RocksStore, DamagedEnvelopesAndEntriesAreSkippedInListsAndNamed) {
  open();
  const MessageId bad = keep("one");
  const MessageId good = keep("two");
  const auto box = run(store_->mailboxes(AccountId{1})).value().at(0);
  tamper([&](kv::Database& db, kv::Batch& batch) {
    flip(db, batch, kv::Family::envelope, std::string(bad.key()));
    flip(db, batch, kv::Family::mailbox, keys::entry(box.id, Uid{2}));
  });
  open();
  const auto messages = run(store_->messages({})).value();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].id, good);
  EXPECT_EQ(run(store_->envelope(bad)).error().code, Errc::store_corrupt);
  const auto entries = run(store_->entries(box.id, Uid{0}, 9)).value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].message, bad);
  EXPECT_EQ(run(store_->entry(box.id, Uid{2})).error().code, Errc::store_corrupt);
  EXPECT_EQ(log_.count("store.quarantined"), 2);
  EXPECT_EQ(log_.count("store.quarantined", "uid 2"), 1);
  EXPECT_TRUE(run(store_->remove_entries(box.id, {Uid{1}, Uid{2}})));  // damage can be removed
  keep("three");
  EXPECT_EQ(recount(*store_), store_->counters());
}

TEST_F(RocksStore, ADamagedEventIsLeftOutAndNamed) {
  open();
  const MessageId id = keep("one");
  tamper([&](kv::Database& db, kv::Batch& batch) {
    flip(db, batch, kv::Family::event, keys::event(EventSeq{2}));
  });
  open();
  EXPECT_EQ(run(store_->events_of(id)).value().size(), 1U);
  EXPECT_EQ(run(store_->events_after(EventSeq{0}, 9)).value().size(), 1U);
  EXPECT_EQ(log_.count("store.quarantined", "event 2"), 1);
}

TEST_F(RocksStore, ATornTailOfTheLogIsNoDamageAndAHoleInItIsSalvagedAndNamed) {
  open();
  std::vector<MessageId> ids;
  for (unsigned i = 0; i < 20; ++i) ids.push_back(keep(some_content(4096, i)));
  const fs::path copy = crash_copy();
  store_.reset();
  fs::path wal;
  for (const auto& file : fs::directory_iterator(copy / "mail")) {
    if (file.path().extension() == ".log" && (wal.empty() || file.path() > wal)) wal = file.path();
  }
  const fs::path torn = directory_.path() / "torn";
  fs::copy(copy, torn, fs::copy_options::recursive);
  {
    std::ofstream tail(torn / "mail" / wal.filename(), std::ios::app | std::ios::binary);
    tail << std::string("half a rec");
  }
  EXPECT_TRUE(RocksMailStore::open(torn, clock_).value()->missing().empty());

  {
    std::fstream file(wal, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(30'000);
    file << "XXXXXXXXXXXXXXXX";
  }
  const auto salvaged = RocksMailStore::open(copy, clock_);
  ASSERT_TRUE(salvaged) << describe(salvaged.error());
  EXPECT_EQ(log_.count("store.damaged_log"), 1);
  const std::vector<MessageId>& missing = (*salvaged)->missing();
  EXPECT_FALSE(missing.empty());
  EXPECT_LT(missing.size(), ids.size());
  for (const MessageId& id : ids) {
    const bool named = std::ranges::binary_search(missing, id);
    EXPECT_NE(run((*salvaged)->envelope(id)).has_value(), named) << id.to_string();
  }
}

}  // namespace
}  // namespace mail
