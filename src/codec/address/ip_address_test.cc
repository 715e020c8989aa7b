#include "codec/address/ip_address.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

std::string round_trip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_string() : "refused";
}

TEST(IpAddress, PrintsTheShortestForm) {
  EXPECT_EQ(round_trip("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(round_trip("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(round_trip("::"), "::");
  EXPECT_EQ(round_trip("::1"), "::1");
  EXPECT_EQ(round_trip("fe80::"), "fe80::");
  // RFC 5952 §4.2.2: one zero group is not shortened; §4.2.3: the first of two equal runs is.
  EXPECT_EQ(round_trip("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(round_trip("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");
  EXPECT_EQ(round_trip("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
}

TEST(IpAddress, MappedIpv4IsTheIpv4Address) {
  EXPECT_EQ(round_trip("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(*IpAddress::parse("::ffff:c000:201"), *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(round_trip("64:ff9b::192.0.2.1"), "64:ff9b::c000:201");
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "256.1.1.1",
                           "01.2.3.4",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "1..2.3",
                           "1.2.3.1000",
                           ":",
                           ":::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "1:2:3:4:5:6:7:",
                           ":1:2:3:4:5:6:7:8",
                           "12345::",
                           "::g",
                           "fe80::1%eth0",
                           "[::1]",
                           "1:2:3:4:5:6:7:8::",
                           "::1.2.3",
                           "1.2.3.4::",
                           "1:2:3:4:5:6:7:1.2.3.4"}) {
    EXPECT_EQ(round_trip(text), "refused") << text;
  }
}

TEST(IpAddress, KnowsLoopback) {
  EXPECT_TRUE(IpAddress::parse("127.8.9.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
}

TEST(IpAddress, LiteralsHaveTheFormOfRfc5321) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_literal(), "[192.0.2.1]");
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->to_literal(), "[IPv6:2001:db8::1]");
  EXPECT_EQ(*IpAddress::parse_literal("[ipv6:2001:DB8::1]"), *IpAddress::parse("2001:db8::1"));
  EXPECT_FALSE(IpAddress::parse_literal("[2001:db8::1]"));
  EXPECT_FALSE(IpAddress::parse_literal("192.0.2.1"));
  EXPECT_FALSE(IpAddress::parse_literal("[192.0.2.1"));
  EXPECT_FALSE(IpAddress::parse_literal("[]"));
}

TEST(IpNetwork, ContainsItsAddressesAndNoOthers) {
  const auto v4 = IpNetwork::parse("10.0.0.0/12");
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->contains(*IpAddress::parse("10.15.255.255")));
  EXPECT_FALSE(v4->contains(*IpAddress::parse("10.16.0.0")));
  EXPECT_FALSE(v4->contains(*IpAddress::parse("::1")));
  const auto v6 = IpNetwork::parse("2001:db8::/33");
  ASSERT_TRUE(v6);
  EXPECT_TRUE(v6->contains(*IpAddress::parse("2001:db8:7fff::1")));
  EXPECT_FALSE(v6->contains(*IpAddress::parse("2001:db8:8000::1")));
  const auto one = IpNetwork::parse("192.0.2.1");
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->contains(*IpAddress::parse("192.0.2.1")));
  EXPECT_FALSE(one->contains(*IpAddress::parse("192.0.2.0")));
  const auto all = IpNetwork::parse("::/0");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->contains(*IpAddress::parse("203.0.113.9")));
}

TEST(IpNetwork, RefusesHostBitsAndBadPrefixes) {
  for (const char* text : {"127.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1",
                           "10.0.0.0/08x", "/8", "2001:db8::1/64", "10.0.0.0/0000000008"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
}

}  // namespace
}  // namespace mail
