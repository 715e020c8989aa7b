#include "codec/dns/rdata.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mail::dns {
namespace {
using namespace std::string_literals;

TEST(Rdata, Addresses) {
  EXPECT_EQ(parse_a("\xC0\x00\x02\x01"s)->to_string(), "192.0.2.1");
  const std::string v6 = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + '\1';
  EXPECT_EQ(parse_aaaa(v6)->to_string(), "2001:db8::1");
  EXPECT_FALSE(parse_a("\xC0\x00\x02"s));
  EXPECT_FALSE(parse_a("\xC0\x00\x02\x01\x01"s));
  EXPECT_FALSE(parse_aaaa(v6.substr(1)));
  EXPECT_FALSE(parse_aaaa("\xC0\x00\x02\x01"s));
}

TEST(Rdata, Mx) {
  EXPECT_EQ(parse_mx("\0\x0A\3mx1\4test\0"s), (Mx{10, "mx1.test"}));
  EXPECT_EQ(parse_mx("\xFF\xFF\2MX\0"s), (Mx{65535, "MX"}));
  EXPECT_EQ(parse_mx("\0\0\0"s), (Mx{0, "."})) << "null MX, RFC 7505";
  EXPECT_FALSE(parse_mx("\0\x0A"s));
  EXPECT_FALSE(parse_mx("\0\x0A\3mx1"s));
  EXPECT_FALSE(parse_mx("\0\x0A\3mx1\0rest"s));
}

TEST(Rdata, TxtStringsAreJoinedWithoutSpaces) {
  EXPECT_EQ(parse_txt("\7v=spf1 \4-all"s), "v=spf1 -all");
  EXPECT_EQ(parse_txt("\0"s), "");
  EXPECT_EQ(parse_txt("\0\2ab\0"s), "ab");
  EXPECT_FALSE(parse_txt(""));
  EXPECT_FALSE(parse_txt("\5abcd"));
  EXPECT_FALSE(parse_txt("\1a\1"));
}

TEST(Rdata, LongTxtIsCutIntoStringsAndComesBackWhole) {
  for (const std::size_t size : {0U, 1U, 255U, 256U, 510U, 511U, 5000U}) {
    const std::string text(size, 'k');
    EXPECT_EQ(parse_txt(encode_txt(text)), text) << size;
  }
}

TEST(Rdata, Names) {
  EXPECT_EQ(parse_name_rdata("\1a\4test\0"s), "a.test");
  EXPECT_FALSE(parse_name_rdata("\1a\4test\0x"s));
  EXPECT_FALSE(parse_name_rdata(""));
}

TEST(Rdata, Tlsa) {
  EXPECT_EQ(parse_tlsa("\3\1\1\xAB\xCD"s), (Tlsa{3, 1, 1, "\xAB\xCD"}));
  EXPECT_FALSE(parse_tlsa("\3\1\1"s)) << "without data";
}

}  // namespace
}  // namespace mail::dns
