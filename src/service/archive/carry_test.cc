#include "service/archive/carry.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/text.h"
#include "service/store/model_mail_store.h"
#include "service/store/queue_conformance.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
// Their headers are included for what is in them beside the suites, which run elsewhere.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(QueueConformance);
}  // namespace mail

namespace mail::archive {
namespace {

const QueueName kBulk{"mx", "else.test", "bulk"};

class Remembered final : public EnqueuedSink {
 public:
  void enqueued(Enqueued mail) override { all.push_back(std::move(mail)); }
  std::vector<Enqueued> all;
};

// What waits, as text: where, when, and all that is known of it.
std::string picture(MailStore& store) {
  std::string text;
  for (const MessageId& id : run(store.waiting({}, 1000)).value()) {
    const record::Envelope envelope = run(store.envelope(id)).value();
    append(text, id.to_string(), ' ', envelope.reverse_path, ' ', envelope.options.envid, ' ',
           envelope.size, ' ', envelope.told, '\n', whole_body(store, envelope.body), '\n');
    for (const Recipient& each : envelope.recipients) append(text, each.address, each.original);
    for (const HeldDelivery& held : run(store.held_of(id)).value()) {
      append(text, "held ");
      record::append_pending(text, held.delivery);
    }
    for (const QueuedDelivery& queued : run(store.queued_of(id)).value()) {
      append(text, queued.key.queue.route, queued.key.queue.domain, queued.key.queue.lane,
             queued.key.due.time_since_epoch().count());
      record::append_pending(text, queued.delivery);
    }
  }
  return text;
}

class Machine {
 public:
  explicit Machine(MailStore& store, const Clock& clock) : store_(store), clock_(clock) {}
  Carrier carrier() { return {store_, pool_, clock_, &told, nullptr}; }
  Result<Exported> send(const std::filesystem::path& file) {
    StoreHolder holder(store_, clock_);
    return run(export_queue(carrier(), file, holder));
  }
  Result<Imported> take(const std::filesystem::path& file) {
    return run(import_queue(carrier(), file));
  }
  Remembered told;

 private:
  MailStore& store_;
  const Clock& clock_;
  WorkerPool pool_{1, 16};
};

class Carry : public testing::Test {
 protected:
  Carry() { there_clock_.advance(std::chrono::hours(3)); }

  // Tried before, with DSN parameters, in a lane; held; small, of one chunk, of many.
  void fill(MailStore& store) {
    const Notify notify{true, true, true, false};
    Draft draft = draft_to(store, kBulk, kTestStart + std::chrono::hours(2),
                           {{"bob@else.test", notify, "rfc822;b@else.test"}, {"ann@else.test"}});
    draft.options.envid = "QQ314159";
    tried_ = draft.id;
    ASSERT_TRUE(commit_one(store, std::move(draft)));
    const QueueKey key = run(store.queued_of(tried_)).value().at(0).key;
    Outcome outcome = outcome_of(key);
    outcome.recipients = {told("bob@else.test", RecipientOutcome::Kind::deferred, "450 later"),
                          told("ann@else.test", RecipientOutcome::Kind::delivered)};
    outcome.recipients[0].notice = notice_about("bob@else.test", record::NoticeKind::delayed);
    outcome.rest = {{ToRoute{kBulk, kTestStart + std::chrono::hours(5)},
                     {{"bob@else.test", notify, "rfc822;b@else.test"}},
                     "tom@gmail.test",
                     "X-Added: y\r\n"}};
    ASSERT_TRUE(run(store.settle({outcome})));
    Draft held = new_draft(store, std::string(5000, 'h'));
    held.recipients = {"eve@else.test"};
    held.events.front().recipients = {"eve@else.test"};
    held.deliveries.push_back({Held{"looked at"}, {"eve@else.test"}, "tom@gmail.test", ""});
    ASSERT_TRUE(commit_one(store, std::move(held)));
    Draft large = draft_to(store, kElse, kTestStart, {"zoe@else.test"}, std::string(kChunk, 'a'));
    large.size = kChunk;
    for (std::uint32_t i = 1; i <= 3; ++i) {
      std::string chunk(100'000 + i, static_cast<char>('a' + i));
      large.size += chunk.size();
      ASSERT_TRUE(run(store.stage(large.id, i, std::move(chunk))));
      large.staged_chunks = i;
    }
    ASSERT_TRUE(commit_one(store, std::move(large)));
  }

  std::filesystem::path file() const { return directory_.path() / "queue"; }

  TestDirectory directory_;
  ManualClock here_clock_{kTestStart};
  ManualClock there_clock_{kTestStart};
  ModelMailStore here_{here_clock_};
  std::unique_ptr<RocksMailStore> there_ =
      RocksMailStore::open(directory_.path() / "there", there_clock_).value();
  Machine from_{here_, here_clock_};
  Machine to_{*there_, there_clock_};
  MessageId tried_;
};

TEST_F(Carry, WhatWaitedWaitsThereAsItDidHere) {
  fill(here_);
  const std::string before = picture(here_);
  const auto exported = from_.send(file());
  ASSERT_TRUE(exported) << describe(exported.error());
  EXPECT_EQ(exported->sums.messages, 3U);
  EXPECT_EQ(exported->sums.deliveries, 3U);
  const auto imported = to_.take(file());
  ASSERT_TRUE(imported) << describe(imported.error());
  EXPECT_EQ(imported->messages, 3U);
  EXPECT_EQ(picture(*there_), before);
  EXPECT_EQ(to_.told.all.size(), 2U) << "a running queue hears of what it may send";
  const record::PendingDelivery tried = run(there_->queued_of(tried_)).value().at(0).delivery;
  EXPECT_EQ(tried.attempts, 1U);
  EXPECT_TRUE(tried.recipients.at(0).delay_told);
}

TEST_F(Carry, NothingIsSentFromHereAnyMore) {
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  EXPECT_TRUE(run(here_.queues({}, 10)).value().empty());
  EXPECT_EQ(run(here_.held(10)).value().size(), 3U);
  const auto again = from_.send(directory_.path() / "other");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sums.messages, 0U) << "it is in an archive already";
  EXPECT_EQ(again->elsewhere, 3U);
}

TEST_F(Carry, ImportedTwiceItIsThereOnceAlsoWhenItIsGone) {
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  ASSERT_TRUE(to_.take(file()));
  const std::string once = picture(*there_);
  const auto twice = to_.take(file());
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->known, 3U);
  EXPECT_EQ(picture(*there_), once);
  Outcome outcome = outcome_of(run(there_->queued_of(tried_)).value().at(0).key);
  outcome.recipients = {told("bob@else.test", RecipientOutcome::Kind::delivered)};
  ASSERT_TRUE(run(there_->settle({outcome})));
  ASSERT_TRUE(to_.take(file()));
  EXPECT_TRUE(run(there_->queued_of(tried_)).value().empty()) << "it was delivered";
}

TEST_F(Carry, CountersAndEventsAgreeOnBothSides) {
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  ASSERT_TRUE(to_.take(file()));
  EXPECT_TRUE(run(there_->check()).value().damage.empty());
  const Counters there = there_->counters();
  EXPECT_EQ(there.accepted, 3);
  EXPECT_EQ(there.queued, 2);
  EXPECT_EQ(there.held, 1);
}

TEST_F(Carry, ImportedWhereItWasExportedItWaitsAgain) {
  fill(here_);
  const std::string before = picture(here_);
  ASSERT_TRUE(from_.send(file()));
  EXPECT_NE(picture(here_), before);
  const auto back = from_.take(file());
  ASSERT_TRUE(back) << describe(back.error());
  EXPECT_EQ(back->returned, 3U);
  EXPECT_EQ(picture(here_), before);
}

TEST_F(Carry, ForgottenItIsHereNoMoreAndCountsAsDiscarded) {
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  const auto forgotten = run(forget_exported(from_.carrier(), file()));
  ASSERT_TRUE(forgotten);
  EXPECT_EQ(forgotten->deliveries, 3U);
  EXPECT_TRUE(run(here_.held(10)).value().empty());
  EXPECT_EQ(here_.counters().discarded, 3);
  EXPECT_EQ(here_.counters().held, 0);
  EXPECT_EQ(run(forget_exported(from_.carrier(), file()))->deliveries, 0U);
}

TEST_F(Carry, ADamagedArchiveIsRefusedWholeAndNothingIsTaken) {
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  std::fstream bytes(file(), std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(-40, std::ios::end);
  bytes.put('\x7F');
  bytes.close();
  const auto altered = to_.take(file());
  ASSERT_FALSE(altered);
  EXPECT_EQ(altered.error().code, Errc::bad_syntax);
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) / 2);
  EXPECT_FALSE(to_.take(file()));
  EXPECT_EQ(picture(*there_), "");
}

TEST_F(Carry, AnArchiveThatCannotBeWrittenLeavesEverythingAsItWas) {
  fill(here_);
  const std::string before = picture(here_);
  EXPECT_FALSE(from_.send(directory_.path() / "no such folder" / "queue"));
  std::ofstream(file()) << "precious";
  const auto refused = from_.send(file());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::already_exists);
  EXPECT_EQ(picture(here_), before);
  EXPECT_EQ(std::filesystem::file_size(file()), 8U);
}

class GivesUp final : public Holder {
 public:
  GivesUp(MailStore& store, const Clock& clock) : holder_(store, clock) {}
  Task<Result<void>> hold(std::vector<MessageId> messages, std::string reason) override {
    if (++calls_ == 3) co_return fail(Errc::store_unhealthy, "as the test asked");
    co_return co_await holder_.hold(std::move(messages), std::move(reason));
  }

 private:
  StoreHolder holder_;
  int calls_ = 0;
};

TEST_F(Carry, AnExportThatFailsInTheMiddleIsUndone) {
  for (int i = 0; i < 200; ++i) commit_to(here_, kBulk, kTestStart, {"bob@else.test"});
  const std::string before = picture(here_);
  GivesUp holder(here_, here_clock_);
  EXPECT_FALSE(run(export_queue(from_.carrier(), file(), holder)));
  EXPECT_EQ(picture(here_), before);
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_FALSE(std::filesystem::exists(file().string() + ".part"));
}

TEST_F(Carry, ABodyThatLiesInASegmentTravels) {
  Draft draft = draft_to(*there_, kElse, kTestStart, {"bob@else.test"}, some_content(150'000));
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(*there_, std::move(draft)));
  const record::BodyRef body = run(there_->envelope(id)).value().body;
  ASSERT_TRUE(std::holds_alternative<record::SegmentBody>(body));
  const std::string before = picture(*there_);
  const auto exported = to_.send(file());
  ASSERT_TRUE(exported) << describe(exported.error());
  const auto imported = from_.take(file());
  ASSERT_TRUE(imported) << describe(imported.error());
  EXPECT_EQ(picture(here_), before);
}

TEST_F(Carry, AMessageWithADamagedBodyStaysAndIsNamed) {
  fill(*there_);
  Machine machine(*there_, there_clock_);
  Draft draft = draft_to(*there_, kElse, kTestStart, {"bob@else.test"}, std::string(9000, 'x'));
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(*there_, std::move(draft)));
  there_.reset();
  {
    auto db = kv::Database::open(directory_.path() / "there" / "mail", {}).value();
    kv::Batch batch(*db);
    std::string key(id.key());
    append_big_endian(key, std::uint32_t{0});
    batch.remove_once(kv::Family::queue_body, key);
    batch.put(kv::Family::queue_body, key, "these are not its octets");
    ASSERT_TRUE(db->write(batch, kv::Sync::yes));
  }
  there_ = RocksMailStore::open(directory_.path() / "there", there_clock_).value();
  Machine reopened(*there_, there_clock_);
  const auto exported = reopened.send(file());
  ASSERT_TRUE(exported) << describe(exported.error());
  EXPECT_EQ(exported->damaged, std::vector<MessageId>{id});
  EXPECT_EQ(exported->sums.messages, 3U);
  EXPECT_EQ(from_.take(file())->messages, 3U);
}

TEST_F(Carry, AnIdThatAnotherMessageHasHereIsNamedAndNotTaken) {
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  Draft other = draft_to(*there_, kElse, kTestStart, {"other@else.test"});
  other.id = tried_;
  other.events.front().message = tried_;
  other.events.front().at += Milliseconds(1);
  ASSERT_TRUE(commit_one(*there_, std::move(other)));
  const auto imported = to_.take(file());
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->conflicts, std::vector<MessageId>{tried_});
  EXPECT_EQ(imported->messages, 2U);
}

TEST_F(Carry, IdsOfTheOtherMachineAreNeverGivenAgain) {
  there_clock_.set_wall(kTestStart - std::chrono::hours(1));  // behind the other one's
  fill(here_);
  ASSERT_TRUE(from_.send(file()));
  ASSERT_TRUE(to_.take(file()));
  const MessageId last = run(there_->waiting({}, 10)).value().back();
  EXPECT_GT(there_->next_id(), last);
}

}  // namespace
}  // namespace mail::archive
