#include "service/door/greylist.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::door {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{Milliseconds{1'795'299'348'123}};
const Greylist kSettings{.enabled = true};

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(GreylistTable, WhoComesBackInTimeIsKnownFromThenOn) {
  GreylistTable table;
  const IpAddress client = ip("192.0.2.1");
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow), 300s);
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow + 100s), 200s);
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow + 300s), std::nullopt);
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow + 301s), std::nullopt);
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow + 30 * 24h), std::nullopt);
}

TEST(GreylistTable, ANetworkAndADomainAreKnownTogether) {
  GreylistTable table;
  table.vouch(ip("192.0.2.1"), "a.test", kNow);
  EXPECT_EQ(table.wait(ip("192.0.2.77"), "a.test", kSettings, kNow), std::nullopt);
  EXPECT_NE(table.wait(ip("192.0.3.1"), "a.test", kSettings, kNow), std::nullopt);
  EXPECT_NE(table.wait(ip("192.0.2.1"), "b.test", kSettings, kNow), std::nullopt);
  table.vouch(ip("2001:db8:0:1::1"), "a.test", kNow);
  EXPECT_EQ(table.wait(ip("2001:db8:0:1:2::3"), "a.test", kSettings, kNow), std::nullopt);
  EXPECT_NE(table.wait(ip("2001:db8:0:2::1"), "a.test", kSettings, kNow), std::nullopt);
}

TEST(GreylistTable, WhatIsOldIsForgotten) {
  GreylistTable table;
  const IpAddress client = ip("192.0.2.1");
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow), 300s);
  EXPECT_EQ(table.wait(client, "a.test", kSettings, kNow + 72h), 300s) << "it came back too late";
  table.vouch(client, "b.test", kNow);
  EXPECT_EQ(table.wait(client, "b.test", kSettings, kNow + 36 * 24h), 300s);
}

TEST(GreylistTable, StaysBelowItsBoundAndKeepsWhoIsKnown) {
  GreylistTable table(100);
  for (int i = 0; i < 40; ++i) {
    table.vouch(ip("192.0.2.1"), concat("known", i, ".test"), kNow + std::chrono::seconds(i));
  }
  for (int i = 0; i < 1000; ++i) {
    table.wait(ip("192.0.2.1"), concat("new", i, ".test"), kSettings, kNow + 1h);
    ASSERT_LE(table.size(), 100U);
  }
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(table.wait(ip("192.0.2.1"), concat("known", i, ".test"), kSettings, kNow + 2h),
              std::nullopt);
  }
}

TEST(GreylistTable, SurvivesARestartButNotDamage) {
  GreylistTable before;
  before.vouch(ip("192.0.2.1"), "a.test", kNow);
  before.wait(ip("192.0.2.1"), "b.test", kSettings, kNow);
  const std::string bytes = before.bytes();
  GreylistTable after;
  ASSERT_TRUE(after.load(bytes));
  EXPECT_EQ(after.size(), 2U);
  EXPECT_EQ(after.wait(ip("192.0.2.1"), "a.test", kSettings, kNow), std::nullopt);
  EXPECT_EQ(after.wait(ip("192.0.2.1"), "b.test", kSettings, kNow + 60s), 240s);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(GreylistTable().load(bytes.substr(0, cut))) << cut;
  }
  std::string broken = bytes;
  broken[12] ^= 1;
  EXPECT_FALSE(GreylistTable().load(broken));
}

}  // namespace
}  // namespace mail::door
