#include "codec/mailauth/srs.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "base/text.h"

namespace mail::srs {
namespace {

// Stands for HMAC-SHA1, which codec/ has not: 20 octets that differ with key and octets. What the
// real one makes is compared with postsrsd's in service/signing and tests/interop.
std::string mixed(std::string_view key, std::string_view octets) {
  std::uint64_t state = 1469598103934665603U;
  for (const char c : concat(key, '\n', octets)) {
    state = (state ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  std::string out;
  for (int i = 0; i < 20; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    out.push_back(static_cast<char>(state >> 56));
  }
  return out;
}

constexpr WallTime kNow{Milliseconds(1'795'325'077'000)};  // Sun, 22 Nov 2026
const Rewriter kOurs({"secret"}, mixed);

WallTime in_days(int days) { return kNow + std::chrono::days(days); }

TEST(Srs, WhatIsRewrittenIsReversed) {
  for (const Address& sender :
       {Address{"Tom.Cat", "gmail.test"}, Address{"a=b=c", "x.test"}, Address{"a b", "x.test"},
        Address{"SRS0", "x.test"}, Address{"SRS2=x", "x.test"}, Address{"SRS1=a=b.test=", "x.test"},
        Address{"tom", "[192.0.2.1]"}}) {
    const std::string made = kOurs.forward(sender, kNow);
    EXPECT_TRUE(made.starts_with("SRS0=")) << made;
    EXPECT_TRUE(is_rewritten(made));
    EXPECT_EQ(kOurs.reverse(made, kNow).value_or(Address{}), sender) << made;
    EXPECT_EQ(kOurs.reverse(to_lower(made), kNow).value_or(Address{}),
              (Address{to_lower(sender.local_part), sender.domain}));
  }
}

TEST(Srs, TheStampIsTheDayInBase32) {
  EXPECT_EQ(kOurs.forward({"tom", "gmail.test"}, kNow).substr(9, 4), "=JL=");
  EXPECT_EQ(kOurs.forward({"tom", "gmail.test"}, in_days(21)).substr(9, 4), "=KA=");
}

TEST(Srs, WhatOthersHaveRewrittenKeepsTheFirstHost) {
  const std::string once = kOurs.forward({"SRS0=AbCd=XY=first.test=tom", "second.test"}, kNow);
  EXPECT_EQ(once.substr(9), "=second.test==AbCd=XY=first.test=tom");
  EXPECT_EQ(kOurs.reverse(once, kNow).value_or(Address{}),
            (Address{"SRS0=AbCd=XY=first.test=tom", "second.test"}));
  // A third host on the way adds nothing.
  const std::string twice = kOurs.forward({once, "third.test"}, kNow);
  EXPECT_EQ(twice, once);
  const std::string plus = kOurs.forward({"srs0+AbCd=XY=first.test=tom", "second.test"}, kNow);
  EXPECT_EQ(kOurs.reverse(plus, kNow).value_or(Address{}).local_part,
            "SRS0+AbCd=XY=first.test=tom");
}

TEST(Srs, AnAddressLivesThreeWeeks) {
  const std::string made = kOurs.forward({"tom", "gmail.test"}, kNow);
  EXPECT_TRUE(kOurs.reverse(made, in_days(kMaxAge)));
  EXPECT_EQ(kOurs.reverse(made, in_days(kMaxAge + 1)).error().code, Errc::deadline_exceeded);
  EXPECT_EQ(kOurs.reverse(made, in_days(1023)).error().code, Errc::deadline_exceeded);
  EXPECT_EQ(kOurs.reverse(made, in_days(-2)).error().code, Errc::deadline_exceeded);
}

TEST(Srs, NobodyElseCanMakeOne) {
  const std::string made = kOurs.forward({"tom", "gmail.test"}, kNow);
  EXPECT_EQ(Rewriter({"other"}, mixed).reverse(made, kNow).error().code, Errc::not_allowed);
  for (std::size_t at = 5; at < made.size(); ++at) {  // behind "SRS0="
    std::string changed = made;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(kOurs.reverse(changed, kNow)) << changed;
  }
  std::string shorter = made;
  shorter.erase(6, 1);
  EXPECT_EQ(kOurs.reverse(shorter, kNow).error().code, Errc::not_allowed);
  EXPECT_FALSE(kOurs.reverse("SRS1=AbCd=relay.test==AbCd=XY=victim.test=x", kNow));
}

TEST(Srs, AnOlderSecretStillVerifies) {
  const std::string made = kOurs.forward({"tom", "gmail.test"}, kNow);
  const Rewriter later({"new", "secret"}, mixed);
  EXPECT_TRUE(later.reverse(made, kNow));
  EXPECT_NE(later.forward({"tom", "gmail.test"}, kNow), made);
}

TEST(Srs, WhatIsNoneIsRefused) {
  for (const std::string_view text :
       {"", "tom", "SRS", "SRS0", "SRS0=", "SRS0=abcd", "SRS0=abcd=JL", "SRS0=abcd=JL=x.test",
        "SRS0=abcd=JL=x.test=", "SRS0=abcd==x.test=tom", "SRS0=abcd=J1=x.test=tom",
        "SRS0=abcd=JLL=x.test=tom", "SRS1=abcd", "SRS1=abcd=x.test=", "SRS3=a=b=c=d",
        "SRS0xabcd=JL=x.test=tom"}) {
    const Result<Address> reversed = kOurs.reverse(text, kNow);
    ASSERT_FALSE(reversed) << text;
    EXPECT_EQ(reversed.error().code, Errc::bad_syntax) << text;
  }
}

}  // namespace
}  // namespace mail::srs
