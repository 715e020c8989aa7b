#include "service/store/store_conformance.h"

#include <random>

#include "service/store/model_mail_store.h"
#include "service/store/queue_conformance.h"
#include "service/store/rocks_mail_store.h"
#include "service/store/test_directory.h"

namespace mail {
namespace {

class ModelMaker {
 public:
  ManualClock& clock() { return clock_; }
  MailStore& store() { return store_; }

 private:
  ManualClock clock_{kTestStart};
  ModelMailStore store_{clock_};
};

class RocksMaker {
 public:
  explicit RocksMaker(RocksOptions options = {}) : options_(std::move(options)) { restart(); }
  ManualClock& clock() { return clock_; }
  MailStore& store() { return *store_; }
  void restart() {
    store_.reset();
    store_ = RocksMailStore::open(directory_.path(), clock_, options_).value();
  }

 private:
  const RocksOptions options_;
  TestDirectory directory_;
  ManualClock clock_{kTestStart};
  std::unique_ptr<RocksMailStore> store_;
};

// Every body that is not in its envelope lies in a segment, and segments are soon full.
class SegmentMaker : public RocksMaker {
 public:
  SegmentMaker() : RocksMaker(options()) {}

 private:
  static RocksOptions options() {
    RocksOptions options;
    options.segment_body = ByteCount{1};
    options.segment_group = ByteCount{1};
    options.segment_file = 32_KiB;
    return options;
  }
};

std::vector<QueuedDelivery> everything_in(MailStore& store, const QueueName& queue) {
  return run(store.lease(queue, {}, WallTime::max() - Milliseconds(1), 100'000)).value();
}

// Everything a client of the store can see, as text.
std::string picture(MailStore& store) {
  std::string text;
  const Counters c = store.counters();
  append(text, c.messages, ' ', c.accepted, ' ', c.delivered, ' ', c.held, ' ', c.queued, ' ',
         c.discarded, ' ', c.bounced, ' ', c.expired, '\n');
  for (auto& envelope : run(store.messages({.before = {}, .limit = 100'000})).value()) {
    if (envelope.references > 0) text += whole_body(store, envelope.body);
    envelope.body = record::NoBody{};  // where it lies is each store's own affair
    record::append_envelope(text, envelope);
  }
  for (const auto& event : run(store.events_after(EventSeq{0}, 100'000)).value()) {
    append(text, event.seq.value);
    record::append_event(text, event.event);
  }
  for (std::uint64_t account = 1; account <= 3; ++account) {
    append(text, store.mailbox_bytes(AccountId{account}), '\n');
    for (const auto& box : run(store.mailboxes(AccountId{account})).value()) {
      record::append_mailbox(text, box);
      for (const auto& entry : run(store.entries(box.id, Uid{0}, 100'000)).value()) {
        record::append_entry(text, entry);
      }
    }
  }
  for (const auto& held : run(store.held(100'000)).value()) {
    append(text, held.key.message.to_string(), held.key.number);
    record::append_pending(text, held.delivery);
  }
  for (const QueueKey& queue : run(store.queues({}, 100'000)).value()) {
    append(text, queue.queue.route, ' ', queue.queue.domain, ' ', queue.queue.lane, '\n');
    for (const auto& waiting : everything_in(store, queue.queue)) {
      append(text, waiting.key.due.time_since_epoch().count(), waiting.key.number);
      record::append_pending(text, waiting.delivery);
    }
  }
  for (const MessageId& id : run(store.noticed({}, 100'000)).value()) {
    for (const DueNotice& due : run(store.notices(id)).value()) {
      append(text, due.key.message.to_string(), due.key.number);
      record::append_notice(text, due.notice);
    }
  }
  return text;
}

Target random_target(std::mt19937& random) {
  const AccountId account{1 + random() % 3};
  switch (random() % 10) {
    case 0:
      return Held{"why"};
    case 1:
      return Discarded{"why"};
    case 2:
      return ToRoute{{"mx", concat("d", random() % 3, ".test"), "lane"},
                     kTestStart + Milliseconds(random() % 50)};
    case 4:
      return Bounced{"why"};
    case 3:
      return ToMailbox{account, "Junk"};
    default:
      return ToMailbox{account};
  }
}

// An outcome for a waiting delivery: each recipient ends, or goes on somewhere.
Outcome random_outcome(const Place& place, const record::PendingDelivery& waiting,
                       std::mt19937& random) {
  Outcome outcome = outcome_of(place);
  outcome.attempts = waiting.attempts + 1;
  outcome.from = "Tom";
  for (const auto& recipient : waiting.recipients) {
    const std::string& address = recipient.recipient.address;
    const auto kind = static_cast<RecipientOutcome::Kind>(random() % 5);
    const bool rests = kind == RecipientOutcome::Kind::deferred;
    if (!rests || random() % 2 == 0) {
      outcome.recipients.push_back(told(address, kind, concat("why ", random() % 100)));
      if (random() % 3 == 0) {
        outcome.recipients.back().notice =
            notice_about(address, rests ? record::NoticeKind::delayed : record::NoticeKind::failed);
      }
    }
    if (rests)
      outcome.rest.push_back({random_target(random), {address}, "tom@gmail.test", "X: y\r\n"});
  }
  return outcome;
}

// A draft whose id does not hang on the store: after a restart it gives others.
Draft numbered_draft(MailStore& store, std::string content, unsigned number) {
  Draft draft = new_draft(store, std::move(content));
  draft.id = MessageId::make(1'790'000'000'000, 1, number);
  draft.events.front().message = draft.id;
  return draft;
}

std::string settle_some(MailStore& store, std::mt19937& random) {
  std::vector<Outcome> outcomes;
  for (const QueueKey& queue : run(store.queues({}, 9)).value()) {
    for (const auto& waiting : everything_in(store, queue.queue)) {
      if (random() % 2 == 0) continue;
      outcomes.push_back(random_outcome(waiting.key, waiting.delivery, random));
      if (random() % 8 == 0) outcomes.push_back(outcomes.back());  // settled twice
    }
  }
  for (const auto& held : run(store.held(5)).value()) {
    if (random() % 2 == 0) outcomes.push_back(random_outcome(held.key, held.delivery, random));
  }
  const Result<void> settled = run(store.settle(std::move(outcomes)));
  return settled ? "settled" : describe(settled.error());
}

std::string tell_some(MailStore& store, std::mt19937& random, unsigned number) {
  std::vector<NoticeKey> keys;
  for (const MessageId& id : run(store.noticed({}, 5)).value()) {
    for (const DueNotice& due : run(store.notices(id)).value()) {
      if (random() % 3 != 0) keys.push_back(due.key);
    }
  }
  if (random() % 4 == 0) return run(store.drop_notices(keys)) ? "dropped" : "failed";
  Draft dsn = numbered_draft(store, some_content(random() % 3000), number);
  add_recipient(dsn, "tom@gmail.test", random_target(random));
  dsn.tells = std::move(keys);
  return commit_one(store, std::move(dsn)) ? "told" : "failed";
}

std::string commit_random(MailStore& store, std::mt19937& random, unsigned number) {
  Draft draft = numbered_draft(store, some_content(random() % 3000, random()), number);
  const unsigned recipients = 1 + random() % 4;
  for (unsigned i = 0; i < recipients; ++i) {
    add_recipient(draft, concat("r", i, "@yahoo.test"), random_target(random));
  }
  for (unsigned chunks = random() % 6; chunks > 3; --chunks) {
    ++draft.staged_chunks;
    if (!run(store.stage(draft.id, draft.staged_chunks, some_content(random() % 5000)))) return "?";
  }
  return commit_one(store, std::move(draft)) ? "kept" : "failed";
}

// One step of a random history; the same for the same state of `random` and of the store.
std::string step(MailStore& store, std::mt19937 random, unsigned number) {
  const unsigned what = random() % 16;
  if (what == 0) {
    return run(store.remove_account(AccountId{1 + random() % 3})) ? "removed" : "failed";
  }
  if (what <= 3) {
    const auto boxes = run(store.mailboxes(AccountId{1 + random() % 3})).value();
    if (boxes.empty()) return "no mailbox";
    std::vector<Uid> uids(1 + random() % 3);
    for (Uid& uid : uids) uid.value = boxes[0].uid_next.value - random() % 6;
    const auto removed = run(store.remove_entries(boxes[0].id, uids));
    return removed ? "removed" : describe(removed.error());
  }
  if (what <= 7) return settle_some(store, random);
  if (what <= 9) return tell_some(store, random, number);
  return commit_random(store, random, number);
}

TEST(StoreModel, BothStoresShowTheSameAfterTheSameRandomHistory) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    ModelMaker model;
    RocksMaker rocks;
    SegmentMaker segments;
    for (unsigned i = 0; i < 100; ++i) {
      if (i % 25 == 24) rocks.restart();
      if (i % 25 == 12) segments.restart();
      const std::mt19937 random(seed * 1000 + i);
      const auto expected = step(model.store(), random, i);
      ASSERT_EQ(step(rocks.store(), random, i), expected) << "seed " << seed;
      ASSERT_EQ(step(segments.store(), random, i), expected) << "seed " << seed;
    }
    EXPECT_EQ(picture(rocks.store()), picture(model.store())) << "seed " << seed;
    EXPECT_EQ(picture(segments.store()), picture(model.store())) << "seed " << seed;
    expect_consistent(rocks.store());
    expect_consistent(segments.store());
    expect_consistent(model.store());
  }
}

template <typename Maker>
class InBothStores : public QueueConformance<Maker> {};
using Makers = testing::Types<ModelMaker, RocksMaker>;
TYPED_TEST_SUITE(InBothStores, Makers);

TYPED_TEST(InBothStores, EnvelopesAreReadTogetherEachInItsPlace) {
  MailStore& store = this->store();
  Draft one = draft_for(store, "one");
  Draft another = draft_for(store, "another");
  const MessageId first = one.id;
  const MessageId second = another.id;
  const MessageId gone = store.next_id();
  ASSERT_TRUE(commit_one(store, std::move(one)));
  ASSERT_TRUE(commit_one(store, std::move(another)));
  const auto found = run(store.envelopes_of({second, gone, first, second}));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 4U);
  EXPECT_EQ((*found)[0].value().id, second);
  EXPECT_EQ((*found)[1].error().code, Errc::not_found);
  EXPECT_EQ((*found)[2].value(), run(store.envelope(first)).value());
  EXPECT_EQ((*found)[3].value().id, second);
  EXPECT_TRUE(run(store.envelopes_of({})).value().empty());
}

TYPED_TEST(InBothStores, ARecipientThatBecameSeveralIsCountedAsThem) {
  using Kind = RecipientOutcome::Kind;
  const MessageId id =
      commit_to(this->store(), kElse, kTestStart, {"a@else.test", "team@else.test"});
  Outcome placed = outcome_of(this->only(kElse).key);
  placed.expanded = {{"team@else.test", {"x@else.test", "y@else.test", "z@else.test"}}};
  placed.recipients = {told("z@else.test", Kind::bounced)};
  placed.rest = {again(kElse, kTestStart, {"a@else.test", "x@else.test"}),
                 {ToMailbox{AccountId{4}}, {"y@else.test"}, "tom@gmail.test", ""}};
  ASSERT_TRUE(this->settle(placed));
  EXPECT_EQ(this->kinds(id), "received expanded bounced delivered ");
  const Counters counters = this->store().counters();
  EXPECT_EQ(counters.accepted, 4);
  EXPECT_EQ(counters.queued, 2);
  EXPECT_EQ(counters.delivered, 1);
  EXPECT_EQ(counters.bounced, 1);
  expect_consistent(this->store());
  const QueuedDelivery waits = this->only(kElse);
  ASSERT_EQ(waits.delivery.recipients.size(), 2U);
  EXPECT_EQ(waits.delivery.recipients[1].recipient.address, "x@else.test");

  Outcome wrong = outcome_of(waits.key);
  wrong.expanded = {{"x@else.test", {"p@else.test", "q@else.test"}}};
  wrong.rest = {again(kElse, kTestStart, {"a@else.test", "p@else.test"})};
  EXPECT_EQ(this->settle(wrong).error().code, Errc::invalid_argument) << "q has no place";
  expect_consistent(this->store());
}

TYPED_TEST(InBothStores, ComplaintsJoinThemAndCountNothing) {
  MailStore& store = this->store();
  Draft draft = draft_to(store, kElse, kTestStart, {Recipient("u@else.test")});
  record::Event complaint;
  complaint.message = draft.id;
  complaint.kind = record::EventKind::complained;
  complaint.at = kTestStart;
  complaint.recipient = "u@else.test";
  EXPECT_EQ(run(store.complain(complaint)).error().code, Errc::not_found);
  ASSERT_TRUE(commit_one(store, std::move(draft)));
  const Counters before = store.counters();
  ASSERT_TRUE(run(store.complain(complaint)));
  EXPECT_EQ(run(store.events_of(complaint.message)).value().back(), complaint);
  EXPECT_EQ(store.counters(), before);
  expect_consistent(store);
}

INSTANTIATE_TYPED_TEST_SUITE_P(Model, StoreConformance, ModelMaker);
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, StoreConformance, RocksMaker);
INSTANTIATE_TYPED_TEST_SUITE_P(Segments, StoreConformance, SegmentMaker);
INSTANTIATE_TYPED_TEST_SUITE_P(Model, QueueConformance, ModelMaker);
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, QueueConformance, RocksMaker);

}  // namespace
}  // namespace mail
