// Mail that waited in another store, and the verbs that find what waits by its message: the same in
// both stores.
#include <gtest/gtest.h>

#include "service/store/model_mail_store.h"
#include "service/store/queue_conformance.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

struct InMemory {
  ManualClock clock{kTestStart};
  ModelMailStore store{clock};
};
struct OnDisk {
  TestDirectory directory;
  ManualClock clock{kTestStart};
  std::unique_ptr<RocksMailStore> owned = RocksMailStore::open(directory.path(), clock).value();
  MailStore& store = *owned;
};

template <typename Place>
class CarriedMail : public testing::Test {
 protected:
  MailStore& store() { return place_.store; }

  Draft carried(MessageId id) {
    Draft draft = draft_to(store(), kElse, kTestStart, {"bob@else.test"});
    draft.id = id;
    draft.events.front().message = id;
    Carried& waited = draft.carried.emplace();
    waited.told = 2;
    record::PendingDelivery& delivery = waited.waiting.emplace_back();
    delivery.message = id;
    delivery.since = kTestStart - std::chrono::hours(20);
    delivery.attempts = 9;
    delivery.reverse_path = "tom@gmail.test";
    delivery.recipients.push_back({"bob@else.test", "450 later", true});
    return draft;
  }

  Place place_;
};
using Stores = testing::Types<InMemory, OnDisk>;
TYPED_TEST_SUITE(CarriedMail, Stores);

const MessageId kForeign = MessageId::make(1'700'000'000'000, 7, 1);

TYPED_TEST(CarriedMail, WaitsAsItDidWhereItCameFrom) {
  const Draft draft = this->carried(kForeign);
  ASSERT_TRUE(commit_one(this->store(), draft));
  const auto rows = run(this->store().queued_of(kForeign)).value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].delivery, draft.carried->waiting[0]);
  EXPECT_EQ(run(this->store().envelope(kForeign))->told, 2U);
  expect_consistent(this->store());
}

TYPED_TEST(CarriedMail, IsTakenOnceAlsoWhenItIsGone) {
  ASSERT_TRUE(commit_one(this->store(), this->carried(kForeign)));
  EXPECT_EQ(commit_one(this->store(), this->carried(kForeign)).error().code, Errc::already_exists);
  Outcome outcome = outcome_of(run(this->store().queued_of(kForeign)).value().at(0).key);
  outcome.recipients = {told("bob@else.test", RecipientOutcome::Kind::delivered)};
  ASSERT_TRUE(run(this->store().settle({outcome})));
  EXPECT_EQ(commit_one(this->store(), this->carried(kForeign)).error().code, Errc::already_exists);
  EXPECT_TRUE(run(this->store().queued_of(kForeign)).value().empty());
  expect_consistent(this->store());
}

TYPED_TEST(CarriedMail, ItsIdIsNeverGivenToAnother) {
  const MessageId ahead = MessageId::make(4'000'000'000'000, 0, 0);
  ASSERT_TRUE(commit_one(this->store(), this->carried(ahead)));
  EXPECT_NE(this->store().next_id(), ahead);
}

TYPED_TEST(CarriedMail, WithoutWhatItWasThereItIsRefused) {
  Draft draft = this->carried(kForeign);
  draft.carried->waiting.clear();
  EXPECT_EQ(commit_one(this->store(), std::move(draft)).error().code, Errc::invalid_argument);
}

TYPED_TEST(CarriedMail, WhatWaitsIsFoundByItsMessage) {
  const MessageId queued = commit_to(this->store(), kElse, kTestStart, {"a@else.test"});
  Draft both = draft_to(this->store(), kElse, kTestStart, {"b@else.test"});
  add_recipient(both, "c@else.test", Held{"why"});
  add_recipient(both, "jerry@yahoo.test", ToMailbox{AccountId{1}});
  const MessageId two = both.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(both)));
  Draft boxed = draft_for(this->store(), "hello");
  ASSERT_TRUE(commit_one(this->store(), std::move(boxed)));
  Draft aside = new_draft(this->store(), "hello");
  add_recipient(aside, "d@else.test", Held{"why"});
  const MessageId held = aside.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(aside)));
  EXPECT_EQ(run(this->store().waiting({}, 10)).value(),
            (std::vector<MessageId>{queued, two, held}));
  EXPECT_EQ(run(this->store().waiting(queued, 1)).value(), std::vector<MessageId>{two});
  EXPECT_TRUE(run(this->store().waiting(held, 10)).value().empty());
  const auto rows = run(this->store().held_of(two)).value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].delivery.recipients.at(0).recipient.address, "c@else.test");
  EXPECT_TRUE(run(this->store().held_of(queued)).value().empty());
}

}  // namespace
}  // namespace mail
