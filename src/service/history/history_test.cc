#include "service/history/history.h"

#include <gtest/gtest.h>

#include "base/executor.h"
#include "base/text.h"
#include "service/store/model_mail_store.h"

namespace mail {
namespace {

using record::EventKind;

class HistoryTest : public testing::Test {
 protected:
  template <typename T>
  T run(Task<T> task) {
    return block_on(loop_, std::move(task));
  }

  Draft draft(std::vector<std::string> recipients) {
    Draft made;
    made.id = store_.next_id();
    made.received_at = clock_.wall_now();
    made.reverse_path = "tom@gmail.test";
    made.content = "Subject: x\r\n\r\nhello\r\n";
    made.header_size = 14;
    made.size = made.content.size();
    made.events = {{.message = made.id,
                    .kind = EventKind::received,
                    .at = made.received_at,
                    .recipient = "",
                    .recipients = recipients,
                    .facts = {}}};
    made.recipients.assign(recipients.begin(), recipients.end());
    return made;
  }
  static void expand(Draft& made, const std::string& recipient, std::vector<std::string> members) {
    made.events.push_back({.message = made.id,
                           .kind = EventKind::expanded,
                           .at = made.received_at,
                           .recipient = recipient,
                           .recipients = std::move(members),
                           .facts = {}});
  }
  static void deliver(Draft& made, Target target, std::vector<Recipient> recipients) {
    made.deliveries.push_back({.target = std::move(target),
                               .recipients = std::move(recipients),
                               .reverse_path = made.reverse_path,
                               .added_fields = "Delivered-To: x@yahoo.test\r\n"});
  }
  MessageId commit(Draft made) {
    const MessageId id = made.id;
    const Result<void> committed = run(store_.commit(std::span(&made, 1)));
    EXPECT_TRUE(committed) << describe(committed.error());
    return id;
  }
  MessageId commit_local(const std::string& recipient) {
    Draft made = draft({recipient});
    deliver(made, ToMailbox{AccountId{1}, "INBOX"}, {recipient});
    return commit(std::move(made));
  }

  LoopExecutor loop_;
  ManualClock clock_{WallTime(Milliseconds(1'800'000'000'000))};
  ModelMailStore store_{clock_};
  History history_{store_};
};

TEST_F(HistoryTest, ATimelineTellsEachRecipientsFate) {
  Draft made = draft({"team@yahoo.test", "far@away.test"});
  expand(made, "team@yahoo.test", {"jerry@yahoo.test", "ann@yahoo.test"});
  deliver(made, ToMailbox{AccountId{1}, "INBOX"}, {"jerry@yahoo.test"});
  deliver(made, ToMailbox{AccountId{2}, "INBOX"}, {"ann@yahoo.test"});
  deliver(made, Held{"by route"}, {"far@away.test"});
  const MessageId id = commit(std::move(made));
  const Result<Timeline> timeline = run(history_.timeline(id));
  ASSERT_TRUE(timeline) << describe(timeline.error());
  EXPECT_EQ(timeline->id, id);
  ASSERT_TRUE(timeline->envelope);
  EXPECT_EQ(timeline->envelope->reverse_path, "tom@gmail.test");
  ASSERT_EQ(timeline->events.size(), 5u);
  EXPECT_EQ(timeline->events[0].kind, EventKind::received);
  EXPECT_EQ(timeline->events[1].kind, EventKind::expanded);
  std::string fates;
  for (const RecipientState& recipient : timeline->recipients) {
    append(fates, recipient.recipient, '=', record::to_string(recipient.state.value()), ' ');
  }
  EXPECT_EQ(fates, "far@away.test=held jerry@yahoo.test=delivered ann@yahoo.test=delivered ");
}

TEST_F(HistoryTest, AnUnknownIdIsExplained) {
  const Result<Timeline> timeline = run(history_.timeline(MessageId::make(1, 2, 3)));
  ASSERT_FALSE(timeline);
  EXPECT_EQ(timeline.error().code, Errc::not_found);
  EXPECT_NE(timeline.error().detail.find("no message"), std::string::npos);
  EXPECT_EQ(run(history_.raw(MessageId::make(1, 2, 3))).error().code, Errc::not_found);
}

TEST_F(HistoryTest, RawIsTheContentWithoutTheFieldsOfADelivery) {
  EXPECT_EQ(run(history_.raw(commit_local("jerry@yahoo.test"))), "Subject: x\r\n\r\nhello\r\n");
}

TEST_F(HistoryTest, TheTimelineOutlivesTheContent) {
  const MessageId id = commit_local("jerry@yahoo.test");
  ASSERT_TRUE(run(store_.remove_account(AccountId{1})));
  const Result<Timeline> timeline = run(history_.timeline(id));
  ASSERT_TRUE(timeline);
  EXPECT_FALSE(timeline->envelope);
  EXPECT_EQ(timeline->events.size(), 2u);
  const Result<std::string> raw = run(history_.raw(id));
  ASSERT_FALSE(raw);
  EXPECT_NE(raw.error().detail.find("no longer kept"), std::string::npos) << raw.error().detail;
}

TEST_F(HistoryTest, ADiscardedMessageHasNoContent) {
  Draft made = draft({"x@gone.test"});
  deliver(made, Discarded{"by route"}, {"x@gone.test"});
  const Result<std::string> raw = run(history_.raw(commit(std::move(made))));
  ASSERT_FALSE(raw);
  EXPECT_NE(raw.error().detail.find("no longer kept"), std::string::npos) << raw.error().detail;
}

TEST_F(HistoryTest, AContentOverTheLimitIsNotReadIntoMemory) {
  History small(store_, ByteCount{10});
  EXPECT_EQ(run(small.raw(commit_local("jerry@yahoo.test"))).error().code, Errc::too_large);
}

TEST_F(HistoryTest, TheEventsAddUpToTheCounters) {
  for (int i = 0; i < 700; ++i) commit_local("jerry@yahoo.test");  // events over several pages
  Draft mixed = draft({"all@yahoo.test", "far@away.test", "x@gone.test", "far@away.test"});
  expand(mixed, "all@yahoo.test", {"jerry@yahoo.test", "ann@yahoo.test", "tom@gmail.test"});
  deliver(mixed, ToMailbox{AccountId{1}, "INBOX"}, {"jerry@yahoo.test"});
  deliver(mixed, ToMailbox{AccountId{2}, "Junk"}, {"ann@yahoo.test"});
  deliver(mixed, Held{"by route"}, {"far@away.test", "far@away.test"});
  deliver(mixed, Discarded{"by route"}, {"x@gone.test"});
  deliver(mixed, ToRoute{{"mx", "gmail.test", ""}, clock_.wall_now()}, {"tom@gmail.test"});
  commit(std::move(mixed));
  const Counters expected{.accepted = 706,
                          .delivered = 702,
                          .bounced = 0,
                          .expired = 0,
                          .discarded = 1,
                          .quarantined = 0,
                          .held = 2,
                          .queued = 1,
                          .messages = 701};
  const Result<Counters> counted = run(recount(store_));
  ASSERT_TRUE(counted) << describe(counted.error());
  EXPECT_EQ(*counted, expected);
  EXPECT_EQ(store_.counters(), expected);
  EXPECT_TRUE(totals(*counted).balanced);
}

TEST_F(HistoryTest, AnEmptyStoreAddsUpToNothing) {
  EXPECT_EQ(run(recount(store_)), Counters{});
  EXPECT_TRUE(totals(Counters{}).balanced);
}

TEST(Totals, NameEveryPartOnceAndSeeWhenTheyDoNotAddUp) {
  Counters counters{.accepted = 28,
                    .delivered = 1,
                    .bounced = 2,
                    .expired = 3,
                    .discarded = 4,
                    .quarantined = 5,
                    .held = 6,
                    .queued = 7,
                    .messages = 9};
  const Totals sums = totals(counters);
  EXPECT_TRUE(sums.balanced);
  EXPECT_EQ(sums.messages, 9);
  EXPECT_EQ(sums.parts, (std::array<Totals::Part, 7>{{{"delivered", 1},
                                                      {"bounced", 2},
                                                      {"expired", 3},
                                                      {"discarded", 4},
                                                      {"quarantined", 5},
                                                      {"held", 6},
                                                      {"queued", 7}}}));
  ++counters.accepted;
  EXPECT_FALSE(totals(counters).balanced);
}

}  // namespace
}  // namespace mail
