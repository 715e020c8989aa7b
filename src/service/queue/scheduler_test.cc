#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "service/queue/backoff.h"
#include "service/queue/test_desk.h"

namespace mail::queue {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = RecipientOutcome::Kind;
using Verdict = smtp::Verdict;

TEST(Backoff, DoublesFromOneMinuteToFourHoursWithJitter) {
  for (std::uint64_t random = 0; random < 1'000'000'000; random += 7'777'777) {
    EXPECT_GE(backoff(1, minutes(1), hours(4), random), minutes(1));
    EXPECT_LE(backoff(1, minutes(1), hours(4), random), seconds(75));
    EXPECT_GE(backoff(4, minutes(1), hours(4), random), minutes(6));
    EXPECT_LE(backoff(4, minutes(1), hours(4), random), minutes(10));
    EXPECT_GE(backoff(4'000'000, minutes(1), hours(4), random), hours(3));
    EXPECT_LE(backoff(4'000'000, minutes(1), hours(4), random), hours(4));
  }
  EXPECT_EQ(backoff(3, minutes(1), minutes(1), 9), minutes(1));
}

TEST(Scheduler, FreshMailGoesAtOnceWithoutReadingTheDisk) {
  Desk desk;
  desk.add("yahoo.test", {"jerry@yahoo.test"});
  desk.turn();
  ASSERT_EQ(desk.jobs.size(), 1U);
  EXPECT_NE(desk.jobs[0].parcels.at(0).content, nullptr);
  desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 1U);
  EXPECT_TRUE(desk.disk.empty());
  EXPECT_EQ(desk.leases, 0U);
  EXPECT_EQ(desk.scheduler->status().in_memory, 0U);
}

TEST(Scheduler, WhatWasStagedGoesAtOnceTooAndIsReadWhenItIsSent) {
  Desk desk;
  desk.staged = true;
  desk.add("yahoo.test", {"jerry@yahoo.test"});
  desk.turn();
  ASSERT_EQ(desk.jobs.size(), 1U);
  EXPECT_EQ(desk.jobs[0].parcels.at(0).content, nullptr);
  EXPECT_TRUE(std::holds_alternative<record::KvBody>(desk.jobs[0].parcels.at(0).body));
  EXPECT_EQ(desk.leases, 0U);
}

// RFC 3461 §5.2.7.1 (b)
TEST(Scheduler, WhatAListSendsOnDoesNotCarryItsSendersEnvelopeId) {
  Desk desk;
  MailOptions options;
  options.envid = "QQ314159";
  options.ret = Ret::full;
  desk.add("a.test", {"x@a.test"}, "1", options);
  desk.sender = "somebody@else.test";
  desk.add("b.test", {"x@b.test"}, "1", options);
  desk.turn();
  ASSERT_EQ(desk.jobs.size(), 2U);
  EXPECT_EQ(desk.jobs[0].parcels.at(0).options.envid, "QQ314159");
  EXPECT_EQ(desk.jobs[1].parcels.at(0).options, MailOptions{});
}

TEST(Scheduler, OneBadRecipientDelaysNoOther) {
  Desk desk;
  const MessageId id = desk.add("a.test", {"good@a.test", "full@a.test", "nobody@a.test"});
  desk.turn();
  const Job job = desk.take_job();
  desk.attempt(job.parcels.at(0), {Desk::verdict(Verdict::Kind::accepted),
                                   Desk::verdict(Verdict::Kind::deferred, "4.2.2"),
                                   Desk::verdict(Verdict::Kind::rejected, "5.1.1")});
  desk.scheduler->job_done(job.site, job.slot, {}, std::nullopt, desk.now);
  desk.turn();
  EXPECT_EQ(desk.count(Kind::delivered), 1U);
  EXPECT_EQ(desk.count(Kind::bounced), 1U);
  const Loaded& waits = desk.row(id);
  ASSERT_EQ(waits.row.delivery.recipients.size(), 1U);
  EXPECT_EQ(waits.row.delivery.recipients[0].recipient.address, "full@a.test");
  EXPECT_EQ(waits.row.delivery.attempts, 1U);
  EXPECT_GE(waits.row.key.due, desk.now.wall + minutes(1));
  desk.pass(minutes(2));
  ASSERT_EQ(desk.jobs.size(), 1U);
  desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 2U);
}

TEST(Scheduler, DomainsWithTheSameHostsShareASiteAndItsLimit) {
  Desk desk;
  desk.share_a_site({"a.test", "b.test"});
  for (const std::string domain : {"a.test", "b.test"}) desk.add_many(400, domain, "1");
  std::set<std::uint64_t> sites;
  for (const Job& job : desk.jobs) sites.insert(job.site);
  EXPECT_EQ(sites.size(), 1U);
  EXPECT_EQ(desk.jobs.size(), 5U);  // until it has shown that it can more
  std::size_t most = 0;
  while (!desk.jobs.empty()) {
    most = std::max(most, desk.jobs.size());
    desk.finish(desk.take_job());
  }
  EXPECT_LE(most, 20U);
  EXPECT_GT(most, 5U);
  EXPECT_EQ(desk.count(Kind::delivered), 800U);
}

// RFC 5321 §4.5.4.1
TEST(Scheduler, WhatAMessageHasForOneSiteGoesTogetherWhateverTheDomains) {
  QueueSettings settings;
  settings.connections_per_site = 1;
  Desk desk(settings);
  desk.share_a_site({"a.test", "b.test", "c.test"});
  for (const std::string domain : {"a.test", "b.test", "c.test", "other.test"}) {
    desk.add(domain, {concat("first@", domain)});  // now their hosts are known
    desk.turn();
  }
  while (desk.jobs.size() > 2) desk.finish(desk.take_job());
  desk.add_many(500, "b.test", "1");
  const MessageId id = desk.add({{"a.test", {"x@a.test"}},
                                 {"b.test", {"x@b.test", "y@b.test"}},
                                 {"c.test", {"x@c.test"}},
                                 {"other.test", {"x@other.test"}}});
  desk.turn();
  std::size_t together = 0;
  while (!desk.jobs.empty()) {
    const Job job = desk.take_job();
    std::vector<std::string> domains;
    for (const Parcel& parcel : job.parcels) {
      if (parcel.key.message == id) domains.push_back(parcel.key.queue.domain);
    }
    const auto first =
        std::ranges::find(job.parcels, id, [](const Parcel& parcel) { return parcel.key.message; });
    if (domains.size() == 3) {
      ++together;
      EXPECT_EQ((first + 1)->key.message, id);
      EXPECT_EQ((first + 2)->key.message, id);
    } else {
      EXPECT_TRUE(domains.empty() || domains == std::vector<std::string>{"other.test"});
    }
    desk.finish(job);
  }
  EXPECT_EQ(together, 1U) << "it waited for the turn of one of them, once";
  EXPECT_EQ(desk.count(Kind::delivered), 509U);
  EXPECT_EQ(desk.scheduler->status().in_memory, 0U);
}

TEST(Scheduler, ADomainIsLookedUpAgainWhenItsTtlIsOver) {
  Desk desk;
  const auto sent_to = [&] {
    desk.add("a.test", {"x@a.test"});
    desk.turn();
    const Job job = desk.take_job();
    desk.finish(job);
    return job.destination->name;
  };
  desk.share_a_site({"a.test"});
  EXPECT_EQ(sent_to(), "mx.big.test");
  desk.dns.at("a.test").site = desk.dns.at("a.test").name = "mx.new.test";
  desk.pass(minutes(59));
  EXPECT_EQ(sent_to(), "mx.big.test");
  desk.pass(minutes(2));
  EXPECT_EQ(sent_to(), "mx.new.test");
}

TEST(Scheduler, ANewsletterOf100000DoesNotDelayAPasswordResetByMoreThanOneSlot) {
  QueueSettings settings;
  settings.window = 2000;
  Desk desk(settings);
  desk.add_many(100'000, "big.test", "news/bulk");
  desk.pass(seconds(6));
  ASSERT_EQ(desk.jobs.size(), 5U);
  EXPECT_LE(desk.scheduler->status().in_memory, 2000U);
  const MessageId reset = desk.add("big.test", {"user@big.test"}, "shop/transactional");
  desk.turn();
  desk.finish(desk.take_job());  // one slot gets free
  EXPECT_EQ(desk.jobs.back().parcels.at(0).key.message, reset);
  std::size_t rounds = 0;
  while (!desk.jobs.empty() && ++rounds < 20'000) desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 100'001U);
  EXPECT_TRUE(desk.disk.empty());
}

TEST(Scheduler, LanesThatHaveMuchShareByWeight) {
  QueueSettings settings;
  settings.connections_per_site = 1;
  settings.stream_weights = {{"a", 30}, {"b", 10}};
  Desk desk(settings);
  desk.add_many(500, "big.test", "a");
  desk.add_many(500, "big.test", "b");
  std::map<std::string, int> sent;
  for (int i = 0; i < 8; ++i) {
    const Job job = desk.take_job();
    for (const Parcel& parcel : job.parcels) ++sent[parcel.key.queue.lane];
    desk.finish(job);
  }
  EXPECT_NEAR(static_cast<double>(sent["a"]) / sent["b"], 3.0, 0.8);
}

TEST(Scheduler, ADeadSiteWaitsWithoutRewritingWhatWaitsForItAndDelaysNoOther) {
  Desk desk;
  desk.add_many(1000, "dead.test", "1");
  const std::size_t tried = desk.jobs.size();
  std::size_t parcels = 0;
  for (const Job& job : desk.jobs) parcels += job.parcels.size();
  while (!desk.jobs.empty()) desk.fail(desk.take_job());
  EXPECT_EQ(tried, 5U);
  EXPECT_EQ(desk.outcomes.size(), parcels);
  EXPECT_EQ(desk.scheduler->status().in_memory, 0U);  // all of it waits on disk
  EXPECT_EQ(desk.scheduler->status().sites_down, 1U);
  desk.add_many(3, "well.test", "1");
  ASSERT_EQ(desk.jobs.size(), 1U);
  desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 3U);

  desk.pass(minutes(2));
  ASSERT_EQ(desk.jobs.size(), 1U) << "one job shows whether it is back";
  EXPECT_LE(desk.jobs[0].parcels.size(), 10U);
  desk.fail(desk.take_job());
  EXPECT_TRUE(desk.jobs.empty());
  EXPECT_LE(desk.outcomes.size(), parcels + 3 + 10);
  desk.pass(minutes(4));
  ASSERT_EQ(desk.jobs.size(), 1U);
  desk.finish(desk.take_job());  // it is back
  EXPECT_GT(desk.jobs.size(), 1U);
  desk.pass(minutes(10));
  while (!desk.jobs.empty()) desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 1003U);
}

TEST(Scheduler, ADomainWhoseDnsFailsWaitsAloneAndNeverBouncesBeforeItsTime) {
  Desk desk;
  desk.dns["lost.test"] = {.kind = Resolution::Kind::failed,
                           .hosts = {},
                           .site = {},
                           .name = {},
                           .enhanced = "4.4.3",
                           .why = "no server answered"};
  desk.add_many(100, "lost.test", "1");
  EXPECT_TRUE(desk.jobs.empty());
  EXPECT_GE(desk.outcomes.size(), 1U);
  EXPECT_LE(desk.outcomes.size(), 10U);
  EXPECT_EQ(desk.count(Kind::bounced), 0U);
  desk.dns.clear();
  desk.pass(minutes(3));
  while (!desk.jobs.empty()) desk.finish(desk.take_job());
  desk.pass(minutes(3));
  while (!desk.jobs.empty()) desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 100U);
}

TEST(Scheduler, ANullMxBouncesAtOnceWithItsStatus) {
  Desk desk;
  desk.dns["null.test"] = {.kind = Resolution::Kind::refused,
                           .hosts = {},
                           .site = {},
                           .name = {},
                           .enhanced = "5.1.10",
                           .why = "takes no mail",
                           .ttl = hours(1)};
  desk.add_many(3, "null.test", "1");
  EXPECT_EQ(desk.count(Kind::bounced), 3U);
  EXPECT_EQ(desk.outcomes[0].recipients[0].notice->status, "5.1.10");
}

TEST(Scheduler, NothingExpiresWithoutAnAttemptMadeAfterItsAge) {
  Desk desk;
  desk.add("a.test", {"x@a.test"});
  desk.turn();
  const Job slow = desk.take_job();
  desk.pass(days(5));  // the attempt began before
  SiteTrouble trouble;
  desk.scheduler->job_done(slow.site, slow.slot, slow.parcels, trouble, desk.now);
  desk.turn();
  EXPECT_EQ(desk.count(Kind::deferred), 1U);
  EXPECT_EQ(desk.count(Kind::expired), 0U);
  desk.pass(hours(4));
  ASSERT_EQ(desk.jobs.size(), 1U);
  desk.fail(desk.take_job());
  EXPECT_EQ(desk.count(Kind::expired), 1U);
  const auto& notice = desk.outcomes.back().recipients[0].notice;
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->kind, record::NoticeKind::failed);
  EXPECT_EQ(notice->status, "4.4.7");
}

TEST(Scheduler, WhatWaitsBehindADeadSiteExpiresWithTheConnectionThatFailed) {
  Desk desk;
  desk.add_many(1000, "dead.test", "1");
  std::size_t rounds = 0;
  while (!desk.disk.empty() && ++rounds < 10'000) {
    while (!desk.jobs.empty()) desk.fail(desk.take_job());
    desk.pass(minutes(30));
  }
  EXPECT_EQ(desk.count(Kind::expired), 1000U);
  EXPECT_LT(desk.now.wall, WallTime(days(20'000)) + days(5) + hours(10));
}

TEST(Scheduler, WhatWaitsBehindADeadSiteIsLookedThroughWithPatience) {
  Desk desk;
  desk.add_many(1000, "dead.test", "1");
  EXPECT_EQ(desk.patient_leases, 0U);
  while (!desk.jobs.empty()) desk.fail(desk.take_job());
  desk.pass(minutes(1));
  EXPECT_GE(desk.patient_leases, 3U);
  // Mail that flows is leased at once.
  const std::size_t before = desk.patient_leases;
  desk.add_many(1000, "live.test", "1");
  while (!desk.jobs.empty()) desk.finish(desk.take_job());
  EXPECT_EQ(desk.patient_leases, before);
}

TEST(Scheduler, OneQueueOfADeadSiteIsLookedThroughAtATime) {
  Desk desk;
  for (const char* lane : {"1", "2", "3", "4"}) desk.add_many(300, "dead.test", lane);
  while (!desk.jobs.empty()) desk.fail(desk.take_job());
  desk.pass(minutes(1));
  EXPECT_GE(desk.patient_leases, 4U);
  EXPECT_EQ(desk.patient_at_once, 1);
}

TEST(Scheduler, TheSenderIsToldOnceOfADelayAlsoOfWhatWasNeverTried) {
  Desk desk;
  desk.add_many(300, "dead.test", "1");
  for (int i = 0; i < 60; ++i) {
    while (!desk.jobs.empty()) desk.fail(desk.take_job());
    desk.pass(minutes(20));
  }
  std::map<std::string, int> told;
  for (const Outcome& outcome : desk.outcomes) {
    for (const RecipientOutcome& each : outcome.recipients) {
      if (each.notice && each.notice->kind == record::NoticeKind::delayed) ++told[each.recipient];
    }
  }
  EXPECT_EQ(told.size(), 300U);
  for (const auto& [recipient, times] : told) EXPECT_EQ(times, 1) << recipient;
}

TEST(Scheduler, ByModeReturnComesBackAtItsDeadlineWithoutAnotherTry) {  // RFC 2852 §4.1.3
  Desk desk;
  MailOptions options;
  options.deliver_by = DeliverBy{desk.now.wall + minutes(10), DeliverBy::Mode::return_, false};
  desk.add("a.test", {"x@a.test"}, "1", options);
  desk.turn();
  for (int i = 0; i < 20; ++i) {
    while (!desk.jobs.empty()) {
      EXPECT_LT(desk.now.wall, options.deliver_by->until);
      desk.finish(desk.take_job(), Verdict::Kind::deferred, "4.2.0");
    }
    desk.pass(minutes(1));
  }
  EXPECT_EQ(desk.count(Kind::expired), 1U);
  EXPECT_EQ(desk.outcomes.back().recipients[0].notice->status, "5.4.7");
}

TEST(Scheduler, ClockThatJumpsPausesExpiryAndRecomputesDueTimes) {
  Desk desk;
  desk.add("a.test", {"x@a.test"});
  desk.turn();
  desk.finish(desk.take_job(), Verdict::Kind::deferred, "4.2.0");
  desk.now.wall += days(30);
  desk.turn();
  ASSERT_EQ(desk.jobs.size(), 1U);
  desk.finish(desk.take_job(), Verdict::Kind::deferred, "4.2.0");
  EXPECT_EQ(desk.count(Kind::expired), 0U) << "the clock is in doubt";
  desk.now.wall -= days(60);
  desk.turn();
  desk.pass(seconds(1));
  ASSERT_EQ(desk.jobs.size(), 1U) << "its due time was said by another clock";
  desk.finish(desk.take_job());
  EXPECT_TRUE(desk.disk.empty());
}

TEST(Scheduler, AfterARestartWhatWaitsIsFoundAgainAndADomainMayHaveBecomeLocal) {
  Desk desk;
  desk.add_many(300, "a.test", "1");
  desk.add_many(20, "b.test", "1");
  desk.placer.local = "b.test";
  desk.pass(seconds(10));
  desk.reboot();
  while (!desk.jobs.empty()) desk.finish(desk.take_job());
  EXPECT_EQ(desk.count(Kind::delivered), 300U);
  EXPECT_TRUE(desk.disk.empty());
  std::size_t local = 0;
  std::size_t told = 0;
  for (const Outcome& outcome : desk.outcomes) {
    for (const Delivery& rest : outcome.rest)
      local += std::holds_alternative<ToMailbox>(rest.target);
    for (const record::Notice& notice : outcome.notices) {
      EXPECT_EQ(notice.kind, record::NoticeKind::delivered);  // the policy says who is told
      ++told;
    }
  }
  EXPECT_EQ(local, 20U);
  EXPECT_EQ(told, 20U);
}

TEST(Scheduler, MailTakesTodaysRoute) {
  Desk desk;
  const MessageId id = desk.add("a.test", {"x@a.test"});
  desk.turn();
  desk.fail(desk.take_job());
  auto route = std::make_shared<Route>();
  route->kind = Route::Kind::smtp;
  route->to = "smtp://hub.test";
  route->host = "hub.test";
  desk.scheduler->reload({},
                         std::make_shared<const Routes>(
                             std::map<std::string, std::shared_ptr<const Route>>{{"a.test", route}},
                             std::map<std::string, std::shared_ptr<const Route>>{}),
                         desk.now);
  desk.pass(minutes(2));
  ASSERT_EQ(desk.jobs.size(), 1U);
  EXPECT_EQ(desk.jobs[0].destination->route->to, "smtp://hub.test");
  EXPECT_EQ(desk.row(id).row.key.queue.route, "smtp://hub.test");
}

TEST(Scheduler, RetryGoesNowWhateverTheBackOffOfItsSite) {
  Desk desk;
  const MessageId id = desk.add("a.test", {"x@a.test"});
  desk.add_many(50, "a.test", "1");
  while (!desk.jobs.empty()) desk.fail(desk.take_job());
  const Loaded row = desk.row(id);
  const Explanation why = desk.scheduler->explain(row.row.key, row.row.delivery, desk.now);
  EXPECT_GT(why.next_try, desk.now.wall);
  EXPECT_NE(why.reason.find("connection refused"), std::string::npos) << why.reason;
  EXPECT_TRUE(desk.scheduler->retry(row, desk.now));
  desk.turn();
  ASSERT_EQ(desk.jobs.size(), 1U);
  EXPECT_EQ(desk.jobs[0].parcels.at(0).key.message, id);
  EXPECT_FALSE(desk.scheduler->hold(desk.row(id), "no", desk.now)) << "it is being sent";
}

TEST(Scheduler, ASiteThatTakesFewConnectionsIsNotDown) {
  Desk desk;
  desk.add_many(200, "a.test", "1");
  ASSERT_EQ(desk.jobs.size(), 5U);
  desk.attempt(desk.jobs[0].parcels.at(0), {Desk::verdict(Verdict::Kind::accepted)});
  desk.fail(desk.take_job(4));
  EXPECT_EQ(desk.scheduler->status().sites_down, 0U);
  EXPECT_EQ(desk.count(Kind::deferred), 0U);
  EXPECT_EQ(desk.jobs.size(), 4U);
}

}  // namespace
}  // namespace mail::queue
