#include "service/examination/examiner.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/executor.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "platform/tls/crypto.h"
#include "service/examination/held_resolver.h"

namespace mail {
namespace {

using namespace std::chrono_literals;
using mailauth::Findings;

const IpAddress kClient = IpAddress::parse("192.0.2.1").value();
constexpr std::string_view kBody = "Hello\r\n";

const std::shared_ptr<const crypto::PrivateKey>& key() {
  static const auto made =
      tls::kCrypto.read_private_key(tls::generate_key(crypto::KeyKind::ed25519, 256).value())
          .value();
  return made;
}
std::string key_record() {
  return "v=DKIM1; k=ed25519; p=" + base64_encode(key()->public_octets());
}

ReversePath path_of(std::string_view address) {
  if (address.empty()) return {};
  return {Mailbox::parse(address).value()};
}

class ExaminerTest : public testing::Test {
 protected:
  ExaminerTest() { Executor::set_current(&loop_); }
  ~ExaminerTest() override {
    for (int turn = 0; turn < 4; ++turn) {  // answers that nobody waited for
      bool done = false;
      loop_.post([&] { done = true; });
      loop_.run_until([&] { return done; });
    }
    Executor::set_current(nullptr);
  }

  std::string header(std::string_view from, std::string_view more = "") const {
    return concat(more, "From: ", from, "\r\nTo: b@there.test\r\nSubject: x\r\n\r\n");
  }
  std::string signature(std::string_view domain, std::string_view block) const {
    dkim::BodyHasher hasher(tls::kCrypto);
    hasher.update(kBody);
    return dkim::sign(block, hasher.finish(), {std::string(domain), "s", key()}, clock_.wall_now(),
                      tls::kCrypto)
        .value();
  }
  std::unique_ptr<Examiner> open(dns::Resolver& resolver, std::string_view mail_from,
                                 std::string_view helo = "mail.one.test") {
    return std::make_unique<Examiner>(
        ExaminerTools{resolver, tls::kCrypto, clock_, nullptr, nullptr, "mx.ours.test"}, kClient,
        std::string(helo), path_of(mail_from));
  }
  MonoTime in(std::chrono::milliseconds time) const { return clock_.mono_now() + time; }
  Findings examine(dns::Resolver& resolver, std::string_view mail_from, std::string_view block) {
    const auto examiner = open(resolver, mail_from);
    examiner->header(block);
    examiner->body(kBody.substr(0, 2));
    examiner->body(kBody.substr(2));
    return block_on(loop_, examiner->finish(in(5s)));
  }
  // Starts to wait for the end; `out` has it some time later.
  void start(Examiner& examiner, std::optional<Findings>& out) {
    detail::store_result(examiner.finish(in(4s)), &out);
  }
  void advance(HeldResolver& resolver, std::chrono::milliseconds time) {
    clock_.advance(time);
    resolver.pass(clock_.mono_now());
  }
  void publish_one() {
    dns_.txt("one.test", "v=spf1 ip4:192.0.2.1 -all")
        .txt("s._domainkey.one.test", key_record())
        .txt("_dmarc.one.test", "v=DMARC1; p=reject");
  }

  ManualClock clock_{WallTime(Milliseconds(1'800'000'000'000))};
  dns::TableResolver dns_;
  LoopExecutor loop_;
};

TEST_F(ExaminerTest, EverythingPassesForMailThatItsDomainSigned) {
  publish_one();
  dns_.txt("mail.one.test", "v=spf1 -all");
  const std::string block = header("a@one.test");
  for (const bool later : {false, true}) {
    if (later) dns_.answer_later();
    const Findings found = examine(dns_, "a@one.test", signature("one.test", block) + block);
    EXPECT_EQ(found.spf.verdict, spf::Verdict::pass);
    EXPECT_EQ(found.spf.domain, "one.test");
    EXPECT_EQ(found.spf_helo.verdict, spf::Verdict::fail);
    ASSERT_EQ(found.dkim.signatures.size(), 1u);
    EXPECT_EQ(found.dkim.signatures[0].verdict, dkim::Verdict::pass)
        << found.dkim.signatures[0].reason;
    EXPECT_EQ(found.arc.verdict, arc::Verdict::none);
    ASSERT_EQ(found.dmarc.size(), 1u);
    EXPECT_EQ(found.dmarc[0].verdict, dmarc::Verdict::pass) << found.dmarc[0].reason;
    EXPECT_EQ(found.dmarc[0].aligned_dkim, "one.test");
  }
}

TEST_F(ExaminerTest, AForgerHasNothingAligned) {
  publish_one();
  dns_.txt("evil.test", "v=spf1 +all").txt("s._domainkey.evil.test", key_record());
  const std::string block = header("a@one.test");
  const Findings found = examine(dns_, "x@evil.test", signature("evil.test", block) + block);
  EXPECT_EQ(found.spf.verdict, spf::Verdict::pass);
  EXPECT_EQ(found.dkim.signatures.at(0).verdict, dkim::Verdict::pass);
  EXPECT_EQ(found.dmarc_decisive()->verdict, dmarc::Verdict::fail);
  EXPECT_EQ(found.dmarc_decisive()->policy, dmarc::Policy::reject);
}

TEST_F(ExaminerTest, ABounceIsJudgedByItsHelo) {
  dns_.txt("mail.one.test", "v=spf1 ip4:192.0.2.1 -all").txt("_dmarc.one.test", "v=DMARC1; p=none");
  const Findings found = examine(dns_, "", header("a@one.test"));
  EXPECT_EQ(found.spf.verdict, spf::Verdict::pass);
  EXPECT_EQ(found.spf.domain, "mail.one.test");
  EXPECT_EQ(found.spf_helo.verdict, spf::Verdict::pass);
  EXPECT_EQ(found.dmarc_decisive()->aligned_spf, "mail.one.test");
  EXPECT_EQ(dns_.questions("mail.one.test", dns::Type::txt), 1u);
}

TEST_F(ExaminerTest, EveryAuthorDomainIsJudgedAndNoneWhereThereIsNone) {
  publish_one();
  dns_.txt("_dmarc.two.test", "v=DMARC1; p=quarantine");
  const Findings two = examine(dns_, "a@one.test", header("a@one.test, b@two.test"));
  ASSERT_EQ(two.dmarc.size(), 2u);
  EXPECT_EQ(two.dmarc[0].verdict, dmarc::Verdict::pass);
  EXPECT_EQ(two.dmarc_decisive()->domain, "two.test");
  EXPECT_EQ(two.dmarc_decisive()->verdict, dmarc::Verdict::fail);
  EXPECT_EQ(examine(dns_, "a@one.test", header("<@x.test:a@one.test>")).dmarc_decisive(), nullptr);
}

TEST_F(ExaminerTest, SpfAloneCanBeAskedForAtAnyTime) {
  publish_one();
  const auto examiner = open(dns_, "a@one.test");
  EXPECT_EQ(block_on(loop_, examiner->spf(in(5s))).verdict, spf::Verdict::pass);
  EXPECT_EQ(block_on(loop_, examiner->spf(in(5s))).verdict, spf::Verdict::pass);
  EXPECT_EQ(block_on(loop_, examiner->finish(in(5s))).spf.verdict, spf::Verdict::pass);
}

TEST_F(ExaminerTest, AsksForEverythingAsSoonAsItIsKnown) {
  publish_one();
  HeldResolver resolver(dns_);
  const auto examiner = open(resolver, "a@one.test");
  EXPECT_TRUE(resolver.waits("one.test"));
  EXPECT_TRUE(resolver.waits("mail.one.test"));
  const std::string block = header("a@one.test");
  examiner->header(signature("one.test", block) + block);
  EXPECT_TRUE(resolver.waits("s._domainkey.one.test"));
  EXPECT_TRUE(resolver.waits("_dmarc.one.test"));
  EXPECT_EQ(resolver.asked(), 4u);
  std::optional<Findings> findings;
  examiner->body(kBody);
  start(*examiner, findings);
  while (!findings && resolver.waiting() > 0) resolver.release_newest();
  ASSERT_TRUE(findings.has_value());
  EXPECT_EQ(findings->dmarc_decisive()->verdict, dmarc::Verdict::pass);
  resolver.release();
}

TEST_F(ExaminerTest, WhatIsNotKnownInTimeIsATemporaryError) {
  publish_one();
  HeldResolver resolver(dns_);
  const auto examiner = open(resolver, "a@one.test");
  const std::string block = header("a@one.test");
  examiner->header(signature("one.test", block) + block);
  examiner->body(kBody);
  std::optional<Findings> findings;
  start(*examiner, findings);
  advance(resolver, 2900ms);
  EXPECT_FALSE(findings.has_value());
  advance(resolver, 200ms);  // three quarters
  EXPECT_FALSE(findings.has_value());
  advance(resolver, 1s);
  ASSERT_TRUE(findings.has_value());
  EXPECT_EQ(findings->spf.verdict, spf::Verdict::temperror);
  EXPECT_EQ(findings->dkim.signatures.at(0).verdict, dkim::Verdict::temperror);
  EXPECT_EQ(findings->dmarc_decisive()->verdict, dmarc::Verdict::temperror);
  resolver.release();
}

// RFC 7208 §4.6.4 limits what the DNS takes, not what the client takes.
TEST_F(ExaminerTest, ASlowClientUsesUpNoneOfTheTimeOfTheDns) {
  publish_one();
  dns_.txt("_dmarc.sub.one.test", "v=DMARC1; p=reject; adkim=r");  // alignment asks for more
  HeldResolver resolver(dns_);
  const auto examiner = open(resolver, "x@mail.one.test");
  resolver.release();
  advance(resolver, 5min);  // a thousand recipients
  const std::string block = header("a@sub.one.test");
  examiner->header(signature("one.test", block) + block);
  EXPECT_TRUE(resolver.waits("s._domainkey.one.test"));
  resolver.release();
  advance(resolver, 5min);  // a body by modem
  examiner->body(kBody);
  std::optional<Findings> findings;
  start(*examiner, findings);
  EXPECT_FALSE(findings.has_value());  // only now it asks where one.test belongs
  resolver.release();
  ASSERT_TRUE(findings.has_value());
  EXPECT_EQ(findings->dkim.signatures.at(0).verdict, dkim::Verdict::pass);
  EXPECT_EQ(findings->dmarc_decisive()->verdict, dmarc::Verdict::pass)
      << findings->dmarc_decisive()->reason;
}

TEST_F(ExaminerTest, EachQuestionHasTwentySecondsFromWhenItCouldBeAsked) {
  publish_one();
  HeldResolver resolver(dns_);
  const auto examiner = open(resolver, "a@one.test");
  advance(resolver, 15s);
  const std::string block = header("a@one.test");
  examiner->header(signature("one.test", block) + block);
  advance(resolver, 6s);  // SPF has had its time
  EXPECT_FALSE(resolver.waits("one.test"));
  EXPECT_TRUE(resolver.waits("s._domainkey.one.test"));
  resolver.release();
  examiner->body(kBody);
  std::optional<Findings> findings;
  start(*examiner, findings);
  resolver.release();
  ASSERT_TRUE(findings.has_value());
  EXPECT_EQ(findings->spf.verdict, spf::Verdict::temperror);
  EXPECT_EQ(findings->dmarc_decisive()->verdict, dmarc::Verdict::pass);
}

// Nor by questions: see the next.
TEST_F(ExaminerTest, AStrangerCannotHideAPolicyBehindSlowServers) {
  publish_one();
  HeldResolver resolver(dns_);
  const auto examiner = open(resolver, "x@evil.test");
  examiner->header(header("a@deep.sub.one.test"));
  std::optional<Findings> findings;
  start(*examiner, findings);
  resolver.release("evil.test");
  advance(resolver, 3100ms);
  resolver.release();
  ASSERT_TRUE(findings.has_value());
  EXPECT_EQ(findings->spf.verdict, spf::Verdict::temperror);
  EXPECT_EQ(findings->dmarc_decisive()->verdict, dmarc::Verdict::fail);
  EXPECT_EQ(findings->dmarc_decisive()->policy, dmarc::Policy::reject);
}

TEST_F(ExaminerTest, AStrangerCannotHideAPolicyBehindManyQuestions) {
  publish_one();
  std::string record = "v=spf1";
  for (int i = 0; i < 9; ++i) {
    append(record, " mx:m", i, ".test");
    for (int j = 0; j < 10; ++j) {
      dns_.mx(concat("m", i, ".test"), 1, concat("h", i, j, ".test"));
      dns_.a(concat("h", i, j, ".test"), "203.0.113.1");
    }
  }
  dns_.txt("evil.test", record + " +all");
  std::string block;
  for (int i = 0; i < 100; ++i) {
    append(block, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=one.test; s=x", i,
           "; h=from:to:subject; bh=", base64_encode(std::string(32, 'x')),
           "; b=", base64_encode(std::string(64, 'x')), "\r\n");
  }
  const Findings found = examine(dns_, "x@evil.test", header("a@sub.one.test", block));
  EXPECT_LE(dns_.questions(), static_cast<std::size_t>(kMaxQuestions));
  EXPECT_EQ(found.spf.verdict, spf::Verdict::temperror);
  EXPECT_EQ(found.dkim.signatures.size(), dkim::kMaxSignatures);
  for (const auto& signature : found.dkim.signatures) {
    EXPECT_EQ(signature.verdict, dkim::Verdict::permerror) << signature.reason;
  }
  EXPECT_EQ(found.dmarc_decisive()->verdict, dmarc::Verdict::fail)
      << found.dmarc_decisive()->reason;
}

TEST_F(ExaminerTest, AnswersThatComeWhenItIsGoneHurtNobody) {
  publish_one();
  HeldResolver resolver(dns_);
  auto examiner = open(resolver, "a@one.test");
  examiner->header(header("a@one.test"));
  examiner.reset();
  resolver.release();
  EXPECT_EQ(resolver.asked(), 3u);
}

Task<void> wait_for(Examiner& examiner, MonoTime deadline) { co_await examiner.finish(deadline); }

TEST_F(ExaminerTest, WhoWaitsMayBeThrownAwayWithIt) {
  publish_one();
  HeldResolver resolver(dns_);
  auto examiner = open(resolver, "a@one.test");
  examiner->header(header("a@one.test"));
  // As a session is: its frame goes while it waits.
  auto session = std::make_unique<Task<void>>(wait_for(*examiner, in(5s)));
  session->await_suspend(std::noop_coroutine()).resume();
  session.reset();
  examiner.reset();
  resolver.release();
}

}  // namespace
}  // namespace mail
