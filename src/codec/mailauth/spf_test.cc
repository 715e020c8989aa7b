#include "codec/mailauth/spf.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "codec/mailauth/spf_macro.h"
#include "codec/mailauth/spf_record.h"
#include "codec/mailauth/spf_test_driver.h"

namespace mail::spf {
namespace {

using dns::Type;

Subject from(std::string_view local_part, std::string_view domain,
             std::string_view client = "192.0.2.1") {
  return {.client = IpAddress::parse(client).value(),
          .helo = "mail.client.test",
          .local_part = std::string(local_part),
          .domain = std::string(domain)};
}

class Spf : public testing::Test {
 protected:
  Outcome check(std::string_view domain, std::string_view client = "192.0.2.1") {
    return evaluate(dns_, from("jane", domain, client));
  }
  Verdict verdict(std::string_view domain, std::string_view client = "192.0.2.1") {
    return check(domain, client).verdict;
  }

  dns::TableResolver dns_;
};

TEST_F(Spf, SaysWhichMechanismOfWhichDomainDecided) {
  dns_.txt("a.test", "v=spf1 ip4:198.51.100.0/24 include:b.test -all");
  dns_.txt("b.test", "v=spf1 ip4:192.0.2.0/28 ~all");
  const Outcome pass = check("A.test");
  EXPECT_EQ(pass.verdict, Verdict::pass);
  EXPECT_EQ(pass.domain, "a.test");
  EXPECT_EQ(pass.mechanism, "include:b.test");
  EXPECT_EQ(pass.reason, "192.0.2.1 matches \"include:b.test\" of a.test");
  EXPECT_EQ(check("a.test", "192.0.2.16").mechanism, "-all");
  EXPECT_EQ(verdict("a.test", "192.0.2.16"), Verdict::fail);
}

TEST_F(Spf, TheNullReversePathIsPostmasterAtHelo) {
  dns_.txt("mail.client.test", "v=spf1 exists:%{l}.%{o}.ok.test -all");
  dns_.a("postmaster.mail.client.test.ok.test", "127.0.0.1");
  const Outcome outcome = evaluate(dns_, from("", ""));
  EXPECT_EQ(outcome.verdict, Verdict::pass);
  EXPECT_EQ(outcome.domain, "mail.client.test");
}

TEST_F(Spf, ADomainThatIsNoneIsNeverAskedFor) {
  for (const std::string_view domain : {"localhost", "[192.0.2.1]", "a..test", ".test", "a b.test",
                                        "m\xC3\xBC.test", "a\\.b.test", "a\r\n.test"}) {
    EXPECT_EQ(verdict(domain), Verdict::none) << domain;
  }
  EXPECT_EQ(dns_.questions(), 0u);
}

TEST_F(Spf, TheStringsOfALongRecordAreJoined) {
  std::string record = "v=spf1";
  for (int i = 0; i < 1000; ++i) append(record, " ip4:203.0.113.", i % 256);
  dns_.txt("long.test", record + " ip4:192.0.2.1 -all");
  EXPECT_EQ(verdict("long.test"), Verdict::pass);
}

TEST_F(Spf, TenTermsMayAskAndNotElevenAlsoThroughIncludeAndRedirect) {
  dns_.a("a.test", "198.51.100.1");
  const std::string four = " a:a.test a:a.test a:a.test a:a.test";
  dns_.txt("in.test", concat("v=spf1", four, " ?all"));
  dns_.txt("at.test", concat("v=spf1 include:in.test", four, " redirect=end.test"));
  dns_.txt("over.test", concat("v=spf1 include:in.test", four, " a:a.test redirect=end.test"));
  dns_.txt("end.test", "v=spf1 -all");
  EXPECT_EQ(verdict("at.test"), Verdict::fail);
  EXPECT_EQ(verdict("over.test"), Verdict::permerror);
}

TEST_F(Spf, ThousandsOfMechanismsCostTenLookUps) {
  std::string record = "v=spf1";
  for (int i = 0; i < 3000; ++i) append(record, " a:h", i, ".many.test");
  for (int i = 0; i < 12; ++i) dns_.a(concat('h', i, ".many.test"), "198.51.100.1");
  dns_.txt("many.test", record + " +all");
  EXPECT_EQ(verdict("many.test"), Verdict::permerror);
  EXPECT_EQ(dns_.questions(), 1u + 10u);
  // One that has to be read whole, but asks for nothing.
  record = "v=spf1";
  for (int i = 0; i < 3000; ++i) append(record, " ip4:203.0.113.", i % 256);
  dns_.txt("listed.test", record + " ip4:bad +all");
  EXPECT_EQ(verdict("listed.test"), Verdict::permerror);
  EXPECT_EQ(dns_.questions(), 1u + 10u + 1u);
}

TEST_F(Spf, RecordsThatLeadToEachOtherEndAtTheLimit) {
  dns_.txt("self.test", "v=spf1 include:self.test +all");
  dns_.txt("here.test", "v=spf1 redirect=there.test");
  dns_.txt("there.test", "v=spf1 redirect=here.test");
  for (int i = 0; i < 30; ++i) {  // twice as many with every step
    dns_.txt(concat('t', i, ".test"),
             concat("v=spf1 include:t", i + 1, ".test include:t", i + 2, ".test +all"));
  }
  for (const std::string_view domain : {"self.test", "here.test", "t0.test"}) {
    const std::size_t asked = dns_.questions();
    EXPECT_EQ(verdict(domain), Verdict::permerror) << domain;
    EXPECT_EQ(dns_.questions(), asked + 1 + 10) << domain;
  }
  dns_.cname("alias.test", "other.test").cname("other.test", "alias.test");
  EXPECT_EQ(verdict("alias.test"), Verdict::temperror);
}

TEST_F(Spf, TheLimitHoldsForTheLastTermToo) {
  dns_.txt("last.test", "v=spf1 a:n1.test a:n2.test a:n3.test");
  EXPECT_EQ(verdict("last.test"), Verdict::permerror);  // three void look-ups, none behind them
  dns_.txt("in.test", "v=spf1 a:n1.test a:n2.test ?all");
  dns_.txt("out.test", "v=spf1 include:in.test exists:n3.test +all");
  EXPECT_EQ(verdict("out.test"), Verdict::permerror);
}

TEST_F(Spf, ElevenMxHostsAreAPermanentErrorAndNotAskedFor) {
  for (int i = 0; i < 11; ++i) dns_.mx("m.test", 10, concat('h', i, ".test"));
  dns_.txt("m.test", "v=spf1 mx -all");
  EXPECT_EQ(verdict("m.test"), Verdict::permerror);
  EXPECT_EQ(dns_.questions(), 2u);
}

TEST_F(Spf, TheHostsOfAnMxAreAskedTogetherAndAMatchOutweighsTrouble) {
  dns_.mx("m.test", 10, "h1.test").mx("m.test", 20, "h2.test").fail("h1.test", Type::a);
  dns_.a("h2.test", "192.0.2.1").txt("m.test", "v=spf1 mx -all");
  EXPECT_EQ(verdict("m.test"), Verdict::pass);
  EXPECT_EQ(verdict("m.test", "192.0.2.2"), Verdict::temperror);

  Evaluator evaluator(from("jane", "m.test"));
  dns::Answer txt;
  txt.kind = dns::Answer::Kind::found;
  txt.records = {dns::encode_txt("v=spf1 mx -all")};
  dns::Answer mx = txt;
  mx.records = {dns::encode_mx({10, "H1.test"}), dns::encode_mx({20, "h2.test"})};
  evaluator.answer({txt});
  ASSERT_EQ(evaluator.questions().size(), 1u);
  evaluator.answer({mx});
  ASSERT_EQ(evaluator.questions().size(), 2u);
  EXPECT_EQ(evaluator.questions()[0].name, "h1.test");
  EXPECT_EQ(evaluator.questions()[1].name, "h2.test");
}

TEST_F(Spf, OnlyTenNamesOfAClientAreLookedAtAndOnlyOnce) {
  for (int i = 0; i < 12; ++i) dns_.ptr("1.2.0.192.in-addr.arpa", concat('h', i, ".p.test"));
  dns_.txt("p.test", "v=spf1 ptr ptr:p.test exists:%{p}.x.test -all");
  EXPECT_EQ(verdict("p.test"), Verdict::fail);
  EXPECT_EQ(dns_.questions(), 1u + 1u + 10u + 1u);
}

TEST_F(Spf, AClientCannotChooseItsNameWithoutItsAddressAgreeing) {
  dns_.ptr("1.2.0.192.in-addr.arpa", "bank.test").a("bank.test", "198.51.100.1");
  dns_.txt("bank.test", "v=spf1 ptr -all");
  EXPECT_EQ(verdict("bank.test"), Verdict::fail);
}

TEST_F(Spf, TroubleOfDnsIsATemporaryError) {
  dns_.fail("t.test", Type::txt).txt("u.test", "v=spf1 a -all").fail("u.test", Type::a);
  dns_.txt("v.test", "v=spf1 redirect=t.test");
  EXPECT_EQ(verdict("t.test"), Verdict::temperror);
  EXPECT_EQ(verdict("u.test"), Verdict::temperror);
  EXPECT_EQ(verdict("v.test"), Verdict::temperror);
  EXPECT_EQ(check("t.test").reason, "DNS could not tell about t.test: SERVFAIL");
}

TEST_F(Spf, AnIncludeOfARecordThatIsNotThereIsAPermanentError) {
  dns_.txt("i.test", "v=spf1 include:none.test +all").txt("r.test", "v=spf1 redirect=none.test");
  dns_.txt("l.test", "v=spf1 include:%{l}.a.test +all");
  EXPECT_EQ(verdict("i.test"), Verdict::permerror);
  EXPECT_EQ(verdict("r.test"), Verdict::permerror);
  EXPECT_EQ(evaluate(dns_, from("a..b", "l.test")).verdict, Verdict::permerror);
}

TEST_F(Spf, TermsWithALocalPartBeyondAsciiMatchNothing) {  // RFC 8616 §4
  dns_.txt("u.test", "v=spf1 include:%{l}.test exists:%{s}.test -exists:%{l}.a.test ?all");
  dns_.txt("v.test", "v=spf1 redirect=%{l}.test");
  EXPECT_EQ(evaluate(dns_, from("j\xC3\xB6rg", "u.test")).verdict, Verdict::neutral);
  EXPECT_EQ(evaluate(dns_, from("j\xC3\xB6rg", "v.test")).verdict, Verdict::neutral);
  EXPECT_EQ(dns_.questions(), 2u);
}

TEST_F(Spf, AnExplanationIsCleanedAndBounded) {
  dns_.txt("e.test", "v=spf1 -all exp=why.test");
  dns_.txt("why.test", concat("%{l} from %{c} at %{r} ", std::string(2000, 'x')));
  const Outcome outcome = evaluate(dns_, from("a\r\nb", "e.test"));
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  EXPECT_TRUE(outcome.explanation.starts_with("a??b from 192.0.2.1 at unknown xxx"));
  EXPECT_EQ(outcome.explanation.size(), 512u);
  EXPECT_EQ(outcome.reason, "192.0.2.1 matches \"-all\" of e.test");
}

TEST_F(Spf, ABackslashInALocalPartIsNoEscape) {
  dns_.txt("b.test", "v=spf1 exists:%{l}.b.test -all").a("a.b.test", "127.0.0.1");
  EXPECT_EQ(evaluate(dns_, from("\\097", "b.test")).verdict, Verdict::fail);
}

TEST_F(Spf, AnUnfinishedCheckCanBeThrownAway) {
  Evaluator evaluator(from("jane", "a.test"));
  EXPECT_EQ(evaluator.questions().size(), 1u);
  Evaluator other = std::move(evaluator);
  EXPECT_EQ(other.questions()[0].name, "a.test");
}

// RFC 7208 §7.4, row by row.
TEST(SpfMacro, ExpandsAsTheExamplesOfTheRfc) {
  MacroValues values;
  values.client = IpAddress::parse("192.0.2.3").value();
  values.local_part = "strong-bad";
  values.sender_domain = values.domain = "email.example.com";
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
      {"%{S}%%%_%-", "strong-bad%40email.example.com% %20"},
      {"%{d999999999999999999999}", "email.example.com"},
  };
  for (const auto& [text, expansion] : rows) {
    EXPECT_TRUE(is_macro_string(text, MacroContext::unknown_modifier)) << text;
    EXPECT_EQ(expand(text, values), expansion) << text;
  }
  values.client = IpAddress::parse("2001:db8::cb01").value();
  EXPECT_EQ(expand_domain("%{ir}.%{v}._spf.%{d2}", values),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com");
}

TEST(SpfMacro, TheTimeAndTheReceiverAreForExplanationsOnly) {
  MacroValues values;
  values.receiver = "mx.ours.test";
  values.now = WallTime(std::chrono::milliseconds(1'795'000'000'999));
  EXPECT_EQ(expand("%{t} %{R}", values), "1795000000 mx.ours.test");
  for (const std::string_view text : {"%{t}.test", "%{r}.test", "%{C}.test"}) {
    EXPECT_FALSE(is_macro_string(text, MacroContext::domain_spec)) << text;
    EXPECT_TRUE(is_macro_string(text, MacroContext::explanation)) << text;
  }
}

TEST(SpfMacro, WhatIsNoMacroStringIsRefused) {
  for (const std::string_view text : {"%", "a%", "%(l)", "%{", "%{}", "%{x}", "%{l0}", "%{lrr}",
                                      "%{l-r}", "%{l!}", "a b", "a\x7F", "\xC3\xBC"}) {
    EXPECT_FALSE(is_macro_string(text, MacroContext::unknown_modifier)) << text;
  }
  EXPECT_FALSE(is_macro_string("", MacroContext::domain_spec));
  for (const std::string_view text : {"a", "%{d}a", "%{d}.", "a.1", "a.-b", "a.b-", "a.b.."}) {
    EXPECT_FALSE(is_macro_string(text, MacroContext::domain_spec)) << text;
  }
  for (const std::string_view text : {"a.b", "a.b.", "%{d}", "%%", "%{d}.x", "a.x--1", "_a.b"}) {
    EXPECT_TRUE(is_macro_string(text, MacroContext::domain_spec)) << text;
  }
}

TEST(SpfRecord, TermsBehindAllAreCheckedButNotKept) {
  const auto record = parse_record("v=spf1 -all a mx redirect=a.test exp=b.test");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->directives.size(), 1u);
  EXPECT_EQ(record->redirect, "");
  EXPECT_EQ(record->explanation, "b.test");
  EXPECT_FALSE(parse_record("v=spf1 -all moo").has_value());
}

TEST(SpfRecord, AnErrorNamesItsTerm) {
  const auto record = parse_record("v=spf1 a:1.2.3.4 -all");
  ASSERT_FALSE(record.has_value());
  EXPECT_EQ(record.error().detail, "\"a:1.2.3.4\": no valid domain");
}

TEST(SpfRecord, ASlashMayBeADomainsOwn) {
  const auto record = parse_record("v=spf1 a:a/24.test/8//16 mx//64 a/9");
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->directives.size(), 3u);
  EXPECT_EQ(record->directives[0].domain_spec, "a/24.test");
  EXPECT_EQ(record->directives[0].v4_prefix, 8);
  EXPECT_EQ(record->directives[0].v6_prefix, 16);
  EXPECT_EQ(record->directives[1].v4_prefix, 32);
  EXPECT_EQ(record->directives[1].v6_prefix, 64);
  EXPECT_EQ(record->directives[2].v4_prefix, 9);
}

}  // namespace
}  // namespace mail::spf
