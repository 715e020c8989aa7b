// Stores that another version of the program has written.
#include <gtest/gtest.h>

#include "base/text.h"
#include "service/store/keys.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/store_conformance.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

class StoreFormat : public testing::Test {
 protected:
  void open() {
    store_.reset();
    auto opened = RocksMailStore::open(directory_.path(), clock_);
    ASSERT_TRUE(opened) << describe(opened.error());
    store_ = std::move(*opened);
  }
  MessageId keep(const std::string& content) {
    Draft draft = draft_for(*store_, content, AccountId{1});
    const MessageId id = draft.id;
    EXPECT_TRUE(commit_one(*store_, std::move(draft)));
    return id;
  }
  // Closes the store and hands its database out.
  std::unique_ptr<kv::Database> database() {
    store_.reset();
    return kv::Database::open(directory_.path() / "mail", {}).value();
  }

  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::unique_ptr<RocksMailStore> store_;
};

TEST_F(StoreFormat, ANewerOneIsRefusedWithASentence) {
  open();
  {
    const auto db = database();
    kv::Batch batch(*db);
    batch.put(kv::Family::meta, keys::kFormatRow, keys::number(keys::kFormat + 1));
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  const auto refused = RocksMailStore::open(directory_.path(), clock_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::store_newer);
  EXPECT_NE(refused.error().detail.find(concat("format ", keys::kFormat + 1)), std::string::npos);
}

// Else a program of that format would open it and call each body that lies in a segment damaged.
TEST_F(StoreFormat, TheOneWithoutSegmentsIsMarkedAsTheNewestBeforeAnythingIsKept) {
  open();
  const MessageId id = keep("one");
  {
    const auto db = database();
    kv::Batch batch(*db);
    batch.put(kv::Family::meta, keys::kFormatRow, keys::number(std::uint32_t{2}));
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  open();
  EXPECT_TRUE(run(store_->envelope(id)));
  expect_consistent(*store_);
  EXPECT_EQ(database()->get(kv::Family::meta, keys::kFormatRow), keys::number(keys::kFormat));
}

TEST_F(StoreFormat, TheFirstIsTakenOverAlsoWhereAStartEndedInTheMiddleOfIt) {
  open();
  const MessageId moved = keep("one");
  const MessageId left = keep("two");
  const std::size_t events = run(store_->events_of(left)).value().size();
  {
    const auto db = database();
    kv::Batch batch(*db);
    kv::Cursor runs = db->scan_prefix(kv::Family::run, keys::runs(left));
    ASSERT_TRUE(runs.valid());
    batch.put(kv::Family::event, runs.key(), runs.value());
    batch.remove(kv::Family::run, runs.key());
    batch.put(kv::Family::meta, keys::kFormatRow, keys::number(std::uint32_t{1}));
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  open();
  EXPECT_TRUE(store_->missing().empty());
  EXPECT_EQ(run(store_->events_of(moved)).value().size(), events);
  EXPECT_EQ(run(store_->events_of(left)).value().size(), events);
  keep("three");
  expect_consistent(*store_);
  const auto db = database();
  EXPECT_FALSE(db->scan_prefix(kv::Family::event, keys::kRuns).valid());
  EXPECT_EQ(db->get(kv::Family::meta, keys::kFormatRow), keys::number(keys::kFormat));
}

}  // namespace
}  // namespace mail
