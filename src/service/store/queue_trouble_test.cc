// The queues of the store on disk when things go wrong: kills, damaged rows, rows of earlier
// versions, rows that were removed and still lie in the way.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "service/store/keys.h"
#include "service/store/queue_conformance.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

namespace fs = std::filesystem;
using Kind = RecipientOutcome::Kind;
const WallTime kEver = WallTime::max() - Milliseconds(1);

class QueueTrouble : public testing::Test {
 protected:
  RocksMailStore& open(RocksOptions options = {}) {
    store_.reset();
    auto opened = RocksMailStore::open(directory_.path(), clock_, options);
    EXPECT_TRUE(opened) << describe(opened.error());
    store_ = std::move(opened).value();
    return *store_;
  }
  void tamper(const std::function<void(kv::Database&, kv::Batch&)>& change) {
    store_.reset();
    const auto db = kv::Database::open(directory_.path() / "mail", {}).value();
    kv::Batch batch(*db);
    change(*db, batch);
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  void damage(kv::Family family, const std::string& key) {
    tamper([&](kv::Database& db, kv::Batch& batch) {
      std::string row = db.get(family, key).value();
      row[row.size() / 2] = static_cast<char>(row[row.size() / 2] ^ 4);
      batch.put(family, key, row);
    });
  }
  std::vector<QueuedDelivery> all_of(const QueueName& queue) {
    return run(store_->lease(queue, {}, kEver, 1000)).value();
  }
  std::string kinds(MessageId id) {
    std::string text;
    for (const auto& event : run(store_->events_of(id)).value()) {
      append(text, record::to_string(event.kind), ":", event.recipient, " ");
    }
    return text;
  }
  void expect_sums_right() {
    const Counters c = store_->counters();
    EXPECT_EQ(recount(*store_), c);
    EXPECT_EQ(c.accepted, c.delivered + c.bounced + c.expired + c.discarded + c.quarantined +
                              c.held + c.queued);
  }
  Outcome bounce(const QueuedDelivery& waiting) {
    Outcome outcome = outcome_of(waiting.key);
    for (const auto& one : waiting.delivery.recipients) {
      outcome.recipients.push_back(told(one.recipient.address, Kind::bounced));
      outcome.recipients.back().notice =
          notice_about(one.recipient.address, record::NoticeKind::failed);
    }
    return outcome;
  }

  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::unique_ptr<RocksMailStore> store_;
};

TEST_F(QueueTrouble, ADamagedDeliveryIsSetAsideAndTheRestOfItsQueueGoesOn) {
  open();
  Draft draft = draft_to(*store_, kElse, kTestStart, {"a@else.test"});
  add_recipient(draft, "b@b.test", ToRoute{{"mx", "b.test", ""}, kTestStart});
  add_recipient(draft, "c@yahoo.test", ToMailbox{AccountId{1}});
  const MessageId bad = draft.id;
  ASSERT_TRUE(commit_one(*store_, std::move(draft)));
  const MessageId good = commit_to(*store_, kElse, kTestStart, {"g@else.test"});
  damage(kv::Family::schedule, keys::queued({kElse, kTestStart, bad, 0}));
  open();
  const auto left = all_of(kElse);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].key.message, good);
  EXPECT_EQ(kinds(bad), "received: delivered:c@yahoo.test quarantined:a@else.test ");
  EXPECT_EQ(store_->counters().quarantined, 1);
  EXPECT_EQ(store_->counters().queued, 2);
  expect_sums_right();
  EXPECT_EQ(run(store_->queued_of(bad)).value().size(), 1U);
  EXPECT_TRUE(run(store_->check()).value().damage.empty()) << "it is out of the way";
  for (const QueueName& queue : {kElse, QueueName{"mx", "b.test", ""}}) {
    ASSERT_TRUE(run(store_->settle({bounce(all_of(queue).at(0))})));
  }
  EXPECT_TRUE(run(store_->queues({}, 9)).value().empty());
  expect_consistent(open());
}

TEST_F(QueueTrouble, ADamagedHeldDeliveryIsSetAsideToo) {
  open();
  Draft draft = new_draft(*store_, "x");
  add_recipient(draft, "a@else.test", Held{"why"});
  add_recipient(draft, "b@else.test", Held{"why"});
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(*store_, std::move(draft)));
  damage(kv::Family::schedule, keys::held(id, 1));
  open();
  EXPECT_EQ(run(store_->held(9)).value().size(), 1U);
  EXPECT_EQ(kinds(id), "received: held:a@else.test held:b@else.test quarantined:b@else.test ");
  expect_sums_right();
  expect_consistent(open());
}

TEST_F(QueueTrouble, AMessageWithADamagedBodyLeavesItsQueues) {
  open();
  const MessageId bad = commit_to(*store_, kElse, kTestStart, {"a@else.test"}, some_content(5000));
  commit_to(*store_, kElse, kTestStart, {"g@else.test"});
  damage(kv::Family::queue_body, keys::chunk(bad, 0));
  open();
  const auto body = run(store_->envelope(bad)).value().body;
  const auto before = all_of(kElse);
  EXPECT_EQ(run(store_->read_body(body, 0)).error().code, Errc::store_corrupt);
  EXPECT_EQ(all_of(kElse).size(), 1U);
  EXPECT_EQ(kinds(bad), "received: quarantined:a@else.test ");
  expect_sums_right();
  for (const QueuedDelivery& waiting : before) {  // one of them found out too late
    ASSERT_TRUE(run(store_->settle({bounce(waiting)})));
  }
  EXPECT_EQ(store_->counters().bounced, 1);
  EXPECT_EQ(store_->counters().quarantined, 1);
  expect_sums_right();
}

TEST_F(QueueTrouble, ADamagedNoticeIsNamedAndTheOthersAreTold) {
  open();
  const MessageId id = commit_to(*store_, kElse, kTestStart, {"a@else.test", "b@else.test"});
  ASSERT_TRUE(run(store_->settle({bounce(all_of(kElse).at(0))})));
  const auto due = run(store_->notices(id)).value();
  ASSERT_EQ(due.size(), 2U);
  damage(kv::Family::notice, keys::notice(due[0].key));
  open();
  EXPECT_EQ(run(store_->notices(id)).value(), std::vector<DueNotice>{due[1]});
  EXPECT_EQ(run(store_->noticed({}, 9)).value(), std::vector<MessageId>{id});
  const auto report = run(store_->check()).value();
  ASSERT_EQ(report.damage.size(), 1U);
  EXPECT_NE(report.damage[0].what.find(id.to_string()), std::string::npos);
  ASSERT_TRUE(run(store_->drop_notices({due[0].key, due[1].key})));
  expect_consistent(open());
}

TEST_F(QueueTrouble, CheckNamesWhatDoesNotAgree) {
  open();
  const MessageId lost = commit_to(*store_, kElse, kTestStart, {"a@else.test"});
  const MessageId stray = commit_to(*store_, kElse, kTestStart, {"b@else.test"});
  const MessageId hidden = commit_to(*store_, kElse, kTestStart, {"c@else.test"});
  tamper([&](kv::Database& db, kv::Batch& batch) {
    batch.remove_once(kv::Family::schedule, keys::queued({kElse, kTestStart, lost, 0}));
    std::string envelope = db.get(kv::Family::envelope, stray.key()).value();
    record::Envelope wrong = record::parse_envelope(envelope).value();
    wrong.references = 2;
    envelope.clear();
    record::append_envelope(envelope, wrong);
    batch.put(kv::Family::envelope, stray.key(), envelope);
    batch.remove_once(kv::Family::schedule, keys::waiting(hidden, 0));
  });
  open();
  std::string found;
  for (const Damage& one : run(store_->check()).value().damage) {
    append(found, one.what, ": ", one.why, "\n");
  }
  EXPECT_NE(found.find(concat("pending delivery ", lost.to_string(),
                              ": the delivery is not in its queue")),
            std::string::npos)
      << found;
  EXPECT_NE(found.find(concat("envelope ", stray.to_string(),
                              ": it counts 1 references that are not there")),
            std::string::npos)
      << found;
  EXPECT_NE(
      found.find(concat("pending delivery ", hidden.to_string(), ": its message does not name it")),
      std::string::npos)
      << found;
}

// As kill -9 leaves it, at every group: the outcome with its event, removal and notice, or nothing.
TEST_F(QueueTrouble, ACopyOfTheLivingStoreHasEachOutcomeWholeOrNotAtAll) {
  open();
  std::map<MessageId, std::size_t> recipients;
  for (std::size_t i = 0; i < 12; ++i) {
    std::vector<Recipient> some;
    for (std::size_t n = 0; n <= i % 3; ++n) some.emplace_back(concat("r", n, "@else.test"));
    recipients[commit_to(*store_, kElse, kTestStart, some, some_content(500 * i))] = some.size();
  }
  std::set<MessageId> settled;
  int number = 0;
  for (const QueuedDelivery& waiting : all_of(kElse)) {
    ASSERT_TRUE(run(store_->settle({bounce(waiting)})));
    settled.insert(waiting.key.message);
    const fs::path copy = directory_.path() / concat("copy", number++);
    for (std::error_code vanished(ENOENT, std::generic_category()); vanished;) {
      fs::remove_all(copy);
      fs::create_directories(copy);
      vanished.clear();
      for (const std::string part : {"mail", "journal"}) {
        if (!vanished) {
          fs::copy(directory_.path() / part, copy / part, fs::copy_options::recursive, vanished);
        }
      }
    }
    fs::remove(copy / "mail" / "LOCK");
    const auto killed = RocksMailStore::open(copy, clock_).value();
    EXPECT_TRUE(killed->missing().empty());
    for (const auto& [id, count] : recipients) {
      const bool is_settled = settled.contains(id);
      EXPECT_EQ(run(killed->queued_of(id)).value().size(), is_settled ? 0U : 1U);
      EXPECT_EQ(run(killed->notices(id)).value().size(), is_settled ? count : 0U);
      EXPECT_EQ(run(killed->events_of(id)).value().size(), 1 + (is_settled ? count : 0U));
    }
    expect_consistent(*killed);
  }
}

TEST_F(QueueTrouble, AnOutcomeWhoseSyncFailsIsRefusedAndTheDeliveryIsThereAgainOrSettledWhole) {
  const auto faults = std::make_shared<kv::Faults>();
  open({.database = {.faults = faults}, .tick = std::chrono::hours(1)});
  const MessageId id = commit_to(*store_, kElse, kTestStart, {"a@else.test"});
  const QueuedDelivery waiting = all_of(kElse).at(0);
  faults->fail_wal_sync = faults->wal_syncs + 1;
  EXPECT_EQ(run(store_->settle({bounce(waiting)})).error().code, Errc::store_unhealthy);
  while (!store_->healthy()) std::this_thread::yield();
  const bool still_there = !all_of(kElse).empty();
  EXPECT_EQ(run(store_->notices(id)).value().size(), still_there ? 0U : 1U);
  EXPECT_EQ(store_->counters().bounced, still_there ? 0 : 1);
  expect_consistent(*store_);
  ASSERT_TRUE(run(store_->settle({bounce(waiting)})));
  EXPECT_EQ(store_->counters().bounced, 1);
  EXPECT_EQ(run(store_->notices(id)).value().size(), 1U);
  expect_consistent(open());
}

TEST_F(QueueTrouble, AQueueThatWasEmptiedManyTimesLeavesNothingInTheWay) {
  RocksOptions small;
  small.database.other_memtable = 64_KiB;
  open(small);
  constexpr int kRounds = 30;
  constexpr int kEach = 100;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Draft> drafts;
    for (int i = 0; i < kEach; ++i) {
      drafts.push_back(draft_to(*store_, kElse, kTestStart + Milliseconds(round), {"a@else.test"}));
    }
    ASSERT_TRUE(run(store_->commit(drafts)));
    std::vector<Outcome> outcomes;
    for (const QueuedDelivery& waiting : all_of(kElse)) {
      outcomes.push_back(outcome_of(waiting.key));
      outcomes.back().recipients = {told("a@else.test", Kind::delivered)};
    }
    ASSERT_EQ(outcomes.size(), std::size_t{kEach});
    ASSERT_TRUE(run(store_->settle(std::move(outcomes))));
  }
  EXPECT_EQ(store_->counters().delivered, kRounds * kEach);
  expect_consistent(open(small));
  store_.reset();
  const auto db = kv::Database::open(directory_.path() / "mail", {}).value();
  EXPECT_FALSE(db->scan(kv::Family::schedule, "", "").valid());
  EXPECT_FALSE(db->scan(kv::Family::envelope, "", "").valid());
}

}  // namespace
}  // namespace mail
