#include "service/store/salvage.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "platform/kv/mending.h"
#include "service/store/keys.h"
#include "service/store/queue_conformance.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

namespace fs = std::filesystem;
using Kind = RecipientOutcome::Kind;

class Salvage : public testing::Test {
 protected:
  Salvage() { open(); }
  void open() {
    store_.reset();
    store_ = RocksMailStore::open(directory_.path(), clock_).value();
  }
  // What was written so far is in tables of its own.
  void flush() {
    store_.reset();
    {
      const auto db = kv::Database::open(directory_.path() / "mail", {}).value();
      ASSERT_TRUE(db->flush());
    }
    open();
  }
  std::set<std::string> tables() const {
    std::set<std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_.path() / "mail")) {
      if (entry.path().extension() == ".sst") found.insert(entry.path().filename().string());
    }
    return found;
  }
  // Cuts the tables of these families that are not in `spared`.
  void damage(const std::set<kv::Family>& families, const std::set<std::string>& spared = {}) {
    store_.reset();
    const fs::path mail = directory_.path() / "mail";
    for (const std::string& table : tables()) {
      if (spared.contains(table)) continue;
      const fs::path whole = directory_.path() / table;
      fs::rename(mail / table, whole);
      const auto broken = kv::broken_tables(mail, {}).value();
      fs::rename(whole, mail / table);
      const bool hit = std::ranges::any_of(broken, [&](const kv::BrokenTable& one) {
        return families.contains(one.family) && one.file == table;
      });
      if (hit) cut_.push_back(table);
    }
    for (const std::string& table : cut_) {
      fs::resize_file(mail / table, fs::file_size(mail / table) / 2);
    }
    ASSERT_FALSE(cut_.empty());
  }
  Salvaged salvage() {
    const auto refused = RocksMailStore::open(directory_.path(), clock_);
    EXPECT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("`mailwright store salvage`"), std::string::npos);
    EXPECT_NE(refused.error().detail.find(cut_.at(0)), std::string::npos);
    auto done = salvage_store(directory_.path(), clock_, {});
    EXPECT_TRUE(done) << describe(done.error());
    open();
    for (const std::string& table : cut_) EXPECT_TRUE(fs::exists(done->kept_in / table)) << table;
    return std::move(*done);
  }
  bool check_names(MessageId id) {
    const CheckReport report = run(store_->check()).value();
    return std::ranges::any_of(report.damage, [&](const Damage& one) {
      return (one.what + one.why).contains(id.to_string());
    });
  }
  void settle(MessageId id, Kind kind) {
    Outcome outcome = outcome_of(run(store_->queued_of(id)).value().at(0).key);
    outcome.recipients = {told("bob@else.test", kind)};
    if (kind == Kind::deferred) {
      outcome.rest = {{ToRoute{kElse, kTestStart + std::chrono::hours(1)},
                       {"bob@else.test"},
                       "tom@gmail.test",
                       ""}};
    }
    ASSERT_TRUE(run(store_->settle({outcome})));
  }

  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::unique_ptr<RocksMailStore> store_;
  std::vector<std::string> cut_;
};

TEST_F(Salvage, ALostTableOfTheScheduleNamesEachMessageThatWaited) {
  const MessageId waits = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  const MessageId ended = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  settle(ended, Kind::delivered);
  flush();
  damage({kv::Family::schedule});
  const Salvaged done = salvage();
  EXPECT_EQ(done.lost, std::vector<MessageId>{waits});
  EXPECT_TRUE(check_names(waits));
  EXPECT_FALSE(check_names(ended));
  EXPECT_EQ(store_->counters().quarantined, 1);
  EXPECT_EQ(store_->counters().queued, 0);
  EXPECT_EQ(whole_body(*store_, run(store_->envelope(waits))->body), "queued")
      << "for whoever looks";
}

TEST_F(Salvage, WhatHadEndedIsNotSentAgain) {
  const MessageId ended = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  const MessageId tried = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  flush();
  const std::set<std::string> before = tables();
  settle(ended, Kind::delivered);
  settle(tried, Kind::deferred);
  flush();
  damage({kv::Family::schedule}, before);  // which says that they are over
  const Salvaged done = salvage();
  EXPECT_EQ(done.over, 1U);
  EXPECT_TRUE(run(store_->queued_of(ended)).value().empty());
  EXPECT_EQ(run(store_->queued_of(tried)).value().size(), 1U) << "tried once too often, not lost";
  EXPECT_TRUE(done.lost.empty());
}

TEST_F(Salvage, ALostTableOfEnvelopesNamesEachMessage) {
  const MessageId id = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  flush();
  damage({kv::Family::envelope});
  salvage();
  EXPECT_TRUE(check_names(id));
}

TEST_F(Salvage, ALostTableOfMailboxesNamesEachMessage) {
  Draft draft = draft_for(*store_, "in a mailbox");
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(*store_, std::move(draft)));
  flush();
  damage({kv::Family::mailbox});
  salvage();
  EXPECT_TRUE(check_names(id));
}

TEST_F(Salvage, AfterItTheStoreGoesOn) {
  commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  flush();
  damage({kv::Family::schedule, kv::Family::meta, kv::Family::counter});
  salvage();
  const MessageId id = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  EXPECT_EQ(run(store_->queued_of(id)).value().size(), 1U);
  EXPECT_EQ(store_->counters().accepted, 2);
  open();
  EXPECT_EQ(run(store_->queued_of(id)).value().size(), 1U);
}

TEST_F(Salvage, ADamagedManifestMendsItself) {
  const MessageId id = commit_to(*store_, kElse, kTestStart, {"bob@else.test"});
  flush();
  store_.reset();
  fs::remove(directory_.path() / "mail" / "CURRENT");
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_.path() / "mail")) {
    if (entry.path().filename().string().starts_with(kv::kManifest)) {
      fs::resize_file(entry.path(), 100);
    }
  }
  open();
  EXPECT_EQ(run(store_->queued_of(id)).value().size(), 1U);
  EXPECT_TRUE(run(store_->check()).value().damage.empty());
}

}  // namespace
}  // namespace mail
