#include "codec/mailauth/findings.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace mail::mailauth {
namespace {

using Kind = AuthorDomains::Kind;
using Domains = AuthorDomains::Domains;

// Knows the one name that the tests convert.
Result<std::string> to_ascii(std::string_view domain) {
  if (domain ==
          "B\xC3\xBC"
          "cher.example" ||
      domain ==
          "b\xC3\xBC"
          "cher.example") {
    return std::string("xn--bcher-kva.example");
  }
  return fail(Errc::bad_syntax, "unknown here");
}
constexpr Idn kIdn{&to_ascii, nullptr};

AuthorDomains of(std::string_view from) {
  return author_domains(concat("Subject: x\r\nFrom: ", from, "\r\nTo: z@to.example\r\n\r\n"),
                        &kIdn);
}
Domains domains_of(std::string_view from) { return of(from).domains; }
const Domains kOne{"one.example"};
const Domains kBoth{"one.example", "two.example"};

TEST(AuthorDomains, OneMailboxHasOneDomainHoweverItIsWritten) {
  for (const std::string_view from : {
           "a@one.example",
           "  a@ONE.Example\t",
           "Tom <a@one.example>",
           "\"Cat, Tom\" <a@one.example>",
           "\"b@two.example\" <a@one.example>",
           "\"b@two.example\"@one.example",
           "\"\\\"@two.example\"@one.example",
           "Tom (b@two.example) <a@one.example> (c@three.example)",
           "a@one.example (b@two.example (c@three.example))",
           "a (\\)b@two.example) @ (x) one . (y) example",
           "a@\r\n one.example",
           "=?utf-8?Q?b=40two.example?= <a@one.example>",
           "=?utf-8?Q?b?=@one.example",
           "Tom <a@one.example>, Jerry <b@one.EXAMPLE>",
           "The two: a@one.example, <b@one.example>;",
           "b&t=two.example!x%y@one.example",
           "T\xF6m <a@one.example>",
           ",, a@one.example,",
       }) {
    const AuthorDomains found = of(from);
    EXPECT_EQ(found.kind, Kind::one) << from;
    EXPECT_EQ(found.domains, kOne) << from;
    EXPECT_EQ(found.from_fields, 1u);
  }
}

TEST(AuthorDomains, SeveralMailboxesAndFieldsAddUp) {
  EXPECT_EQ(domains_of("a@one.example, b@two.example"), kBoth);
  EXPECT_EQ(domains_of("A: a@one.example;, B: <b@two.example>, c@one.example;"), kBoth);
  const AuthorDomains found = author_domains(
      "FROM: a@one.example\r\nX: y\r\nfrom : b@two.example\r\n\r\nFrom: c@three.example\r\n",
      nullptr);
  EXPECT_EQ(found.kind, Kind::several);
  EXPECT_EQ(found.from_fields, 2u);
  EXPECT_EQ(found.domains, kBoth);
}

TEST(AuthorDomains, NothingIsGuessed) {
  using namespace std::string_view_literals;
  for (const std::string_view from : {
           ""sv,
           "Tom"sv,
           "a"sv,
           "a@"sv,
           "@one.example"sv,
           "undisclosed: ;"sv,
           "a@one.example b@two.example"sv,
           "a@one.example <b@two.example>"sv,
           "<a@one.example> <b@two.example>"sv,
           "<a@one.example>b@two.example"sv,
           "<<a@one.example>>"sv,
           "<a@one.example"sv,
           "a@one.example>"sv,
           "a@one.example@two.example"sv,
           "a@one.example;b@two.example"sv,
           "a@one.example\0@two.example"sv,
           "a\0b@one.example"sv,
           "\"a\\\0\"@one.example"sv,
           "\"a\x01\" <a@one.example>"sv,
           "a@one.example\n b@two.example"sv,
           "a@one.example\r b@two.example"sv,
           "a(@one.example"sv,
           "\"a@one.example"sv,
           "<@two.example:a@one.example>"sv,
           "<@two.example,@three.example:a@one.example>"sv,
           "<,(c)@two.example:a@one.example>"sv,
           "a@one.example."sv,
           "a@.one.example"sv,
           "a@one..example"sv,
           "a@-one.example"sv,
           "a@one!two.example"sv,
           "a@[192.0.2.300]"sv,
           "a@unknown\xC3\xBC.example"sv,
           "a@one\xFF.example"sv,
           "A: B: a@one.example;;"sv,
       }) {
    const AuthorDomains found = of(from);
    EXPECT_EQ(found.kind, Kind::none) << from;
    EXPECT_TRUE(found.domains.empty()) << from;
    EXPECT_EQ(found.from_fields, 1u);
  }
  EXPECT_EQ(author_domains("To: a@one.example\r\n\r\nFrom: a@one.example\r\n", nullptr).kind,
            Kind::none);
  // One field that cannot be read takes the others along.
  EXPECT_EQ(author_domains("From: a@one.example\r\nFrom: <b@two.example> c\r\n\r\n", nullptr).kind,
            Kind::none);
}

TEST(AuthorDomains, ULabelsAndALabelsAreOneDomain) {
  EXPECT_EQ(domains_of("a@B\xC3\xBC"
                       "cher.example, b@XN--bcher-kva.example"),
            Domains{"xn--bcher-kva.example"});
  EXPECT_EQ(author_domains("From: a@b\xC3\xBC"
                           "cher.example\r\n\r\n",
                           nullptr)
                .kind,
            Kind::none);
}

// They stand for somebody too: left out, the others would speak for all.
TEST(AuthorDomains, LiteralsAndSingleLabelsCount) {
  EXPECT_EQ(domains_of("a@[192.0.2.1], b@one.example"), (Domains{"[192.0.2.1]", "one.example"}));
  EXPECT_EQ(domains_of("a@localhost, b@my_host.example"),
            (Domains{"localhost", "my_host.example"}));
}

TEST(AuthorDomains, AreBounded) {
  std::string list = "a@d0.example";
  for (int i = 1; i < 5; ++i) append(list, ", a@d", i, ".example");
  EXPECT_EQ(of(list).kind, Kind::several);
  EXPECT_EQ(domains_of(list).size(), kMaxAuthorDomains);
  append(list, ", a@d5.example");
  EXPECT_EQ(of(list).kind, Kind::too_many);
  EXPECT_TRUE(domains_of(list).empty());

  std::string same = "a@one.example";
  for (int i = 0; i < 20'000; ++i) same += ",a@one.example";
  EXPECT_EQ(of(same).kind, Kind::too_many);
}

dmarc::Outcome judged(std::string domain, dmarc::Verdict verdict, dmarc::Policy policy) {
  dmarc::Outcome outcome;
  outcome.domain = std::move(domain);
  outcome.record_domain = outcome.domain;
  outcome.verdict = verdict;
  outcome.policy = policy;
  outcome.reason = verdict == dmarc::Verdict::pass ? "it is" : "it is not";
  return outcome;
}

TEST(DmarcOfSeveralAuthors, PassesOnlyIfAllPassAndElseTheStrictestFailureCounts) {
  using dmarc::Policy;
  using dmarc::Verdict;
  Findings findings;
  EXPECT_EQ(findings.dmarc_decisive(), nullptr);
  const auto decisive = [&](std::vector<dmarc::Outcome> outcomes) {
    findings.dmarc = std::move(outcomes);
    return findings.dmarc_decisive()->domain;
  };
  const auto pass = judged("pass", Verdict::pass, Policy::reject);
  const auto none = judged("none", Verdict::none, Policy::none);
  const auto temporary = judged("temperror", Verdict::temperror, Policy::reject);
  const auto mild = judged("mild", Verdict::fail, Policy::none);
  const auto strict = judged("strict", Verdict::fail, Policy::reject);
  EXPECT_EQ(decisive({pass, pass}), "pass");
  EXPECT_EQ(decisive({pass, none}), "none");
  EXPECT_EQ(decisive({none, temporary, pass}), "temperror");
  EXPECT_EQ(decisive({pass, mild, temporary}), "mild");
  EXPECT_EQ(decisive({mild, strict, judged("q", Verdict::fail, Policy::quarantine)}), "strict");
}

dkim::SignatureResult signature(dkim::Verdict verdict, std::string_view domain,
                                std::string_view identity, std::string_view selector,
                                std::string_view algorithm, std::string_view reason = "") {
  dkim::SignatureResult result;
  result.verdict = verdict;
  result.domain = domain;
  result.identity = identity;
  result.selector = selector;
  result.algorithm = algorithm;
  result.b_prefix = "aB+/c123";
  result.reason = reason;
  return result;
}

std::string written(const Findings& findings, const Envelope& envelope) {
  std::string out;
  append_authentication_results(out, describe(findings, envelope, "mx.ours.test"));
  return out;
}

TEST(Description, NamesWhatWasFoundInOneOrder) {
  Findings findings;
  findings.spf.verdict = spf::Verdict::pass;
  findings.spf.domain = "one.example";
  findings.dkim.signatures.push_back(
      signature(dkim::Verdict::pass, "one.example", "@one.example", "s1", "rsa-sha256"));
  findings.dkim.signatures.push_back(signature(dkim::Verdict::fail, "list.example", "", "s2",
                                               "ed25519-sha256", "the body was changed"));
  findings.dmarc.push_back(judged("one.example", dmarc::Verdict::pass, dmarc::Policy::reject));
  findings.arc.verdict = arc::Verdict::pass;
  findings.arc.oldest_pass = 2;
  EXPECT_EQ(written(findings, {"mail.one.example", "a@one.example", "2001:db8::1"}),
            "Authentication-Results: mx.ours.test;\r\n"
            "\tspf=pass smtp.mailfrom=one.example;\r\n"
            "\tdkim=pass header.d=one.example header.i=@one.example header.s=s1\r\n"
            "\theader.a=rsa-sha256 header.b=\"aB+/c123\";\r\n"
            "\tdkim=fail reason=\"the body was changed\" header.d=list.example header.s=s2\r\n"
            "\theader.a=ed25519-sha256 header.b=\"aB+/c123\";\r\n"
            "\tdmarc=pass header.from=one.example policy.dmarc=reject;\r\n"
            "\tarc=pass smtp.remote-ip=\"2001:db8::1\" header.oldest-pass=2\r\n");
}

TEST(Description, OfNothingSaysNone) {
  EXPECT_EQ(written({}, {"mail.one.example", "", "192.0.2.1"}),
            "Authentication-Results: mx.ours.test;\r\n"
            "\tspf=none smtp.helo=mail.one.example;\r\n"
            "\tdkim=none;\r\n"
            "\tdmarc=none reason=\"no author domain\";\r\n"
            "\tarc=none\r\n");
}

// RFC 8601 §7.1: what strangers choose must not become a result.
TEST(Description, KeepsTheWordsOfOthersInTheirValues) {
  Findings findings;
  const std::string hostile = "x; dmarc=pass header.from=bank.example\r\nDKIM-Signature: y";
  findings.spf.verdict = spf::Verdict::fail;
  findings.spf.domain = findings.spf.reason = hostile;
  findings.dkim.signatures.push_back(
      signature(dkim::Verdict::fail, hostile, hostile, hostile, hostile, hostile));
  const std::string field = written(findings, {hostile, concat(hostile, "@x"), hostile});
  const auto read =
      authres::parse_authentication_results(std::string_view(field).substr(field.find(':') + 1));
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->results.size(), 4u);
  EXPECT_EQ(read->results[0].result, "fail");
  EXPECT_EQ(read->results[1].result, "fail");
  EXPECT_EQ(read->results[2].method, "dmarc");
  EXPECT_EQ(read->results[2].result, "none");
  EXPECT_EQ(field.find("\r\nDKIM"), std::string::npos);
}

}  // namespace
}  // namespace mail::mailauth
