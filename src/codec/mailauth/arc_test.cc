#include "codec/mailauth/arc.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/toy_crypto.h"
#include "codec/mailauth/verifier_test_driver.h"
#include "codec/message/header_block.h"
#include "platform/idn/idn.h"

namespace mail::arc {
namespace {

using crypto::KeyKind;
using crypto::toy::kToyCrypto;
using dns::Type;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};
constexpr std::string_view kMessage =
    "From: Ann <ann@example.com>\r\nSubject: hello\r\n\r\nHello\r\n";

class Arc : public testing::Test {
 protected:
  static std::string sealer(int hop) { return concat("hop", hop, ".example"); }
  void publish(int hop) {
    dns_.txt(concat("s._domainkey.", sealer(hop)), "p=" + base64_encode(sealer(hop)));
  }
  // The message with one more set, by `hop`.
  Result<std::string> seal_it(const std::string& message, int hop) {
    publish(hop);
    const std::size_t header = message::header_block_size(message);
    dkim::BodyHasher hasher(kToyCrypto);
    hasher.update(std::string_view(message).substr(header));
    const dkim::SigningKey key{sealer(hop), "s", crypto::toy::make_key(KeyKind::rsa, sealer(hop))};
    auto set = seal(std::string_view(message).substr(0, header), hasher.finish(), judge(message),
                    concat(" mx", hop, ".example;\r\n\tspf=pass"), key, kNow, kToyCrypto);
    if (!set) return set;
    return *set + message;
  }
  std::string chain(int hops) {
    std::string message(kMessage);
    for (int hop = 1; hop <= hops; ++hop) message = seal_it(message, hop).value();
    return message;
  }
  Outcome judge(std::string_view message) {
    return mailauth::verify<Verifier>(dns_, message, kNow, kToyCrypto, 2, &idn::kFunctions);
  }
  Outcome judge_with(std::string message, std::string_view from, std::string_view to) {
    const std::size_t at = message.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return judge(message.replace(at, from.size(), to));
  }

  dns::TableResolver dns_;
};

TEST_F(Arc, WithoutSetsThereIsNone) {
  const Outcome outcome = judge(kMessage);
  EXPECT_EQ(outcome.verdict, Verdict::none);
  EXPECT_TRUE(outcome.may_be_sealed);
  EXPECT_EQ(dns_.questions(), 0U);
}

TEST_F(Arc, ChainsThatWeMakePassAndNameTheirSealers) {
  for (const int hops : {1, 2, 3, 7}) {
    const Outcome outcome = judge(chain(hops));
    EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
    ASSERT_EQ(outcome.sets.size(), static_cast<std::size_t>(hops));
    EXPECT_EQ(outcome.instances, static_cast<std::uint32_t>(hops));
    EXPECT_EQ(outcome.oldest_pass, 0U);
    EXPECT_EQ(outcome.sets[0].instance, 1U);
    EXPECT_EQ(outcome.sets[0].sealer, "hop1.example");
    EXPECT_EQ(outcome.sets[0].authentication_results, "mx1.example;\tspf=pass");
  }
}

// RFC 8616 §5, for the names of ARC too (RFC 8617 §4.1).
TEST_F(Arc, ASealerMayBeNamedInULabels) {
  const std::string message = chain(1);
  dns_.txt("s._domainkey.xn--hp-fka.example", "p=" + base64_encode(sealer(1)));
  const std::size_t asked = dns_.questions();
  const Outcome outcome = judge_with(message, "d=hop1.example", "d=h\u00F6p.example");
  EXPECT_EQ(outcome.verdict, Verdict::fail);
  EXPECT_EQ(outcome.reason, "seal 1: the signature does not match the header");  // so it was found
  EXPECT_EQ(dns_.questions(), asked + 2);
}

TEST_F(Arc, OurFieldsAreFolded) {
  const std::string message = chain(1);
  for (const std::string_view line : split(message, '\n')) EXPECT_LT(line.size(), 78U) << line;
  EXPECT_TRUE(message.starts_with("ARC-Seal: a=rsa-sha256;\r\n b="));
}

// RFC 8617 §5.2 step 5.
TEST_F(Arc, AHopThatChangesTheMessageMovesTheOldestPass) {
  std::string message = chain(2);
  message.replace(message.find("Subject: hello"), 14, "Subject: [list] hello");
  EXPECT_EQ(judge(message).verdict, Verdict::fail);  // by whoever does not seal anew
  std::string three = chain(2);
  // Hop 3 judged the message, changed it, and seals what it made.
  const Outcome before = judge(three);
  three.replace(three.find("Subject: hello"), 14, "Subject: [list] hello");
  publish(3);
  const std::size_t header = message::header_block_size(three);
  dkim::BodyHasher hasher(kToyCrypto);
  hasher.update(std::string_view(three).substr(header));
  const dkim::SigningKey key{sealer(3), "s", crypto::toy::make_key(KeyKind::rsa, sealer(3))};
  three = seal(std::string_view(three).substr(0, header), hasher.finish(), before, "mx3; arc=pass",
               key, kNow, kToyCrypto)
              .value() +
          three;
  const Outcome outcome = judge(three);
  EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
  EXPECT_EQ(outcome.oldest_pass, 3U);
}

TEST_F(Arc, TheStructureIsJudgedBeforeAnyQuestion) {
  const std::string message = chain(2);
  const std::size_t asked = dns_.questions();
  const std::string seal = message.substr(0, message.find("ARC-Message-Signature"));
  EXPECT_EQ(judge(seal + message).verdict, Verdict::fail);               // one twice
  EXPECT_EQ(judge(message.substr(seal.size())).verdict, Verdict::fail);  // one missing
  EXPECT_EQ(judge_with(message, "i=2;", "i=3;").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "i=2;", "i=51;").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "i=2;", "i=0;").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "cv=pass", "cv=none").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "cv=none", "cv=pass").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "cv=pass", "h=from; cv=pass").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "ARC-Seal: a=", "ARC-Seal: ;a=").verdict, Verdict::fail);
  EXPECT_EQ(judge_with(message, "d=hop2.example", "d=\"hop2.example\"").verdict, Verdict::fail);
  const Outcome failed = judge_with(message, "cv=pass", "cv=fail");
  EXPECT_EQ(failed.verdict, Verdict::fail);
  EXPECT_FALSE(failed.may_be_sealed);
  EXPECT_EQ(dns_.questions(), asked);
}

TEST_F(Arc, AnythingChangedInASetFails) {
  const std::string message = chain(3);
  for (int hop = 1; hop <= 3; ++hop) {
    const Outcome outcome = judge_with(message, concat("mx", hop, ".example"), "evil.example");
    EXPECT_EQ(outcome.verdict, Verdict::fail) << hop;
    EXPECT_TRUE(outcome.sets.empty());
    EXPECT_EQ(outcome.instances, 3U);
  }
  EXPECT_EQ(judge(message + "more\r\n").verdict, Verdict::fail);
}

TEST_F(Arc, DnsThatFailsIsATemperrorUnlessTheChainIsWrongAnyway) {
  const std::string message = chain(3);
  dns_.fail("s._domainkey.hop2.example", Type::txt);
  EXPECT_EQ(judge(message).verdict, Verdict::temperror);
  EXPECT_EQ(judge_with(message, "mx1.example", "evil.example").verdict, Verdict::fail);
  dns_.erase("s._domainkey.hop2.example");
  EXPECT_EQ(judge(message).verdict, Verdict::fail);
}

// RFC 8617 §5.1.2, §5.1.3.
TEST_F(Arc, AFailedChainIsSealedOnceAsFailed) {
  const std::string broken = chain(2) + "more\r\n";
  const std::string sealed = seal_it(broken, 3).value();
  EXPECT_NE(sealed.find("cv=fail"), std::string::npos);
  EXPECT_NE(sealed.find("ARC-Authentication-Results: i=3; mx3.example"), std::string::npos);
  EXPECT_EQ(judge(sealed).verdict, Verdict::fail);
  EXPECT_EQ(seal_it(sealed, 4).error().code, Errc::not_allowed);
}

TEST_F(Arc, FiftySetsAreTheMost) {
  std::string message(kMessage);
  // One sealer for all: keys are counted elsewhere.
  for (std::size_t i = 0; i < kMaxSets; ++i) message = seal_it(message, 1).value();
  crypto::toy::counts = {};
  const std::size_t asked = dns_.questions();
  const Outcome outcome = judge(message);
  EXPECT_EQ(outcome.verdict, Verdict::pass) << outcome.reason;
  EXPECT_FALSE(outcome.may_be_sealed);
  EXPECT_EQ(crypto::toy::counts.verified, 2 * kMaxSets);
  EXPECT_EQ(dns_.questions(), asked + 1);
  EXPECT_FALSE(seal_it(message, 1));
  std::string extra = message.substr(0, message.find("ARC-Seal", 10));
  for (std::size_t at = 0; (at = extra.find("i=50;", at)) != std::string::npos;) {
    extra.replace(at, 5, "i=51;");
  }
  EXPECT_EQ(judge(extra + message).verdict, Verdict::fail);
}

// security.md 38: with the ten of DKIM, 40 for a message.
TEST_F(Arc, AChainOfMoreThanThirtySealersFailsWithoutAQuestion) {
  EXPECT_EQ(judge(chain(30)).verdict, Verdict::pass);
  const std::string longer = seal_it(chain(30), 31).value();
  const std::size_t asked = dns_.questions();
  EXPECT_EQ(judge(longer).verdict, Verdict::fail);
  EXPECT_EQ(dns_.questions(), asked);
}

TEST_F(Arc, AnHundredThousandOctetsOfNonsenseCostOneWalk) {
  std::string message;
  for (int i = 0; i < 5000; ++i) append(message, "ARC-Seal: i=", i % 50 + 1, "; cv=pass\r\n");
  message += kMessage;
  crypto::toy::counts = {};
  EXPECT_EQ(judge(message).verdict, Verdict::fail);
  EXPECT_EQ(crypto::toy::counts.digests, 0U);
  EXPECT_EQ(dns_.questions(), 0U);
}

}  // namespace
}  // namespace mail::arc
