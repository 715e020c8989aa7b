#include "codec/mailauth/dmarc.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/resolver.h"
#include "base/task.h"
#include "codec/dns/table_resolver.h"
#include "codec/mailauth/dmarc_record.h"

namespace mail::dmarc {
namespace {

using dns::Type;

Task<Outcome> evaluate_with(dns::Resolver& resolver, Subject subject) {
  Evaluator evaluator(std::move(subject));
  while (!evaluator.questions().empty()) {
    std::vector<dns::Answer> answers;
    for (const Question& question : evaluator.questions()) {
      answers.push_back(co_await resolver.ask(question.name, question.type, MonoTime{}));
    }
    evaluator.answer(std::move(answers));
  }
  co_return evaluator.outcome();
}

class Dmarc : public testing::Test {
 protected:
  Outcome judge(Subject subject) {
    LoopExecutor loop;
    return block_on(loop, evaluate_with(dns_, std::move(subject)));
  }
  Verdict by_spf(std::string author, std::string spf) {
    return judge({.author_domain = std::move(author), .spf_domain = std::move(spf)}).verdict;
  }

  dns::TableResolver dns_;
};

TEST_F(Dmarc, WithoutARecordDoesNotApply) {
  const Outcome outcome =
      judge({.author_domain = "a.example.test", .spf_domain = "a.example.test"});
  EXPECT_EQ(outcome.verdict, Verdict::none);
  EXPECT_EQ(outcome.reason, "a.example.test has no DMARC policy");
  EXPECT_EQ(dns_.questions(), 3u);
  for (const std::string_view author : {"", "localhost", "[192.0.2.1]", "a b.test", "a..test"}) {
    EXPECT_EQ(judge({.author_domain = std::string(author)}).verdict, Verdict::none) << author;
  }
  EXPECT_EQ(dns_.questions(), 3u);
}

TEST_F(Dmarc, TheSameDomainIsAlignedWithOneQuestion) {
  dns_.txt("_dmarc.example.test", "v=DMARC1; p=reject");
  const Outcome outcome =
      judge({.author_domain = "Example.TEST", .dkim_domains = {"example.test"}});
  EXPECT_EQ(outcome.verdict, Verdict::pass);
  EXPECT_EQ(outcome.aligned_dkim, "example.test");
  EXPECT_EQ(outcome.reason, "DKIM of example.test is aligned with example.test");
  EXPECT_EQ(dns_.questions(), 1u);
}

TEST_F(Dmarc, RelaxedAlignmentIsTheSameOrganizationAndStrictTheSameName) {
  dns_.txt("_dmarc.example.test", "v=DMARC1; p=reject; adkim=s");
  EXPECT_EQ(by_spf("example.test", "bounce.example.test"), Verdict::pass);
  EXPECT_EQ(by_spf("news.example.test", "bounce.example.test"), Verdict::pass);
  EXPECT_EQ(by_spf("news.example.test", "example.test"), Verdict::pass);
  EXPECT_EQ(by_spf("example.test", "badexample.test"), Verdict::fail);
  EXPECT_EQ(by_spf("example.test", "example.test.evil.test"), Verdict::fail);
  EXPECT_EQ(by_spf("example.test", "test"), Verdict::fail);
  EXPECT_EQ(judge({.author_domain = "example.test", .dkim_domains = {"m.example.test"}}).verdict,
            Verdict::fail);
}

// The walk of dmarcbis §4.10 for its own example.
TEST_F(Dmarc, ALongNameCostsEightQuestions) {
  EXPECT_EQ(by_spf("a.b.c.d.e.f.g.h.i.j.mail.example.com", ""), Verdict::none);
  EXPECT_EQ(dns_.questions(), 8u);
  for (const std::string_view name :
       {"a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com", "mail.example.com",
        "example.com", "com"}) {
    EXPECT_EQ(dns_.questions("_dmarc." + std::string(name), Type::txt), 1u) << name;
  }
}

// dmarcbis §4.10.2, its three examples.
TEST_F(Dmarc, TheOrganizationalDomainIsTheHighestRecordOrWherePsdSays) {
  dns_.txt("_dmarc.mail.example.com", "v=DMARC1; p=none")
      .txt("_dmarc.example.com", "v=DMARC1;p=none");
  Subject subject{.author_domain = "a.mail.example.com", .spf_domain = "x.example.com"};
  EXPECT_EQ(judge(subject).organizational_domain, "example.com");
  EXPECT_EQ(judge(subject).verdict, Verdict::pass);

  dns_.erase("_dmarc.mail.example.com").txt("_dmarc.mail.example.com", "v=DMARC1; p=none; psd=n");
  EXPECT_EQ(judge(subject).organizational_domain, "mail.example.com");
  EXPECT_EQ(judge(subject).verdict, Verdict::fail);

  dns_.erase("_dmarc.mail.example.com").erase("_dmarc.example.com");
  dns_.txt("_dmarc.com", "v=DMARC1; p=none; psd=y; sp=quarantine");
  EXPECT_EQ(judge(subject).organizational_domain, "example.com");
  EXPECT_EQ(judge(subject).verdict, Verdict::pass);
  EXPECT_EQ(judge(subject).record_domain, "com");
  subject.spf_domain = "other.com";
  EXPECT_EQ(judge(subject).verdict, Verdict::fail);
  EXPECT_EQ(judge(subject).policy, Policy::quarantine);
}

TEST_F(Dmarc, NamesBelowAPublicSuffixDoNotVouchForEachOther) {
  dns_.txt("_dmarc.hosting.test", "v=DMARC1; p=reject");
  Subject subject{.author_domain = "bank.hosting.test", .spf_domain = "evil.hosting.test"};
  EXPECT_EQ(judge(subject).verdict, Verdict::pass);
  subject.is_public_suffix = [](std::string_view name) { return name == "hosting.test"; };
  EXPECT_EQ(judge(subject).verdict, Verdict::fail);
  EXPECT_EQ(judge(subject).policy, Policy::reject);
  subject.spf_domain = "m.bank.hosting.test";
  EXPECT_EQ(judge(subject).verdict, Verdict::pass);
}

TEST_F(Dmarc, SubdomainsHaveTheirOwnPolicyAndThoseThatAreNotThereAnother) {
  dns_.txt("_dmarc.example.test", "v=DMARC1; p=none; sp=quarantine; np=reject");
  dns_.a("there.example.test", "192.0.2.1");
  EXPECT_EQ(judge({.author_domain = "example.test"}).policy, Policy::none);
  EXPECT_EQ(judge({.author_domain = "there.example.test"}).policy, Policy::quarantine);
  EXPECT_EQ(judge({.author_domain = "nowhere.example.test"}).policy, Policy::reject);
  dns_.fail("maybe.example.test", Type::a);
  EXPECT_EQ(judge({.author_domain = "maybe.example.test"}).policy, Policy::quarantine);
}

TEST_F(Dmarc, TestModeIsOneLevelBelow) {
  dns_.txt("_dmarc.a.test", "v=DMARC1; p=reject; t=y")
      .txt("_dmarc.b.test", "v=DMARC1;p=reject;pct=0");
  EXPECT_EQ(judge({.author_domain = "a.test"}).policy, Policy::quarantine);
  EXPECT_EQ(judge({.author_domain = "a.test"}).published, Policy::reject);
  EXPECT_EQ(judge({.author_domain = "b.test"}).policy, Policy::quarantine);
}

TEST_F(Dmarc, SeveralRecordsAtOneNameAreNone) {
  dns_.txt("_dmarc.a.test", "v=DMARC1; p=reject").txt("_dmarc.a.test", "v=DMARC1; p=none");
  dns_.txt("_dmarc.a.test", "something else");
  EXPECT_EQ(by_spf("a.test", "a.test"), Verdict::none);
}

TEST_F(Dmarc, TroubleOfDnsCountsOnlyWhereTheDecisionHangsOnIt) {
  dns_.fail("_dmarc.a.test", Type::txt);
  EXPECT_EQ(by_spf("a.test", "a.test"), Verdict::temperror);
  EXPECT_EQ(by_spf("x.a.test", "x.a.test"), Verdict::temperror);
  dns_.txt("_dmarc.b.test", "v=DMARC1; p=reject").fail("_dmarc.test", Type::txt);
  EXPECT_EQ(by_spf("b.test", "b.test"), Verdict::pass);
  EXPECT_EQ(by_spf("b.test", "m.b.test"), Verdict::temperror);
  EXPECT_EQ(by_spf("b.test", ""), Verdict::fail);
}

TEST_F(Dmarc, AnUndecidedCheckOfAnAlignedDomainIsATemporaryError) {
  dns_.txt("_dmarc.a.test", "v=DMARC1; p=reject");
  EXPECT_EQ(judge({.author_domain = "a.test", .undecided = {"m.a.test"}}).verdict,
            Verdict::temperror);
  EXPECT_EQ(judge({.author_domain = "a.test", .undecided = {"b.test"}}).verdict, Verdict::fail);
  EXPECT_EQ(
      judge({.author_domain = "a.test", .spf_domain = "a.test", .undecided = {"a.test"}}).verdict,
      Verdict::pass);
}

TEST(DmarcRecord, BadTagsCountAsAbsentAndUnknownOnesAreIgnored) {
  const auto record = parse_record(
      "v = DMARC1 ; P=Quarantine; adkim=x; aspf=S; fo=1:d:s; rua=mailto:a@b.test!10m, nonsense,"
      "https://c.test/x; ruf=; junk; x=y; psd=Y; p=none;");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->policy, Policy::quarantine);
  EXPECT_FALSE(record->strict_dkim);
  EXPECT_TRUE(record->strict_spf);
  EXPECT_EQ(record->failure_options, "1:d:s");
  EXPECT_EQ(record->aggregate_uris,
            (std::vector<std::string>{"mailto:a@b.test", "https://c.test/x"}));
  EXPECT_TRUE(record->failure_uris.empty());
  EXPECT_EQ(record->public_suffix, PublicSuffix::yes);
  EXPECT_EQ(parse_record("v=DMARC1; p=none; fo=0:1")->failure_options, "0");
}

TEST(DmarcRecord, WithoutAValidPolicySomebodyMustWantReports) {
  for (const std::string_view text :
       {"v=DMARC1", "v=DMARC1; p=rejekt", "v=DMARC1; p=reject; sp=x", "v=DMARC1; p=reject; np="}) {
    EXPECT_FALSE(parse_record(text)->applies) << text;
    const auto told = parse_record(std::string(text) + "; rua=mailto:a@b.test");
    EXPECT_TRUE(told->applies) << text;
    EXPECT_EQ(told->policy, Policy::none) << text;
  }
}

TEST(DmarcRecord, BeginsWithItsVersionInThatSpelling) {
  for (const std::string_view text :
       {"", "v=DMARC2; p=none", "v=dmarc1; p=none", "p=none; v=DMARC1", "v=DMARC1 p=none",
        "; v=DMARC1", "v=DMARC10"}) {
    EXPECT_FALSE(is_record(text)) << text;
    EXPECT_FALSE(parse_record(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace mail::dmarc
