#include "service/report/reporter.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/executor.h"
#include "base/text.h"
#include "service/store/content.h"
#include "service/store/model_mail_store.h"

namespace mail {
namespace {

using Kind = RecipientOutcome::Kind;
using enum record::NoticeKind;
const QueueName kAway{"mx", "away.test", ""};

// yahoo.test is ours; nobody@yahoo.test is not there.
class TestPlacer final : public DraftPlacer {
 public:
  bool is_local(std::string_view domain) const override { return domain == "yahoo.test"; }
  std::optional<Placement::Refusal> address(Draft& draft,
                                            const Recipient& recipient) const override {
    const std::string& address = recipient.address;
    const std::string domain = address.substr(address.find('@') + 1);
    if (address == "nobody@yahoo.test") {
      return Placement::Refusal{address, "5.1.1", "there is no nobody here"};
    }
    draft.recipients.push_back(recipient);
    draft.events.front().recipients.push_back(address);
    Target target = ToRoute{{"mx", domain, ""}, draft.received_at};
    if (is_local(domain)) target = ToMailbox{AccountId{1}};
    draft.deliveries.push_back({target, {recipient}, draft.reverse_path, ""});
    return std::nullopt;
  }
};

class Outgoing final : public EnqueuedSink {
 public:
  void enqueued(Enqueued mail) override { mails.push_back(std::move(mail)); }
  std::vector<Enqueued> mails;
};

class ReporterTest : public testing::Test {
 protected:
  ReporterTest() { begin_life(); }
  void begin_life() {
    reporter_ = std::make_unique<Reporter>(
        store_, placer_, clock_,
        ReportSettings{"mx.yahoo.test", "postmaster@yahoo.test", postmaster_an_hour_, 1000});
  }

  template <typename T>
  T run(Task<T> task) {
    LoopExecutor loop;
    return block_on(loop, std::move(task));
  }
  void tick(Milliseconds later = {}) {
    clock_.advance(later);
    run(reporter_->tick(outgoing_));
  }

  Draft draft(const std::string& sender, std::vector<Recipient> recipients,
              std::string content = "From: Tom <tom@gmail.test>\r\nSubject: lunch\r\n\r\nhi\r\n") {
    Draft made;
    made.id = store_.next_id();
    made.received_at = clock_.wall_now();
    made.reverse_path = sender;
    made.recipients = recipients;
    made.header_size = static_cast<std::uint32_t>(content.find("\r\n\r\n") + 4);
    made.size = content.size();
    made.content = std::move(content);
    for (Recipient& recipient : recipients) {
      made.deliveries.push_back(
          {ToRoute{kAway, clock_.wall_now()}, {std::move(recipient)}, sender, ""});
    }
    return made;
  }
  MessageId commit(Draft made) {
    const MessageId id = made.id;
    const Result<void> kept = run(store_.commit(std::span(&made, 1)));
    EXPECT_TRUE(kept) << describe(kept.error());
    return id;
  }
  std::vector<QueuedDelivery> waiting(MessageId id) { return run(store_.queued_of(id)).value(); }
  // Ends a delivery, or puts it off, with what the reporter itself decides about a notice.
  void settle(const QueuedDelivery& one, Kind kind, record::NoticeKind about) {
    Outcome outcome;
    outcome.place = one.key;
    outcome.at = clock_.wall_now();
    outcome.attempts = one.delivery.attempts + 1;
    record::Notice notice;
    notice.message = one.key.message;
    notice.kind = about;
    notice.at = outcome.at;
    notice.reverse_path = one.delivery.reverse_path;
    notice.status = "5.1.1";
    notice.remote_host = "mx.away.test";
    notice.diagnostic = "550 5.1.1 no such user";
    notice.by_remote = true;
    for (const auto& waiting : one.delivery.recipients) {
      notice.recipient = waiting.recipient.address;
      notice.original = waiting.recipient.original;
      outcome.recipients.push_back({.recipient = waiting.recipient.address,
                                    .kind = kind,
                                    .facts = {},
                                    .reason = "",
                                    .notice = reporter_->decide(notice, waiting.recipient, {})});
      if (kind == Kind::deferred) {
        outcome.rest.push_back({ToRoute{kAway, outcome.at + std::chrono::minutes(1)},
                                {waiting.recipient},
                                one.delivery.reverse_path,
                                ""});
      }
    }
    ASSERT_TRUE(run(store_.settle({outcome})));
    reporter_->due({one.key.message});
  }
  void bounce_all(MessageId id) {
    for (const QueuedDelivery& one : waiting(id)) settle(one, Kind::bounced, failed);
  }

  // What lies in the one local mailbox, whole.
  std::vector<std::string> inbox() {
    std::vector<std::string> all;
    for (const auto& box : run(store_.mailboxes(AccountId{1})).value()) {
      for (const auto& entry : run(store_.entries(box.id, Uid{0}, 1000)).value()) {
        const auto envelope = run(store_.envelope(entry.message)).value();
        std::string& text = all.emplace_back();
        EXPECT_TRUE(run(append_content(store_, envelope, text)));
      }
    }
    return all;
  }
  std::size_t count(const std::string& text, std::string_view what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++found;
    }
    return found;
  }

  ManualClock clock_{WallTime(Milliseconds(1'790'000'000'000))};
  ModelMailStore store_{clock_};
  TestPlacer placer_;
  Outgoing outgoing_;
  std::size_t postmaster_an_hour_ = 60;
  std::unique_ptr<Reporter> reporter_;
};

TEST_F(ReporterTest, OneDsnTellsAllFailuresOfAMessageThatAreDueTogether) {
  Draft made =
      draft("tom@yahoo.test", {{"a@away.test", {}, "rfc822;A@away.test"}, {"b@away.test", {}, ""}});
  made.options.envid = "order-17";
  const MessageId id = commit(std::move(made));
  bounce_all(id);
  tick();
  const auto mails = inbox();
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(count(mails[0], "Final-Recipient:"), 2U);
  EXPECT_EQ(count(mails[0], "Original-Recipient: rfc822; A@away.test"), 1U);
  EXPECT_EQ(count(mails[0], "Original-Envelope-Id: order-17"), 1U);
  EXPECT_EQ(count(mails[0], "Reporting-MTA: dns; mx.yahoo.test"), 1U);
  EXPECT_EQ(count(mails[0], "Subject: lunch"), 1U) << "the original's header comes back";
  EXPECT_EQ(count(mails[0], "\r\nhi\r\n"), 0U) << "its body was not asked for";
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
  EXPECT_EQ(run(store_.envelope(id)).error().code, Errc::not_found);
  tick(std::chrono::minutes(2));
  EXPECT_EQ(inbox().size(), 1U);
}

TEST_F(ReporterTest, TheBodyComesBackWhereItWasAskedForAndIsSmallAndFailed) {
  const std::string body(70 * 1024, 'x');
  const std::string header = "From: tom@yahoo.test\r\nSubject: big\r\n\r\n";
  for (const bool large : {false, true}) {
    std::string content = concat(header, "the body\r\n");
    if (large) content.append(body).append("\r\n");
    Draft made = draft("tom@yahoo.test", {"a@away.test"}, content);
    made.options.ret = Ret::full;
    bounce_all(commit(std::move(made)));
    tick();
    EXPECT_EQ(count(inbox().back(), "the body"), large ? 0U : 1U);
  }
}

TEST_F(ReporterTest, ADsnGoesOutFromTheNullPathAndNobodyIsToldOfIt) {
  const MessageId id = commit(draft("tom@gmail.test", {"a@away.test"}));
  bounce_all(id);
  tick();
  ASSERT_EQ(outgoing_.mails.size(), 1U);
  const Enqueued& mail = outgoing_.mails[0];
  EXPECT_EQ(mail.deliveries.at(0).key.queue.domain, "gmail.test");
  EXPECT_EQ(mail.deliveries.at(0).delivery.reverse_path, "");
  EXPECT_TRUE(mail.deliveries.at(0).delivery.recipients.at(0).recipient.notify.never());
  const auto envelope = run(store_.envelope(mail.message)).value();
  EXPECT_EQ(envelope.reverse_path, "");
  EXPECT_EQ(mail.content->size(), envelope.size);
}

TEST_F(ReporterTest, ASenderWhoWasRewrittenIsNobodyOfOurs) {
  record::Notice delay;
  delay.kind = record::NoticeKind::delayed;
  delay.reverse_path = "tom@yahoo.test";
  EXPECT_TRUE(reporter_->decide(delay, Recipient("a@away.test"), {}));
  delay.reverse_path = "SRS0=abcd=JL=gmail.test=tom@yahoo.test";
  EXPECT_FALSE(reporter_->decide(delay, Recipient("a@away.test"), {})) << "security.md 21";
}

TEST_F(ReporterTest, RequireTlsIsKeptAndThenOnlyTheHeaderComesBack) {
  Draft made = draft("tom@gmail.test", {"a@away.test"});
  made.options.ret = Ret::full;
  made.options.require_tls = true;
  bounce_all(commit(std::move(made)));
  tick();
  ASSERT_EQ(outgoing_.mails.size(), 1U);
  EXPECT_TRUE(outgoing_.mails[0].options.require_tls);
  EXPECT_EQ(count(*outgoing_.mails[0].content, "\r\nhi\r\n"), 0U);
}

TEST_F(ReporterTest, ItWaitsForFirstAttemptsButNotOverAMinute) {
  const MessageId id = commit(draft("tom@yahoo.test", {"a@away.test", "b@away.test"}));
  settle(waiting(id).at(0), Kind::bounced, failed);
  tick();
  tick(std::chrono::seconds(30));
  EXPECT_TRUE(inbox().empty());
  settle(waiting(id).at(0), Kind::deferred, delayed);  // its first attempt is over
  tick(std::chrono::seconds(30));
  ASSERT_EQ(inbox().size(), 1U);
  EXPECT_EQ(count(inbox()[0], "Action: failed"), 1U);
  EXPECT_EQ(count(inbox()[0], "Action: delayed"), 1U);

  const MessageId other = commit(draft("tom@yahoo.test", {"c@away.test", "d@away.test"}));
  settle(waiting(other).at(0), Kind::bounced, failed);
  tick();
  tick(std::chrono::seconds(59));
  EXPECT_EQ(inbox().size(), 1U);
  tick(std::chrono::seconds(1));
  EXPECT_EQ(inbox().size(), 2U);
}

TEST_F(ReporterTest, TheEndOfARecipientTakesThePlaceOfItsDelay) {
  const MessageId id = commit(draft("tom@yahoo.test", {"a@away.test"}));
  settle(waiting(id).at(0), Kind::deferred, delayed);
  settle(waiting(id).at(0), Kind::expired, failed);
  tick();
  ASSERT_EQ(inbox().size(), 1U);
  EXPECT_EQ(count(inbox()[0], "Final-Recipient:"), 1U);
  EXPECT_EQ(count(inbox()[0], "Action: failed"), 1U);
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
}

TEST_F(ReporterTest, AtMostTenDsnsTellOfAMessageAndTheLastSaysSo) {
  std::vector<Recipient> recipients;
  for (int i = 0; i < 13; ++i) recipients.emplace_back(concat("r", i, "@away.test"));
  const MessageId id = commit(draft("tom@yahoo.test", recipients));
  for (int i = 0; i < 13; ++i) {
    settle(waiting(id).at(0), Kind::bounced, failed);
    tick();
    tick(std::chrono::seconds(60));
  }
  const auto mails = inbox();
  ASSERT_EQ(mails.size(), 10U);
  EXPECT_NE(mails[9].size(), mails[8].size());
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
  EXPECT_EQ(run(store_.envelope(id)).error().code, Errc::not_found);
}

TEST_F(ReporterTest, NoticesOfAnEarlierLifeAreFoundAndToldOnce) {
  std::vector<MessageId> ids;
  for (int i = 0; i < 250; ++i) {
    ids.push_back(commit(draft("tom@yahoo.test", {concat("r", i, "@away.test")})));
    bounce_all(ids.back());
  }
  begin_life();  // nobody tells it of them
  tick();
  EXPECT_EQ(inbox().size(), 250U);
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
  reporter_->due(ids);
  tick();
  EXPECT_EQ(inbox().size(), 250U);
}

TEST_F(ReporterTest, WhatTheStoreRefusesIsTriedAgain) {
  bounce_all(commit(draft("tom@yahoo.test", {"a@away.test"})));
  for (const Errc trouble : {Errc::storage_full, Errc::store_unhealthy}) {
    store_.fail_next_commit(trouble);
    tick(std::chrono::seconds(20));
    EXPECT_TRUE(inbox().empty());
    EXPECT_EQ(run(store_.noticed({}, 9)).value().size(), 1U);
  }
  tick(std::chrono::seconds(20));
  EXPECT_EQ(inbox().size(), 1U);
}

TEST_F(ReporterTest, DelaysAreToldToOurOwnSendersAndOnRequest) {
  const Recipient plain{"a@away.test"};
  const Recipient asked{"a@away.test", Notify{.said = true, .delay = true}, ""};
  for (const Recipient& recipient : {plain, asked}) {
    for (const std::string sender : {"tom@gmail.test", "tom@yahoo.test"}) {
      const MessageId id = commit(draft(sender, {recipient}));
      settle(waiting(id).at(0), Kind::deferred, delayed);
      EXPECT_EQ(run(store_.notices(id)).value().size(),
                sender == "tom@yahoo.test" || recipient == asked ? 1U : 0U);
    }
  }
}

TEST_F(ReporterTest, OfADsnThatCannotBeDeliveredPostmasterReadsAndNobodyElse) {
  bounce_all(commit(draft("tom@gmail.test", {"a@away.test"})));
  tick();
  ASSERT_EQ(outgoing_.mails.size(), 1U);
  const MessageId dsn = outgoing_.mails[0].message;
  bounce_all(dsn);
  tick();
  const auto mails = inbox();
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(count(mails[0], "Final-Recipient: rfc822; tom@gmail.test"), 1U);
  EXPECT_EQ(count(mails[0], "\r\nTo: postmaster@yahoo.test"), 1U) << mails[0];
  EXPECT_EQ(outgoing_.mails.size(), 1U);
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
}

TEST_F(ReporterTest, MailOfOthersFromTheNullPathIsToldToNobody) {
  const MessageId id = commit(draft("", {"a@away.test"}));
  bounce_all(id);
  tick();
  EXPECT_TRUE(inbox().empty());
  EXPECT_TRUE(outgoing_.mails.empty());
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
  EXPECT_EQ(run(store_.envelope(id)).error().code, Errc::not_found);
}

TEST_F(ReporterTest, ASenderWhoIsNotThereMakesADoubleBounceAndNoLoop) {
  bounce_all(commit(draft("nobody@yahoo.test", {"a@away.test"})));
  tick();
  tick();
  ASSERT_EQ(inbox().size(), 1U);
  EXPECT_EQ(count(inbox()[0], "Final-Recipient: rfc822; nobody@yahoo.test"), 1U);
  tick(std::chrono::minutes(2));
  EXPECT_EQ(inbox().size(), 1U);
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
}

TEST_F(ReporterTest, WhatWasForPostmasterAndFailsIsTheEnd) {
  reporter_ = std::make_unique<Reporter>(store_, placer_, clock_,
                                         ReportSettings{"mx.yahoo.test", "nobody@yahoo.test"});
  bounce_all(commit(draft("nobody@yahoo.test", {"a@away.test"})));
  for (int i = 0; i < 10; ++i) tick(std::chrono::minutes(1));
  EXPECT_TRUE(inbox().empty());
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
  EXPECT_EQ(store_.counters().bounced, 3);  // the mail, its DSN, the word to postmaster
}

TEST_F(ReporterTest, PostmasterReadsOfSoManyInAnHourAndTheRestIsOnlyLogged) {
  postmaster_an_hour_ = 3;
  begin_life();
  for (int i = 0; i < 8; ++i) {
    bounce_all(commit(draft("nobody@yahoo.test", {"a@away.test"})));
    tick();
    tick();
  }
  EXPECT_EQ(inbox().size(), 3U);
  EXPECT_TRUE(run(store_.noticed({}, 9)).value().empty());
  clock_.advance(std::chrono::hours(1));
  bounce_all(commit(draft("nobody@yahoo.test", {"a@away.test"})));
  tick();
  tick();
  EXPECT_EQ(inbox().size(), 4U);
}

TEST_F(ReporterTest, DsnsToOneAddressOverItsShareWaitAndAreNotLost) {
  reporter_ = std::make_unique<Reporter>(store_, placer_, clock_,
                                         ReportSettings{"mx.yahoo.test", "", 60, 5});
  for (int i = 0; i < 8; ++i) bounce_all(commit(draft("tom@yahoo.test", {"a@away.test"})));
  tick();
  EXPECT_EQ(inbox().size(), 5U);
  tick(std::chrono::minutes(30));
  EXPECT_EQ(inbox().size(), 5U);
  tick(std::chrono::minutes(31));
  EXPECT_EQ(inbox().size(), 8U);
}

}  // namespace
}  // namespace mail
