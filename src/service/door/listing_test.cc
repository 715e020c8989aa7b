#include "service/door/listing.h"

#include <gtest/gtest.h>

namespace mail::door {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(Listing, AClientIsAskedForBackwards) {  // RFC 5782 §2.1, §2.4
  EXPECT_EQ(list_name(ip("192.0.2.99"), "bad.example.com"), "99.2.0.192.bad.example.com");
  EXPECT_EQ(list_name(ip("2001:db8:1:2:3:4:567:89ab"), "ugly.example.com"),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com");
}

TEST(Listing, WhatNoListMayHaveIsAskedToo) {  // RFC 5782 §5
  EXPECT_EQ(never_listed_name(ip("192.0.2.99"), "bl.test"), "1.0.0.127.bl.test");
  EXPECT_EQ(never_listed_name(ip("2001:db8::1"), "bl.test"),
            "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test");
}

TEST(Listing, ADomainIsAskedForAsItIs) {  // RFC 5782 §2.2
  EXPECT_EQ(list_name("mail.evil.test", "dbl.test"), "mail.evil.test.dbl.test");
  EXPECT_EQ(never_listed_name("dbl.test"), "invalid.dbl.test");  // RFC 5782 §5
}

TEST(Listing, EveryListHasAnEntryForTests) {  // RFC 5782 §5
  EXPECT_EQ(test_entry_name({.zone = "bl.test", .answers = {}, .reply = {}}), "2.0.0.127.bl.test");
  EXPECT_EQ(test_entry_name({.zone = "dbl.test", .domains = true, .answers = {}, .reply = {}}),
            "test.dbl.test");
}

TEST(Listing, OnlyAnswersInLoopbackCount) {
  const List any{.zone = "bl.test", .answers = {}, .reply = {}};
  EXPECT_TRUE(counts(any, ip("127.0.0.2")));
  EXPECT_TRUE(counts(any, ip("127.1.2.3")));
  EXPECT_FALSE(counts(any, ip("203.0.113.9"))) << "a parked domain";
  EXPECT_FALSE(counts(any, ip("127.255.255.254"))) << "the list does not serve us";
  const List some{.zone = "bl.test", .answers = {*IpNetwork::parse("127.0.0.4/30")}, .reply = {}};
  EXPECT_TRUE(counts(some, ip("127.0.0.6")));
  EXPECT_FALSE(counts(some, ip("127.0.0.2")));
}

TEST(Listing, AReplyMayNameTheAddress) {
  EXPECT_EQ(reply_of({.zone = "bl.test", .answers = {}, .reply = {}}, ip("192.0.2.1")),
            "Your address 192.0.2.1 is listed by bl.test");
  EXPECT_EQ(reply_of({.zone = "bl.test",
                      .answers = {},
                      .reply = "See https://bl.test/{address} about {address}"},
                     ip("192.0.2.1")),
            "See https://bl.test/192.0.2.1 about 192.0.2.1");
  EXPECT_EQ(reply_of({.zone = "dbl.test", .answers = {}, .reply = "{domain}, sent by {address}"},
                     ip("192.0.2.1"), "x.test"),
            "x.test, sent by 192.0.2.1");
}

}  // namespace
}  // namespace mail::door
