// What every MailStore must do: one suite, instantiated for each implementation by
//   INSTANTIATE_TYPED_TEST_SUITE_P(Name, StoreConformance, Maker);
// A Maker has `ManualClock& clock()` and `MailStore& store()`.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/executor.h"
#include "base/text.h"
#include "service/store/ledger.h"
#include "service/store/mail_store.h"

namespace mail {

inline const WallTime kTestStart{Milliseconds(1'790'000'000'000)};

inline std::string some_content(std::size_t size, unsigned seed = 1) {
  std::string content = "Subject: hello\r\n\r\n";
  for (std::uint64_t x = seed; content.size() < size; x = x * 6364136223846793005ULL + 1) {
    content.push_back(static_cast<char>(x >> 56));
  }
  content.resize(size);
  return content;
}

inline Draft new_draft(MailStore& store, std::string content) {
  Draft draft;
  draft.id = store.next_id();
  draft.received_at = kTestStart;
  draft.reverse_path = "tom@gmail.test";
  draft.header_size = 18;
  draft.size = content.size();
  draft.content = std::move(content);
  draft.from = "Tom <tom@gmail.test>";
  draft.subject = "hello";
  draft.events.push_back({.message = draft.id,
                          .kind = record::EventKind::received,
                          .at = kTestStart,
                          .recipient = "",
                          .recipients = {},
                          .facts = {{"client", "192.0.2.1"}}});
  return draft;
}

inline void add_recipient(Draft& draft, const std::string& recipient, Target target) {
  draft.recipients.push_back(recipient);
  draft.events.front().recipients.push_back(recipient);
  draft.deliveries.push_back({std::move(target),
                              {recipient},
                              draft.reverse_path,
                              concat("Delivered-To: ", recipient, "\r\n")});
}

inline Draft draft_for(MailStore& store, std::string content, AccountId account = {1},
                       const std::string& recipient = "jerry@yahoo.test") {
  Draft draft = new_draft(store, std::move(content));
  add_recipient(draft, recipient, ToMailbox{account});
  return draft;
}

template <typename T>
T run(Task<T> task) {
  LoopExecutor loop;
  return block_on(loop, std::move(task));
}

inline Result<void> commit_one(MailStore& store, Draft draft) {
  return run(store.commit(std::span(&draft, 1)));
}

inline std::string whole_body(MailStore& store, const record::BodyRef& body) {
  std::string all;
  for (;;) {
    const Result<std::string> part = run(store.read_body(body, all.size()));
    EXPECT_TRUE(part) << describe(part.error());
    if (!part || part->empty()) return all;
    all += *part;
  }
}

// The counters as a stranger computes them, from nothing but the events.
inline Counters recount(MailStore& store) {
  std::map<MessageId, std::vector<record::Event>> messages;
  EventSeq cursor{0};
  for (;;) {
    const auto events = run(store.events_after(cursor, 7)).value();
    if (events.empty()) break;
    for (const SequencedEvent& event : events) {
      EXPECT_GT(event.seq, cursor);
      cursor = event.seq;
      messages[event.event.message].push_back(event.event);
    }
  }
  Counters counters;
  for (const auto& [id, events] : messages) {
    ++counters.messages;
    for (const RecipientState& recipient : recipient_states(events)) {
      ++counters.accepted;
      ++counter_of(counters, recipient.state);
    }
  }
  return counters;
}

inline void expect_consistent(MailStore& store) {
  const Counters c = store.counters();
  EXPECT_EQ(c.accepted,
            c.delivered + c.bounced + c.expired + c.discarded + c.quarantined + c.held + c.queued);
  EXPECT_EQ(recount(store), c);
  const auto report = run(store.check());
  ASSERT_TRUE(report) << describe(report.error());
  for (const Damage& damage : report->damage) ADD_FAILURE() << damage.what << ": " << damage.why;
}

template <typename Maker>
class StoreConformance : public testing::Test {
 protected:
  MailStore& store() { return maker_.store(); }
  ManualClock& clock() { return maker_.clock(); }
  std::vector<record::MailboxEntry> all_entries(AccountId account) {
    std::vector<record::MailboxEntry> all;
    for (const auto& box : run(store().mailboxes(account)).value()) {
      const auto entries = run(store().entries(box.id, Uid{0}, 1'000'000)).value();
      all.insert(all.end(), entries.begin(), entries.end());
    }
    return all;
  }
  record::MailboxInfo inbox(AccountId account) {
    return run(store().mailboxes(account)).value().at(0);
  }

  Maker maker_;
};
TYPED_TEST_SUITE_P(StoreConformance);

TYPED_TEST_P(StoreConformance, AMessageComesBackAsItWasCommitted) {
  for (const std::size_t size : {0UL, 1UL, 1024UL, 1025UL, 4096UL, 300'000UL}) {
    const std::string content = some_content(size);
    Draft draft = draft_for(this->store(), content);
    const MessageId id = draft.id;
    ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
    const auto envelope = run(this->store().envelope(id));
    ASSERT_TRUE(envelope);
    EXPECT_EQ(envelope->id, id);
    EXPECT_EQ(envelope->size, size);
    EXPECT_EQ(envelope->header_size, 18U);
    EXPECT_EQ(envelope->references, 1U);
    EXPECT_EQ(envelope->reverse_path, "tom@gmail.test");
    EXPECT_EQ(envelope->recipients, std::vector<Recipient>{"jerry@yahoo.test"});
    EXPECT_EQ(whole_body(this->store(), envelope->body), content) << size;
  }
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, ABodyIsReadFromAnyOffset) {
  const std::string content = some_content(5000);
  Draft draft = draft_for(this->store(), content);
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  const auto body = run(this->store().envelope(id)).value().body;
  for (const std::size_t offset : {0UL, 1UL, 4999UL, 5000UL, 9000UL}) {
    EXPECT_EQ(run(this->store().read_body(body, offset)).value(),
              content.substr(std::min(offset, content.size())));
  }
}

TYPED_TEST_P(StoreConformance, WhatIsNotThereIsNotFound) {
  MailStore& store = this->store();
  const MessageId id = store.next_id();
  EXPECT_EQ(run(store.envelope(id)).error().code, Errc::not_found);
  EXPECT_EQ(run(store.entry(MailboxId{9}, Uid{1})).error().code, Errc::not_found);
  EXPECT_EQ(run(store.entries(MailboxId{9}, Uid{0}, 9)).error().code, Errc::not_found);
  EXPECT_EQ(run(store.remove_entries(MailboxId{9}, {Uid{1}})).error().code, Errc::not_found);
  EXPECT_EQ(run(store.read_body(record::NoBody{}, 0)).error().code, Errc::not_found);
  EXPECT_TRUE(run(store.events_of(id)).value().empty());
  EXPECT_TRUE(run(store.mailboxes(AccountId{9})).value().empty());
  EXPECT_EQ(store.mailbox_bytes(AccountId{9}), 0U);
  EXPECT_TRUE(run(store.remove_account(AccountId{9})));
}

TYPED_TEST_P(StoreConformance, EventsComeInCommitOrderWithThoseOfTheDeliveries) {
  using enum record::EventKind;
  Draft draft = new_draft(this->store(), "x");
  add_recipient(draft, "all@yahoo.test", ToMailbox{AccountId{1}, "Junk"});
  draft.deliveries.back().recipients = {"jerry@yahoo.test"};
  draft.events.push_back(
      {draft.id, expanded, kTestStart, "all@yahoo.test", {"jerry@yahoo.test"}, {}});
  const MessageId first = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  ASSERT_TRUE(commit_one(this->store(), draft_for(this->store(), "y")));

  const auto events = run(this->store().events_of(first)).value();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].kind, received);
  EXPECT_EQ(events[1].kind, expanded);
  EXPECT_EQ(events[2].kind, delivered);
  EXPECT_EQ(events[2].recipient, "jerry@yahoo.test");
  EXPECT_EQ(events[2].facts, (std::vector<record::Fact>{{"folder", "Junk"}}));
  const auto all = run(this->store().events_after(EventSeq{0}, 100)).value();
  ASSERT_EQ(all.size(), 5U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(all[i].event, events[i]);
  const auto rest = run(this->store().events_after(all[1].seq, 2)).value();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].seq, all[2].seq);
  EXPECT_EQ(rest[1].seq, all[3].seq);
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, EachFateIsCountedAndTold) {
  Draft draft = new_draft(this->store(), some_content(2000));
  add_recipient(draft, "a@yahoo.test", ToMailbox{AccountId{1}});
  add_recipient(draft, "b@else.test", ToRoute{{"mx", "else.test", "a1"}, kTestStart});
  add_recipient(draft, "c@else.test", Held{"an operator must look"});
  draft.deliveries.back().recipients.push_back("d@else.test");
  draft.events.front().recipients.push_back("d@else.test");
  add_recipient(draft, "e@else.test", Discarded{"route discard"});
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));

  const Counters expected{.accepted = 5,
                          .delivered = 1,
                          .bounced = 0,
                          .expired = 0,
                          .discarded = 1,
                          .quarantined = 0,
                          .held = 2,
                          .queued = 1,
                          .messages = 1};
  EXPECT_EQ(this->store().counters(), expected);
  EXPECT_EQ(run(this->store().envelope(id)).value().references, 3U);
  const auto held = run(this->store().held(10)).value();
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].key.message, id);
  EXPECT_EQ(held[0].delivery.message, id);
  EXPECT_EQ(held[0].delivery.reason, "an operator must look");
  ASSERT_EQ(held[0].delivery.recipients.size(), 2U);
  EXPECT_EQ(held[0].delivery.recipients[0].recipient, "c@else.test");
  EXPECT_EQ(held[0].delivery.recipients[1].recipient, "d@else.test");
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, WhatIsDiscardedForAllKeepsItsEventsButNoBody) {
  Draft draft = new_draft(this->store(), some_content(2000));
  add_recipient(draft, "e@else.test", Discarded{"route discard"});
  const MessageId id = draft.id;
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  const auto envelope = run(this->store().envelope(id)).value();
  EXPECT_TRUE(std::holds_alternative<record::NoBody>(envelope.body));
  EXPECT_EQ(envelope.size, 2000U);
  EXPECT_EQ(run(this->store().events_of(id)).value().size(), 2U);
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, UidsAndModseqsAscendInEachMailbox) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(commit_one(this->store(), draft_for(this->store(), some_content(100),
                                                    AccountId{1U + static_cast<unsigned>(i) % 2})));
  }
  for (const AccountId account : {AccountId{1}, AccountId{2}}) {
    const auto entries = this->all_entries(account);
    ASSERT_EQ(entries.size(), 10U);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      EXPECT_EQ(entries[i].uid.value, i + 1);
      EXPECT_EQ(entries[i].modseq.value, i + 1);
      EXPECT_EQ(entries[i].subject, "hello");
      EXPECT_EQ(entries[i].size, 100 + entries[i].added_fields.size());
    }
    const auto info = this->inbox(account);
    EXPECT_EQ(info.name, "INBOX");
    EXPECT_EQ(info.uid_next, Uid{11});
    EXPECT_EQ(info.messages, 10U);
    EXPECT_GT(info.uid_validity, 0U);
    const auto page = run(this->store().entries(info.id, Uid{3}, 2)).value();
    ASSERT_EQ(page.size(), 2U);
    EXPECT_EQ(page[0].uid, Uid{4});
    EXPECT_EQ(run(this->store().entry(info.id, Uid{4})).value(), page[0]);
  }
}

TYPED_TEST_P(StoreConformance, AUidIsNeverGivenAgain) {
  ASSERT_TRUE(commit_one(this->store(), draft_for(this->store(), "one")));
  const auto before = this->inbox(AccountId{1});
  ASSERT_TRUE(run(this->store().remove_entries(before.id, {Uid{1}})));
  ASSERT_TRUE(commit_one(this->store(), draft_for(this->store(), "two")));
  const auto entries = this->all_entries(AccountId{1});
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].uid, Uid{2});
  EXPECT_GT(entries[0].modseq, before.highest_modseq);
}

TYPED_TEST_P(StoreConformance, RecipientsShareOneBodyUntilTheLastOneRemovesIt) {
  for (const std::size_t size : {200UL, 4096UL}) {
    Draft draft = new_draft(this->store(), some_content(size));
    add_recipient(draft, "a@yahoo.test", ToMailbox{AccountId{1}});
    add_recipient(draft, "b@yahoo.test", ToMailbox{AccountId{2}});
    add_recipient(draft, "a+tag@yahoo.test", ToMailbox{AccountId{1}});
    const MessageId id = draft.id;
    ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
    const auto envelope = run(this->store().envelope(id)).value();
    EXPECT_EQ(envelope.references, 3U);
    std::vector<Uid> uids;
    for (const auto& entry : this->all_entries(AccountId{1})) uids.push_back(entry.uid);
    ASSERT_TRUE(run(this->store().remove_entries(this->inbox(AccountId{1}).id, uids)));
    EXPECT_EQ(run(this->store().envelope(id)).value().references, 1U);
    EXPECT_EQ(whole_body(this->store(), envelope.body).size(), size);
    const Uid last = this->all_entries(AccountId{2}).front().uid;
    ASSERT_TRUE(run(this->store().remove_entries(this->inbox(AccountId{2}).id, {last, last})));
    EXPECT_EQ(run(this->store().envelope(id)).error().code, Errc::not_found);
    if (size > kMaxInlineBody) {
      EXPECT_EQ(run(this->store().read_body(envelope.body, 0)).error().code, Errc::not_found);
    }
    EXPECT_FALSE(run(this->store().events_of(id)).value().empty());
    expect_consistent(this->store());
  }
}

TYPED_TEST_P(StoreConformance, RemovingAUidThatIsNotThereRemovesNothing) {
  ASSERT_TRUE(commit_one(this->store(), draft_for(this->store(), "one")));
  const MailboxId inbox = this->inbox(AccountId{1}).id;
  const auto removed = run(this->store().remove_entries(inbox, {Uid{1}, Uid{7}}));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Errc::not_found);
  EXPECT_EQ(this->all_entries(AccountId{1}).size(), 1U);
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, UsageFollowsWhatComesAndGoes) {
  Draft draft = draft_for(this->store(), some_content(1000));
  const std::size_t added = draft.deliveries[0].added_fields.size();
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  Draft junk = new_draft(this->store(), some_content(500));
  add_recipient(junk, "jerry@yahoo.test", ToMailbox{AccountId{1}, "Junk"});
  ASSERT_TRUE(commit_one(this->store(), std::move(junk)));
  EXPECT_EQ(this->store().mailbox_bytes(AccountId{1}), 1500 + 2 * added);
  ASSERT_TRUE(run(this->store().remove_entries(this->inbox(AccountId{1}).id, {Uid{1}})));
  EXPECT_EQ(this->store().mailbox_bytes(AccountId{1}), 500 + added);
}

TYPED_TEST_P(StoreConformance, AnAccountGoesWithAllItsMailAndItsMailboxIdsStayGone) {
  for (int i = 0; i < 30; ++i) {
    Draft draft = draft_for(this->store(), some_content(i % 2 == 0 ? 10 : 3000), AccountId{1});
    if (i == 0) add_recipient(draft, "other@yahoo.test", ToMailbox{AccountId{2}});
    ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  }
  const auto before = this->inbox(AccountId{1});
  ASSERT_TRUE(run(this->store().remove_account(AccountId{1})));
  EXPECT_TRUE(run(this->store().mailboxes(AccountId{1})).value().empty());
  EXPECT_EQ(this->store().mailbox_bytes(AccountId{1}), 0U);
  EXPECT_EQ(this->all_entries(AccountId{2}).size(), 1U);
  EXPECT_EQ(run(this->store().messages({})).value().size(), 1U);
  ASSERT_TRUE(commit_one(this->store(), draft_for(this->store(), "again", AccountId{1})));
  const auto after = this->inbox(AccountId{1});
  EXPECT_GT(after.id, before.id);
  EXPECT_GT(after.uid_validity, before.uid_validity);
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, StagedChunksFollowTheFirstOne) {
  const std::string first = some_content(3000, 1);
  const std::string second = some_content(70'000, 2);
  const std::string third = some_content(1, 3);
  Draft draft = draft_for(this->store(), first);
  const MessageId id = draft.id;
  ASSERT_TRUE(run(this->store().stage(id, 1, second)));
  ASSERT_TRUE(run(this->store().stage(id, 2, third)));
  draft.staged_chunks = 2;
  draft.size = first.size() + second.size() + third.size();
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  const auto envelope = run(this->store().envelope(id)).value();
  const std::string whole = first + second + third;
  EXPECT_EQ(envelope.size, whole.size());
  EXPECT_EQ(whole_body(this->store(), envelope.body), whole);
  for (const std::size_t offset : {2999UL, 3000UL, 72'999UL, 73'000UL, 73'001UL, 99'999UL}) {
    const std::string part = run(this->store().read_body(envelope.body, offset)).value();
    EXPECT_EQ(part.empty(), offset >= whole.size());
    if (!part.empty()) EXPECT_EQ(part, whole.substr(offset, part.size()));
  }
  expect_consistent(this->store());
  ASSERT_TRUE(run(this->store().remove_entries(this->inbox(AccountId{1}).id, {Uid{1}})));
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, WhatWasSentOnBeforeItsCommitIsCountedAndNotKept) {
  Draft draft = new_draft(this->store(), "first");
  const MessageId id = draft.id;
  ASSERT_TRUE(run(this->store().stage(id, 1, "second")));
  EXPECT_EQ(run(this->store().read_staged(id, 1)), "second");
  EXPECT_EQ(run(this->store().read_staged(id, 2)).error().code, Errc::not_found);
  draft.staged_chunks = 1;
  add_recipient(draft, "e@else.test", Relayed{{{"reply", "250 taken"}}});
  ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  EXPECT_EQ(run(this->store().events_of(id)).value().at(1).facts.at(0).value, "250 taken");
  EXPECT_EQ(this->store().counters().delivered, 1);
  EXPECT_FALSE(run(this->store().read_staged(id, 1)));
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, DroppedOrMissingChunksMakeNoMessage) {
  const MessageId id = this->store().next_id();
  EXPECT_EQ(run(this->store().stage(id, 2, "of the lost")).error().code, Errc::store_unhealthy);
  ASSERT_TRUE(run(this->store().stage(id, 1, some_content(2000))));
  EXPECT_EQ(run(this->store().stage(id, 3, "out of order")).error().code, Errc::invalid_argument);
  run(this->store().drop_staged(id));
  run(this->store().drop_staged(id));
  Draft draft = draft_for(this->store(), "x");
  draft.staged_chunks = 1;
  EXPECT_FALSE(commit_one(this->store(), std::move(draft)));
  EXPECT_EQ(this->store().counters(), Counters{});
  EXPECT_TRUE(run(this->store().messages({})).value().empty());
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, DraftsAreKeptAllOrNone) {
  std::vector<Draft> drafts;
  drafts.push_back(draft_for(this->store(), "one"));
  drafts.push_back(draft_for(this->store(), "two"));
  drafts.back().deliveries.clear();
  EXPECT_EQ(run(this->store().commit(drafts)).error().code, Errc::invalid_argument);
  EXPECT_EQ(this->store().counters(), Counters{});
  drafts.pop_back();
  drafts.push_back(draft_for(this->store(), "three"));
  EXPECT_TRUE(run(this->store().commit(drafts)));
  EXPECT_EQ(this->store().counters().messages, 2);
  EXPECT_TRUE(run(this->store().commit({})));
  expect_consistent(this->store());
}

TYPED_TEST_P(StoreConformance, MessagesAreListedNewestFirstByPages) {
  std::vector<MessageId> ids;
  for (int i = 0; i < 5; ++i) {
    Draft draft = draft_for(this->store(), "x");
    ids.push_back(draft.id);
    ASSERT_TRUE(commit_one(this->store(), std::move(draft)));
  }
  const auto first = run(this->store().messages({.before = {}, .limit = 2})).value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].id, ids[4]);
  EXPECT_EQ(first[1].id, ids[3]);
  const auto rest = run(this->store().messages({.before = first[1].id, .limit = 9})).value();
  ASSERT_EQ(rest.size(), 3U);
  EXPECT_EQ(rest[2].id, ids[0]);
}

TYPED_TEST_P(StoreConformance, IdsAscendAndStayUniqueWhenTheClockGoesBack) {
  std::set<MessageId> seen;
  MessageId last;
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 50) this->clock().set_wall(kTestStart - std::chrono::hours(i));
    if (i % 100 == 99) this->clock().advance(Milliseconds(3'600'000));
    const MessageId id = this->store().next_id();
    EXPECT_GT(id, last);
    EXPECT_TRUE(seen.insert(id).second);
    last = id;
  }
}

TYPED_TEST_P(StoreConformance, ManyThreadsCommitAtOnceAndEveryMessageIsThere) {
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(
            commit_one(this->store(), draft_for(this->store(), some_content(2000),
                                                AccountId{1U + static_cast<unsigned>(t) % 2})));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(this->store().counters().messages, kThreads * kEach);
  std::set<MessageId> ids;
  for (const AccountId account : {AccountId{1}, AccountId{2}}) {
    for (const auto& entry : this->all_entries(account)) ids.insert(entry.message);
  }
  EXPECT_EQ(ids.size(), std::size_t{kThreads * kEach});
  expect_consistent(this->store());
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreConformance, AMessageComesBackAsItWasCommitted, ABodyIsReadFromAnyOffset,
    WhatIsNotThereIsNotFound, EventsComeInCommitOrderWithThoseOfTheDeliveries,
    EachFateIsCountedAndTold, WhatIsDiscardedForAllKeepsItsEventsButNoBody,
    UidsAndModseqsAscendInEachMailbox, AUidIsNeverGivenAgain,
    RecipientsShareOneBodyUntilTheLastOneRemovesIt, RemovingAUidThatIsNotThereRemovesNothing,
    UsageFollowsWhatComesAndGoes, AnAccountGoesWithAllItsMailAndItsMailboxIdsStayGone,
    StagedChunksFollowTheFirstOne, WhatWasSentOnBeforeItsCommitIsCountedAndNotKept,
    DroppedOrMissingChunksMakeNoMessage, DraftsAreKeptAllOrNone,
    MessagesAreListedNewestFirstByPages, IdsAscendAndStayUniqueWhenTheClockGoesBack,
    ManyThreadsCommitAtOnceAndEveryMessageIsThere);

}  // namespace mail
