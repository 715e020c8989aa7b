// What every MailStore must do with what waits: queues, outcomes, notices. Like
// store_conformance.h, whose Makers it takes.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "service/store/store_conformance.h"

namespace mail {

inline const QueueName kElse{"mx", "else.test", ""};

inline Draft draft_to(MailStore& store, const QueueName& queue, WallTime due,
                      std::vector<Recipient> recipients, std::string content = "queued") {
  Draft draft = new_draft(store, std::move(content));
  for (const Recipient& recipient : recipients) {
    draft.recipients.push_back(recipient);
    draft.events.front().recipients.push_back(recipient.address);
  }
  draft.deliveries.push_back(
      {ToRoute{queue, due}, std::move(recipients), draft.reverse_path, "X-Added: y\r\n"});
  return draft;
}

inline MessageId commit_to(MailStore& store, const QueueName& queue, WallTime due,
                           std::vector<Recipient> recipients, std::string content = "queued") {
  Draft draft = draft_to(store, queue, due, std::move(recipients), std::move(content));
  const MessageId id = draft.id;
  const Result<void> kept = commit_one(store, std::move(draft));
  EXPECT_TRUE(kept) << describe(kept.error());
  return id;
}

inline Outcome outcome_of(const Place& place) {
  Outcome outcome;
  outcome.place = place;
  outcome.at = kTestStart + Milliseconds(5000);
  outcome.attempts = 1;
  return outcome;
}

inline RecipientOutcome told(const std::string& recipient, RecipientOutcome::Kind kind,
                             std::string reason = "") {
  return {.recipient = recipient,
          .kind = kind,
          .facts = {{"host", "mx.else.test"}},
          .reason = std::move(reason),
          .notice = std::nullopt};
}

inline record::Notice notice_about(const std::string& recipient, record::NoticeKind kind) {
  record::Notice notice;
  notice.kind = kind;
  notice.at = kTestStart;
  notice.reverse_path = "tom@gmail.test";
  notice.recipient = recipient;
  notice.status = "5.1.1";
  return notice;
}

inline Delivery again(const QueueName& queue, WallTime due, std::vector<Recipient> recipients) {
  return {ToRoute{queue, due}, std::move(recipients), "tom@gmail.test", "X-Added: y\r\n"};
}

template <typename Maker>
class QueueConformance : public testing::Test {
 protected:
  using Kind = RecipientOutcome::Kind;
  MailStore& store() { return maker_.store(); }
  std::vector<QueuedDelivery> lease(const QueueName& queue, std::optional<QueueKey> after = {},
                                    WallTime until = WallTime::max() - Milliseconds(1),
                                    std::size_t limit = 1000) {
    return run(store().lease(queue, std::move(after), until, limit)).value();
  }
  QueuedDelivery only(const QueueName& queue) {
    const auto all = lease(queue);
    EXPECT_EQ(all.size(), 1U);
    return all.at(0);
  }
  Result<void> settle(Outcome outcome) {
    std::vector<Outcome> one;
    one.push_back(std::move(outcome));
    return run(store().settle(std::move(one)));
  }
  std::string kinds(MessageId id) {
    std::string text;
    for (const auto& event : run(store().events_of(id)).value()) {
      append(text, record::to_string(event.kind), " ");
    }
    return text;
  }

  Maker maker_;
};
TYPED_TEST_SUITE_P(QueueConformance);

TYPED_TEST_P(QueueConformance, QueuesAreListedByNameEachWithTheKeyItBeginsWith) {
  MailStore& store = this->store();
  const std::vector<QueueName> names{{"mx", "a.test", ""},
                                     {"mx", "a.test", "bulk"},
                                     {"mx", "b.test", ""},
                                     {"mx", "b.testing", ""},
                                     {"smtp:hub", "a.test", ""}};
  EXPECT_TRUE(run(store.queues({}, 9)).value().empty());
  for (int i = 20; i > 0; --i) {
    for (const QueueName& name : names) {
      commit_to(store, name, kTestStart + Milliseconds(i), {concat("u", i, "@", name.domain)});
    }
  }
  const auto all = run(store.queues({}, 99)).value();
  ASSERT_EQ(all.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(all[i].queue, names[i]);
    EXPECT_EQ(all[i].due, kTestStart + Milliseconds(1));
    EXPECT_EQ(this->lease(names[i]).at(0).key, all[i]);
  }
  EXPECT_EQ(run(store.queues({}, 2)).value(), std::vector(all.begin(), all.begin() + 2));
  EXPECT_EQ(run(store.queues(names[1], 2)).value(), std::vector(all.begin() + 2, all.begin() + 4));
  EXPECT_TRUE(run(store.queues(names[4], 9)).value().empty());
  expect_consistent(store);
}

TYPED_TEST_P(QueueConformance, ALeaseGivesWhatIsDueInOrderAndGoesOnBehindAKey) {
  MailStore& store = this->store();
  for (const int due : {30, 10, 20, 20, 40}) {
    commit_to(store, kElse, kTestStart + Milliseconds(due), {concat("due", due, "@else.test")});
  }
  commit_to(store, {"mx", "else.tes", ""}, kTestStart, {"x@else.tes"});
  commit_to(store, {"mx", "else.test", "bulk"}, kTestStart, {"y@else.test"});
  const auto dues = [](const std::vector<QueuedDelivery>& deliveries) {
    std::string text;
    for (const auto& one : deliveries) append(text, (one.key.due - kTestStart).count(), " ");
    return text;
  };
  EXPECT_EQ(dues(this->lease(kElse)), "10 20 20 30 40 ");
  EXPECT_EQ(dues(this->lease(kElse, {}, kTestStart + Milliseconds(20))), "10 20 20 ");
  EXPECT_EQ(dues(this->lease(kElse, {}, kTestStart + Milliseconds(9))), "");
  const auto two = this->lease(kElse, {}, WallTime::max() - Milliseconds(1), 2);
  EXPECT_EQ(dues(two), "10 20 ");
  EXPECT_EQ(dues(this->lease(kElse, two.back().key)), "20 30 40 ");
  EXPECT_EQ(dues(this->lease(kElse, two.back().key, kTestStart + Milliseconds(5))), "");
  EXPECT_EQ(this->lease(kElse), this->lease(kElse)) << "a lease takes nothing away";
  const auto first = this->lease(kElse).at(0).delivery;
  EXPECT_EQ(first.since, kTestStart);
  EXPECT_EQ(first.attempts, 0U);
  EXPECT_EQ(first.reverse_path, "tom@gmail.test");
  EXPECT_EQ(first.added_fields, "X-Added: y\r\n");
  EXPECT_EQ(first.recipients.at(0).recipient, "due10@else.test");
}

TYPED_TEST_P(QueueConformance, WhatWasAskedForARecipientWaitsWithIt) {
  const Recipient asked{"a@else.test", Notify{.said = true, .success = true}, "rfc822;A@else.test"};
  Draft draft = draft_to(this->store(), kElse, kTestStart, {asked});
  draft.options.ret = Ret::headers;
  draft.options.envid = "id=1";
  draft.options.require_tls = true;
  const MailOptions options = draft.options;
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  EXPECT_EQ(this->only(kElse).delivery.recipients.at(0).recipient, asked);
  const auto envelope = run(this->store().envelope(id)).value();
  EXPECT_EQ(envelope.options, options);
  EXPECT_EQ(envelope.recipients, std::vector<Recipient>{asked});
}

TYPED_TEST_P(QueueConformance, AMessageGoesWithItsLastDeliveryAndItsEventsStay) {
  using Kind = RecipientOutcome::Kind;
  for (const std::size_t size : {100UL, 5000UL}) {
    const MessageId id =
        commit_to(this->store(), kElse, kTestStart, {"a@else.test", "b@else.test", "c@else.test"},
                  some_content(size));
    const auto body = run(this->store().envelope(id)).value().body;
    Outcome outcome = outcome_of(this->only(kElse).key);
    outcome.recipients = {told("b@else.test", Kind::bounced), told("a@else.test", Kind::delivered),
                          told("c@else.test", Kind::expired)};
    ASSERT_TRUE(this->settle(outcome));
    EXPECT_TRUE(this->lease(kElse).empty());
    EXPECT_TRUE(run(this->store().queues({}, 9)).value().empty());
    EXPECT_TRUE(run(this->store().queued_of(id)).value().empty());
    EXPECT_EQ(run(this->store().envelope(id)).error().code, Errc::not_found);
    if (size > kMaxInlineBody) {
      EXPECT_EQ(run(this->store().read_body(body, 0)).error().code, Errc::not_found);
    }
    EXPECT_EQ(this->kinds(id), "received bounced delivered expired ");
    const auto event = run(this->store().events_of(id)).value().at(2);
    EXPECT_EQ(event.recipient, "a@else.test");
    EXPECT_EQ(event.at, outcome.at);
    EXPECT_EQ(event.facts, (std::vector<record::Fact>{{"host", "mx.else.test"}}));
    expect_consistent(this->store());
  }
  const Counters counters = this->store().counters();
  EXPECT_EQ(counters.delivered, 2);
  EXPECT_EQ(counters.bounced, 2);
  EXPECT_EQ(counters.expired, 2);
  EXPECT_EQ(counters.queued, 0);
}

TYPED_TEST_P(QueueConformance, ADeferredDeliveryWaitsAgainAndRemembers) {
  using Kind = RecipientOutcome::Kind;
  const MessageId id = commit_to(this->store(), kElse, kTestStart, {"a@else.test", "b@else.test"});
  const QueuedDelivery before = this->only(kElse);
  const WallTime later = kTestStart + std::chrono::minutes(1);
  Outcome outcome = outcome_of(before.key);
  outcome.recipients = {told("a@else.test", Kind::deferred, "451 come again"),
                        told("b@else.test", Kind::delivered)};
  outcome.recipients[0].notice = notice_about("a@else.test", record::NoticeKind::delayed);
  outcome.rest = {again(kElse, later, {"a@else.test"})};
  ASSERT_TRUE(this->settle(outcome));
  const QueuedDelivery after = this->only(kElse);
  EXPECT_EQ(after.key.number, before.key.number);
  EXPECT_EQ(after.key.due, later);
  EXPECT_EQ(after.delivery.attempts, 1U);
  EXPECT_EQ(after.delivery.since, kTestStart);
  ASSERT_EQ(after.delivery.recipients.size(), 1U);
  EXPECT_EQ(after.delivery.recipients[0].reason, "451 come again");
  EXPECT_TRUE(after.delivery.recipients[0].delay_told);
  EXPECT_EQ(run(this->store().queued_of(id)).value(), std::vector<QueuedDelivery>{after});
  EXPECT_EQ(run(this->store().envelope(id)).value().references, 2U);  // and the notice
  expect_consistent(this->store());

  // At the same time again, and only moved: what it knew is kept.
  Outcome moved = outcome_of(after.key);
  moved.attempts = 0;
  moved.rest = {again(kElse, later, {"a@else.test"})};
  ASSERT_TRUE(this->settle(moved));
  EXPECT_EQ(this->only(kElse), after);
  EXPECT_EQ(this->kinds(id), "received deferred delivered ");
  ASSERT_TRUE(this->settle(moved));
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, DeliveriesThatSplitGetNumbersThatNeverComeAgain) {
  using Kind = RecipientOutcome::Kind;
  const MessageId id =
      commit_to(this->store(), kElse, kTestStart, {"a@else.test", "b@else.test", "c@else.test"});
  std::set<std::uint32_t> numbers{this->only(kElse).key.number};
  const QueueName other{"smtp:hub", "else.test", ""};
  for (const std::string leaving : {"b@else.test", "c@else.test"}) {
    Outcome split = outcome_of(this->only(kElse).key);
    std::vector<Recipient> staying;
    for (const auto& waiting : this->only(kElse).delivery.recipients) {
      if (waiting.recipient.address != leaving) staying.push_back(waiting.recipient);
    }
    split.rest = {again(kElse, kTestStart, staying), again(other, kTestStart, {leaving})};
    ASSERT_TRUE(this->settle(split));
    EXPECT_EQ(run(this->store().queued_of(id)).value().size(), 2U);
    const QueuedDelivery part = this->only(other);
    EXPECT_TRUE(numbers.insert(part.key.number).second) << part.key.number << " was used before";
    Outcome gone = outcome_of(part.key);
    gone.recipients = {told(leaving, Kind::delivered)};
    ASSERT_TRUE(this->settle(gone));
  }
  EXPECT_TRUE(numbers.contains(this->only(kElse).key.number));
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, SettlingTwiceDoesNoHarm) {
  using Kind = RecipientOutcome::Kind;
  const MessageId id = commit_to(this->store(), kElse, kTestStart, {"a@else.test"});
  Outcome outcome = outcome_of(this->only(kElse).key);
  outcome.recipients = {told("a@else.test", Kind::delivered)};
  ASSERT_TRUE(run(this->store().settle({outcome, outcome})));
  ASSERT_TRUE(this->settle(outcome));
  EXPECT_EQ(this->kinds(id), "received delivered ");
  EXPECT_EQ(this->store().counters().delivered, 1);
  ASSERT_TRUE(this->settle(outcome_of(HeldKey{id, 7})));
  ASSERT_TRUE(run(this->store().settle({})));
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, AnOutcomeThatDoesNotFitIsRefusedWithAllThatCameWithIt) {
  using Kind = RecipientOutcome::Kind;
  commit_to(this->store(), kElse, kTestStart, {"a@else.test", "b@else.test"});
  commit_to(this->store(), {"mx", "good.test", ""}, kTestStart, {"g@good.test"});
  const QueuedDelivery before = this->only(kElse);
  Outcome good = outcome_of(this->only({"mx", "good.test", ""}).key);
  good.recipients = {told("g@good.test", Kind::delivered)};
  const auto refused = [&](std::vector<RecipientOutcome> recipients, std::vector<Delivery> rest) {
    Outcome bad = outcome_of(before.key);
    bad.recipients = std::move(recipients);
    bad.rest = std::move(rest);
    const auto result = run(this->store().settle({good, bad}));
    EXPECT_FALSE(result);
    return !result && result.error().code == Errc::invalid_argument;
  };
  const RecipientOutcome a = told("a@else.test", Kind::delivered);
  const RecipientOutcome b = told("b@else.test", Kind::deferred);
  EXPECT_TRUE(refused({}, {}));
  EXPECT_TRUE(refused({a}, {}));
  EXPECT_TRUE(refused({a, b}, {}));
  EXPECT_TRUE(refused({a, a}, {again(kElse, kTestStart, {"b@else.test"})}));
  EXPECT_TRUE(refused({a}, {again(kElse, kTestStart, {"a@else.test", "b@else.test"})}));
  EXPECT_TRUE(refused({a, told("x@else.test", Kind::bounced)},
                      {again(kElse, kTestStart, {"b@else.test"})}));
  EXPECT_TRUE(refused({a, b}, {again(kElse, kTestStart, {})}));
  EXPECT_TRUE(
      refused({a, b}, {again({"mx", std::string("e\0t", 3), ""}, kTestStart, {"b@else.test"})}));
  EXPECT_EQ(this->only(kElse), before);
  EXPECT_EQ(this->store().counters().queued, 3);
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, WhatIsHeldIsReleasedMovedAndDeliveredLocally) {
  using Kind = RecipientOutcome::Kind;
  const MessageId id = commit_to(this->store(), kElse, kTestStart,
                                 {"a@else.test", "b@else.test", "c@else.test"}, some_content(3000));
  Outcome hold = outcome_of(this->only(kElse).key);
  hold.rest = {{Held{"an operator said so"},
                {"a@else.test", "b@else.test", "c@else.test"},
                "tom@gmail.test",
                ""}};
  ASSERT_TRUE(this->settle(hold));
  EXPECT_TRUE(this->lease(kElse).empty());
  EXPECT_EQ(this->store().counters().held, 3);
  const auto held = run(this->store().held(9)).value();
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].delivery.reason, "an operator said so");
  expect_consistent(this->store());

  Outcome release = outcome_of(held[0].key);
  release.from = "Tom <tom@gmail.test>";
  release.subject = "hello";
  release.rest = {again(kElse, kTestStart, {"a@else.test"}),
                  {ToMailbox{AccountId{4}, "Junk"}, {"b@else.test"}, "tom@gmail.test", "X: 1\r\n"},
                  {Discarded{"an operator said so"}, {"c@else.test"}, "tom@gmail.test", ""}};
  ASSERT_TRUE(this->settle(release));
  EXPECT_TRUE(run(this->store().held(9)).value().empty());
  EXPECT_EQ(this->store().counters().queued, 1);
  EXPECT_EQ(this->store().counters().discarded, 1);
  EXPECT_EQ(this->store().counters().delivered, 1);
  const auto box = run(this->store().mailboxes(AccountId{4})).value().at(0);
  EXPECT_EQ(box.name, "Junk");
  const auto entry = run(this->store().entry(box.id, Uid{1})).value();
  EXPECT_EQ(entry.message, id);
  EXPECT_EQ(entry.size, 3006U);
  EXPECT_EQ(entry.recipient, "b@else.test");
  EXPECT_EQ(entry.from, "Tom <tom@gmail.test>");
  EXPECT_EQ(entry.subject, "hello");
  EXPECT_EQ(this->kinds(id), "received held held held deferred delivered discarded ");
  EXPECT_EQ(run(this->store().envelope(id)).value().references, 2U);
  expect_consistent(this->store());

  Outcome sent = outcome_of(this->only(kElse).key);
  sent.recipients = {told("a@else.test", Kind::delivered)};
  ASSERT_TRUE(this->settle(sent));
  EXPECT_EQ(whole_body(this->store(), run(this->store().envelope(id)).value().body).size(), 3000U);
  ASSERT_TRUE(run(this->store().remove_entries(box.id, {Uid{1}})));
  EXPECT_EQ(run(this->store().envelope(id)).error().code, Errc::not_found);
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, ANoticeKeepsItsMessageUntilADsnTellsItOnce) {
  using Kind = RecipientOutcome::Kind;
  MailStore& store = this->store();
  const MessageId id = commit_to(store, kElse, kTestStart, {"a@else.test", "b@else.test"});
  const MessageId other = commit_to(store, kElse, kTestStart, {"c@else.test"});
  for (const QueuedDelivery& waiting : this->lease(kElse)) {
    Outcome outcome = outcome_of(waiting.key);
    for (const auto& recipient : waiting.delivery.recipients) {
      const std::string& address = recipient.recipient.address;
      outcome.recipients.push_back(told(address, Kind::bounced));
      outcome.recipients.back().notice = notice_about(address, record::NoticeKind::failed);
    }
    ASSERT_TRUE(this->settle(outcome));
  }
  EXPECT_EQ(run(store.noticed({}, 9)).value(), (std::vector<MessageId>{id, other}));
  EXPECT_EQ(run(store.noticed({}, 1)).value(), std::vector<MessageId>{id});
  EXPECT_EQ(run(store.noticed(id, 9)).value(), std::vector<MessageId>{other});
  const auto due = run(store.notices(id)).value();
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].notice.recipient, "a@else.test");
  EXPECT_EQ(due[1].notice.recipient, "b@else.test");
  EXPECT_EQ(due[0].notice.message, id);
  EXPECT_EQ(run(store.envelope(id)).value().references, 2U);
  expect_consistent(store);

  const auto dsn = [&](std::vector<NoticeKey> keys) {
    Draft draft = draft_for(store, "a DSN");
    draft.tells = std::move(keys);
    return draft;
  };
  ASSERT_TRUE(commit_one(store, dsn({due[0].key})));
  EXPECT_EQ(run(store.notices(id)).value(), std::vector<DueNotice>{due[1]});
  EXPECT_EQ(run(store.envelope(id)).value().references, 1U);
  EXPECT_EQ(run(store.envelope(id)).value().told, 1U);
  const Counters before = store.counters();
  EXPECT_EQ(commit_one(store, dsn({due[1].key, due[0].key})).error().code, Errc::not_found);
  EXPECT_EQ(commit_one(store, dsn({due[1].key, due[1].key})).error().code, Errc::not_found);
  EXPECT_EQ(store.counters(), before);
  EXPECT_EQ(run(store.notices(id)).value().size(), 1U);
  ASSERT_TRUE(commit_one(store, dsn({due[1].key})));
  EXPECT_EQ(run(store.envelope(id)).error().code, Errc::not_found);
  EXPECT_EQ(run(store.noticed({}, 9)).value(), std::vector<MessageId>{other});

  const auto last = run(store.notices(other)).value();
  ASSERT_TRUE(run(store.drop_notices({last.at(0).key, last.at(0).key, due[0].key})));
  EXPECT_TRUE(run(store.noticed({}, 9)).value().empty());
  EXPECT_EQ(run(store.envelope(other)).error().code, Errc::not_found);
  ASSERT_TRUE(run(store.drop_notices({last.at(0).key})));
  expect_consistent(store);
}

TYPED_TEST_P(QueueConformance, NoticesMayBeDueFromTheFirst) {
  Draft draft = new_draft(this->store(), some_content(2000));
  add_recipient(draft, "no@else.test", Bounced{"null MX"});
  draft.notices = {notice_about("no@else.test", record::NoticeKind::failed)};
  EXPECT_EQ(commit_one(this->store(), draft).error().code, Errc::invalid_argument);
  draft.notices[0].message = draft.id;
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  EXPECT_EQ(this->kinds(id), "received bounced ");
  EXPECT_EQ(this->store().counters().bounced, 1);
  const auto envelope = run(this->store().envelope(id)).value();
  EXPECT_EQ(envelope.references, 1U);
  EXPECT_EQ(whole_body(this->store(), envelope.body).size(), 2000U);
  expect_consistent(this->store());
  ASSERT_TRUE(run(this->store().drop_notices({run(this->store().notices(id)).value().at(0).key})));
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, DeliveriesOfOneMessageEndTogetherAndTheMessageGoesOnce) {
  using Kind = RecipientOutcome::Kind;
  Draft draft = new_draft(this->store(), some_content(2000));
  for (const std::string domain : {"a.test", "b.test", "c.test"}) {
    add_recipient(draft, concat("u@", domain), ToRoute{{"mx", domain, ""}, kTestStart});
  }
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  const auto waiting = run(this->store().queued_of(id)).value();
  ASSERT_EQ(waiting.size(), 3U);
  std::vector<Outcome> outcomes;
  for (const QueuedDelivery& one : waiting) {
    outcomes.push_back(outcome_of(one.key));
    outcomes.back().recipients = {
        told(one.delivery.recipients.at(0).recipient.address, Kind::delivered)};
  }
  ASSERT_TRUE(run(this->store().settle(outcomes)));
  EXPECT_EQ(run(this->store().envelope(id)).error().code, Errc::not_found);
  EXPECT_EQ(this->kinds(id), "received delivered delivered delivered ");
  expect_consistent(this->store());
}

TYPED_TEST_P(QueueConformance, ManyThreadsCommitSettleAndRemoveAtOnce) {
  using Kind = RecipientOutcome::Kind;
  constexpr int kThreads = 4;
  constexpr int kEach = 40;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      const QueueName queue{"mx", concat("d", t, ".test"), ""};
      for (int i = 0; i < kEach; ++i) {
        Draft draft = draft_to(this->store(), queue, kTestStart, {concat("u@", queue.domain)},
                               some_content(2000));
        add_recipient(draft, "jerry@yahoo.test", ToMailbox{AccountId{7}});
        const MessageId id = draft.id;
        EXPECT_TRUE(commit_one(this->store(), std::move(draft)));
        Outcome outcome = outcome_of(run(this->store().queued_of(id)).value().at(0).key);
        outcome.recipients = {told(concat("u@", queue.domain), Kind::delivered)};
        EXPECT_TRUE(this->settle(outcome));
        const auto box = run(this->store().mailboxes(AccountId{7})).value().at(0);
        for (const auto& entry : run(this->store().entries(box.id, Uid{0}, 1000)).value()) {
          if (entry.message == id)
            EXPECT_TRUE(run(this->store().remove_entries(box.id, {entry.uid})));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(this->store().counters().delivered, 2 * kThreads * kEach);
  EXPECT_TRUE(run(this->store().messages({})).value().empty());
  EXPECT_TRUE(run(this->store().queues({}, 9)).value().empty());
  expect_consistent(this->store());
}

REGISTER_TYPED_TEST_SUITE_P(
    QueueConformance, QueuesAreListedByNameEachWithTheKeyItBeginsWith,
    ALeaseGivesWhatIsDueInOrderAndGoesOnBehindAKey, WhatWasAskedForARecipientWaitsWithIt,
    AMessageGoesWithItsLastDeliveryAndItsEventsStay, ADeferredDeliveryWaitsAgainAndRemembers,
    DeliveriesThatSplitGetNumbersThatNeverComeAgain, SettlingTwiceDoesNoHarm,
    AnOutcomeThatDoesNotFitIsRefusedWithAllThatCameWithIt,
    WhatIsHeldIsReleasedMovedAndDeliveredLocally, ANoticeKeepsItsMessageUntilADsnTellsItOnce,
    NoticesMayBeDueFromTheFirst, DeliveriesOfOneMessageEndTogetherAndTheMessageGoesOnce,
    ManyThreadsCommitSettleAndRemoveAtOnce);

}  // namespace mail
