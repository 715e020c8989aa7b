// The resolver against real zones (Knot behind a front that makes faults, a signed private root)
// and against forwarders that misbehave. The program runs in a network namespace of its own: see
// private_dns.h. No test waits for time but those whose claim is a deadline.
#include "platform/resolver/unbound_resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "platform/resolver/private_dns.h"
#include "platform/resolver/resolver_client.h"

namespace mail::dns {
namespace {

using Kind = Answer::Kind;

struct OwnNetwork final : testing::Environment {
  void SetUp() override { enter_own_network(); }
};
[[maybe_unused]] const auto* const kNetwork = testing::AddGlobalTestEnvironment(new OwnNetwork);

constexpr std::string_view kZones = R"({
  "yahoo.test": ["@ MX 10 mx", "@ MX 20 mx2", "mx 300 A 192.0.2.1", "mx AAAA 2001:db8::1",
                 "mx2 A 192.0.2.2", "alias CNAME mx", "share 300 A 192.0.2.3", "broken A 192.0.2.4",
                 "*.many A 192.0.2.5", "brief 1 A 192.0.2.7", "long TXT )"
                                    R"(\"LONG\" \"LONG\" \"LONG\" \"LONG\" \"LONG\" \"LONG\"", )"
                                    R"("odd\\.name A 192.0.2.6"],
  "plain.test": {"signed": false, "records": ["@ A 192.0.2.9"]},
  "dead.test": ["@ A 192.0.2.10"],
  "sick.test": ["@ A 192.0.2.11"],
  "host.invalid": ["@ A 192.0.2.12"],
  "2.0.192.in-addr.arpa": ["1 PTR mx.yahoo.test."],
  "10.in-addr.arpa": {"signed": false, "records": ["1.0.0 PTR inside.test."]}
})";

std::string zones() {
  std::string text(kZones);
  for (std::size_t at; (at = text.find("LONG")) != std::string::npos;) {
    text.replace(at, 4, std::string(250, 'k'));
  }
  return text;
}

class Recursion : public testing::Test {
 protected:
  static void SetUpTestSuite() { dns_ = std::make_unique<PrivateDns>(zones()); }
  static void TearDownTestSuite() { dns_.reset(); }
  static UnboundOptions options() { return recursion(dns_->root_hints(), dns_->trust_anchor()); }
  static std::string write(std::string_view name, std::string_view content) {
    std::string path = concat(dns_->folder(), '/', name);
    std::ofstream(path) << content;
    return path;
  }

  static std::unique_ptr<PrivateDns> dns_;
};
std::unique_ptr<PrivateDns> Recursion::dns_;

TEST_F(Recursion, FindsAndValidates) {
  Client client(options());
  const Answer a = client.ask("mx.yahoo.test");
  EXPECT_EQ(a.kind, Kind::found) << a.why;
  EXPECT_TRUE(a.secure);
  EXPECT_EQ(a.records, std::vector<std::string>{std::string("\xC0\0\2\1", 4)});
  EXPECT_EQ(a.canonical_name, "mx.yahoo.test");
  EXPECT_GE(a.ttl, 290s);
  EXPECT_LE(a.ttl, 300s);
  EXPECT_EQ(client.ask("MX.Yahoo.Test.").records, a.records) << "case and final dot do not matter";
  EXPECT_EQ(client.ask("yahoo.test", Type::mx).records.size(), 2U);
  EXPECT_EQ(client.ask("odd\\.name.yahoo.test").kind, Kind::found);
}

TEST_F(Recursion, NothingThereIsTwoThingsAndBothAreProven) {
  Client client(options());
  const Answer no_data = client.ask("mx2.yahoo.test", Type::aaaa);
  EXPECT_EQ(no_data.kind, Kind::no_data);
  EXPECT_TRUE(no_data.secure);
  EXPECT_TRUE(no_data.records.empty());
  EXPECT_GT(no_data.ttl, 0s);
  const Answer no_name = client.ask("typo.yahoo.test");
  EXPECT_EQ(no_name.kind, Kind::no_name);
  EXPECT_TRUE(no_name.secure);
}

TEST_F(Recursion, CnamesAreFollowed) {
  Client client(options());
  const Answer answer = client.ask("alias.yahoo.test");
  EXPECT_EQ(answer.kind, Kind::found);
  EXPECT_EQ(answer.canonical_name, "mx.yahoo.test");
  const Answer nothing = client.ask("alias.yahoo.test", Type::mx);
  EXPECT_EQ(nothing.kind, Kind::no_data);
  EXPECT_EQ(nothing.canonical_name, "mx.yahoo.test") << "the implicit MX is behind the CNAME";
}

TEST_F(Recursion, UnsignedZonesAreFoundAndNotSecure) {
  Client client(options());
  const Answer answer = client.ask("plain.test");
  EXPECT_EQ(answer.kind, Kind::found);
  EXPECT_FALSE(answer.secure);
}

TEST_F(Recursion, NamesThatLibrariesTreatAsSpecialBelongToThePrivateRoot) {
  Client client(options());
  EXPECT_EQ(client.ask("host.invalid").kind, Kind::found);
  EXPECT_EQ(client.ask("1.2.0.192.in-addr.arpa", Type::ptr).kind, Kind::found);
  EXPECT_EQ(client.ask("1.0.0.10.in-addr.arpa", Type::ptr).kind, Kind::found);
}

TEST_F(Recursion, AnAnswerThatDoesNotFitADatagramComesByTcp) {
  Client client(options());
  const Answer answer = client.ask("long.yahoo.test", Type::txt);
  ASSERT_EQ(answer.kind, Kind::found) << answer.why;
  EXPECT_EQ(answer.records.at(0).size(), 6U * 251U);
}

TEST_F(Recursion, ABrokenSignatureIsBogusAndNothingElseIs) {
  dns_->fault("broken.yahoo.test", "bogus");
  Client client(options());
  const Answer answer = client.ask("broken.yahoo.test");
  EXPECT_EQ(answer.kind, Kind::failed);
  EXPECT_TRUE(answer.bogus);
  EXPECT_NE(answer.why.find("signature"), std::string::npos) << answer.why;
  EXPECT_TRUE(answer.records.empty());
  EXPECT_EQ(client.ask("mx.yahoo.test").kind, Kind::found);
  dns_->heal("broken.yahoo.test");
}

TEST_F(Recursion, AZoneWithoutUsableServerFails) {
  dns_->fault("sick.test", "servfail");
  Client client(options());
  const Answer answer = client.ask("sick.test");
  EXPECT_EQ(answer.kind, Kind::failed);
  EXPECT_FALSE(answer.bogus);
  EXPECT_NE(answer.why.find("SERVFAIL"), std::string::npos) << answer.why;
  dns_->heal("sick.test");
}

TEST_F(Recursion, ASilentZoneCostsItsOwnQuestionsTheirDeadlineAndNobodyElse) {
  dns_->fault("dead.test", "silent");
  Client client(options());
  std::vector<std::optional<Answer>> dead(3000);  // more than there are sockets
  for (std::size_t i = 0; i < dead.size(); ++i)
    client.start(concat("h", i, ".dead.test"), dead[i], 1s);
  const MonoTime begin = MonoTime::clock::now();
  EXPECT_EQ(client.ask("mx.yahoo.test").kind, Kind::found);
  EXPECT_FALSE(dead.back().has_value()) << "they still wait, and nobody waited for them";
  client.wait_for(
      [&] { return std::ranges::all_of(dead, [](const auto& a) { return a.has_value(); }); });
  const auto took = MonoTime::clock::now() - begin;
  EXPECT_EQ(dead.front()->kind, Kind::failed);
  EXPECT_EQ(dead.front()->why, "no answer in time");
  EXPECT_LE(took, 2s);
  dns_->heal("dead.test");
}

TEST_F(Recursion, AServerThatComesBackIsUsedAgainWithinSeconds) {
  dns_->fault("dead.test", "silent");
  Client client(options());
  for (int i = 0; i < 24; ++i) client.ask(concat("gone", i, ".dead.test"), Type::a, 250ms);
  dns_->heal("dead.test");
  // Mail asks again when it is due; here again and again.
  const MonoTime limit = in(kLong);
  Answer answer;
  for (int i = 0; answer.kind == Kind::failed && MonoTime::clock::now() < limit; ++i) {
    answer = client.ask(concat("back", i, ".dead.test"), Type::a, 2s);
  }
  EXPECT_EQ(answer.kind, Kind::no_name) << answer.why;
}

TEST_F(Recursion, EqualQuestionsInFlightAreOne) {
  Client client(options());
  std::vector<std::optional<Answer>> answers(50);
  const int before = dns_->questions("share.yahoo.test", "A");
  for (auto& answer : answers) client.start("share.yahoo.test", answer);
  client.wait_for(
      [&] { return std::ranges::all_of(answers, [](const auto& a) { return a.has_value(); }); });
  for (const auto& answer : answers) EXPECT_EQ(answer->kind, Kind::found);
  EXPECT_EQ(dns_->questions("share.yahoo.test", "A"), before + 1);
}

TEST_F(Recursion, AnswersAreCachedTheNegativeOnesToo) {
  Client client(options());
  client.ask("mx.yahoo.test");
  const int found = dns_->questions("mx.yahoo.test", "A");
  client.ask("mx.yahoo.test");
  EXPECT_EQ(dns_->questions("mx.yahoo.test", "A"), found);
  client.ask("mx2.yahoo.test", Type::txt);
  const int no_data = dns_->questions("mx2.yahoo.test", "TXT");
  client.ask("mx2.yahoo.test", Type::txt);
  EXPECT_EQ(dns_->questions("mx2.yahoo.test", "TXT"), no_data);
}

TEST_F(Recursion, AnAnswerIsKeptForItsTtlAndNoLonger) {
  Client client(options());
  const MonoTime begin = MonoTime::clock::now();
  EXPECT_LE(client.ask("brief.yahoo.test").ttl, 1s);
  const int before = dns_->questions("brief.yahoo.test", "A");
  while (dns_->questions("brief.yahoo.test", "A") == before) {
    ASSERT_LT(MonoTime::clock::now() - begin, kLong) << "it is never asked for again";
    EXPECT_EQ(client.ask("brief.yahoo.test").kind, Kind::found);
  }
  EXPECT_GT(MonoTime::clock::now() - begin, 500ms) << "whole seconds, as the cache counts them";
}

TEST_F(Recursion, ManyQuestionsAtOnceAreAllAnswered) {
  Client client(options());
  std::vector<std::optional<Answer>> answers(5000);  // more than may be in flight
  for (std::size_t i = 0; i < answers.size(); ++i) {
    client.start(concat('h', i, ".many.yahoo.test"), answers[i], 60s);
  }
  client.wait_for(
      [&] { return std::ranges::all_of(answers, [](const auto& a) { return a.has_value(); }); });
  for (const std::optional<Answer>& answer : answers) {
    ASSERT_EQ(answer->kind, Kind::found) << answer->why;
  }
}

TEST_F(Recursion, NamesThatCannotBeAreNotThere) {
  Client client(options());
  for (const std::string& name : {std::string(64, 'a') + ".test", std::string("a..test")}) {
    EXPECT_EQ(client.ask(name).kind, Kind::no_name) << name;
  }
}

TEST_F(Recursion, StopAnswersWhoWaitsAndWhoComes) {
  dns_->fault("dead.test", "silent");
  Client client(options());
  std::optional<Answer> waiting;
  client.start("stop.dead.test", waiting, 60s);
  client.stop();
  client.wait_for([&] { return waiting.has_value(); });
  EXPECT_EQ(waiting->kind, Kind::failed);
  EXPECT_EQ(waiting->why, "the server is stopping");
  EXPECT_EQ(client.ask("mx.yahoo.test").why, "the server is stopping");
  dns_->heal("dead.test");
}

TEST_F(Recursion, WhoIsInAHurryWaitsForNoSilentServer) {
  dns_->fault("dead.test", "silent");
  Client client(options());
  std::optional<Answer> waiting;
  client.start("early.dead.test", waiting, kLong);
  const MonoTime begin = MonoTime::clock::now();
  client.hurry(200ms);
  EXPECT_EQ(client.ask("mx.yahoo.test").kind, Kind::found) << "what is answered still counts";
  EXPECT_EQ(client.ask("late.dead.test", Type::a, kLong).why, "no answer in time");
  client.wait_for([&] { return waiting.has_value(); });
  EXPECT_EQ(waiting->why, "no answer in time");
  EXPECT_LT(MonoTime::clock::now() - begin, kLong / 2);
  dns_->heal("dead.test");
}

TEST_F(Recursion, ADeadRootServerAndAFamilyWithoutRouteDoNoHarm) {
  const std::string hints = write("more.hints",
                                  ". NS ns.\n. NS dead-ns.\nns. A 127.0.0.1\n"
                                  "ns. AAAA 2001:db8::53\ndead-ns. A 127.0.0.99\n");
  Client client(recursion(hints, dns_->trust_anchor()));
  EXPECT_EQ(client.ask("mx.yahoo.test").kind, Kind::found);
}

TEST_F(Recursion, APrivateRootWithoutAnchorIsNotValidated) {
  dns_->fault("broken.yahoo.test", "bogus");
  Client client(recursion(dns_->root_hints(), ""));
  const Answer answer = client.ask("broken.yahoo.test");
  EXPECT_EQ(answer.kind, Kind::found);
  EXPECT_FALSE(answer.secure);
  EXPECT_EQ(client.probe().sentence,
            "DNS: recursion works, DNSSEC does not validate: no answer is secure");
  dns_->heal("broken.yahoo.test");
}

TEST_F(Recursion, TheProbeSaysWhatWorks) {
  EXPECT_EQ(Client(options()).probe().sentence, "DNS: recursion works, DNSSEC validates");

  const std::string wrong =
      write("wrong.ds",
            ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n");
  const Probe bogus = Client(recursion(dns_->root_hints(), wrong)).probe();
  EXPECT_FALSE(bogus.works);
  EXPECT_NE(bogus.sentence.find("trust_anchor"), std::string::npos) << bogus.sentence;

  const std::string nobody = write("nobody.hints", ". NS ns.\nns. A 127.0.0.99\n");
  const Probe silent = Client(recursion(nobody, dns_->trust_anchor())).probe(300ms);
  EXPECT_FALSE(silent.works);
  EXPECT_NE(silent.sentence.find("set [dns] servers or open UDP/TCP 53 outgoing"),
            std::string::npos)
      << silent.sentence;
}

TEST_F(Recursion, AForwarderIsValidatedWithAnAnchorAndPutUpWithWithout) {
  dns_->fault("broken.yahoo.test", "bogus");
  UnboundOptions strict = forward_to({"127.0.0.1"});
  strict.trust_anchor = dns_->trust_anchor();
  Client validating(strict);
  EXPECT_TRUE(validating.ask("mx.yahoo.test").secure);
  EXPECT_TRUE(validating.ask("broken.yahoo.test").bogus);
  EXPECT_EQ(validating.probe().sentence, "DNS: forwarding works, DNSSEC validates");
  Client trusting(forward_to({"127.0.0.1:53"}));
  const Answer answer = trusting.ask("mx.yahoo.test");
  EXPECT_EQ(answer.kind, Kind::found)
      << "the internet's anchor does not fit this root: " << answer.why;
  EXPECT_FALSE(answer.secure);
  dns_->heal("broken.yahoo.test");
}

TEST_F(Recursion, WhatIsWrongInTheOptionsIsSaidWithItsFile) {
  const std::string junk = write("junk", "root:x:0:0\n");
  const std::string empty = write("empty", "");
  const std::string no_address = write("no-address", ". NS ns.\n");
  const std::string good = dns_->trust_anchor();
  const auto why = [](const UnboundOptions& wrong) {
    const auto resolver = UnboundResolver::open(wrong);
    return resolver ? "opened" : resolver.error().detail;
  };
  const auto expect = [&](const UnboundOptions& wrong, const std::string& words) {
    EXPECT_TRUE(why(wrong).starts_with(words)) << why(wrong) << "\nwanted: " << words;
  };
  expect(recursion("/nope", good), "[dns] root_hints: cannot read /nope: No such file");
  expect(recursion(empty, good), concat("[dns] root_hints: cannot read ", empty, ": it is empty"));
  expect(recursion(junk, good), concat("[dns] root_hints: ", junk, ", line 1 is no NS, A or AAAA"));
  expect(recursion(no_address, good),
         concat("[dns] root_hints: ", no_address, " has no A or AAAA"));
  expect(recursion("", "/nope"), "[dns] trust_anchor: cannot read /nope");
  expect(recursion("", junk), concat("[dns] trust_anchor: ", junk, " has no DS or DNSKEY records"));
  expect(recursion("", empty), concat("[dns] trust_anchor: cannot read ", empty, ": it is empty"));
  for (const std::string server :
       {"dns.test", "1.2.3", "127.0.0.1:0", "127.0.0.1:65536", "[::1", ""}) {
    expect(forward_to({server}), concat("[dns] servers: \"", server, "\" is no address"));
  }
  expect(forward_to({"system", "127.0.0.1"}), "[dns] servers: \"system\" stands alone");
  for (const std::string server : {"::1", "[::1]", "[::1]:5353", "127.0.0.1:5353"}) {
    EXPECT_EQ(why(forward_to({server})), "opened") << server;
  }
}

}  // namespace
}  // namespace mail::dns
