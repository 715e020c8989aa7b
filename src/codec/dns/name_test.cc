#include "codec/dns/name.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace mail::dns {
namespace {
using namespace std::string_literals;

std::string text_of(std::string_view wire) {
  const Result<std::string> name = read_name(wire);
  return name ? *name : "refused";
}
bool has_wire(std::string_view text) { return to_wire(text).has_value(); }

TEST(Name, IsReadFromWireAndTheRestIsLeft) {
  const std::string wire = "\3mx1\5yahoo\4test\0rest"s;
  std::string_view bytes = wire;
  EXPECT_EQ(read_name(bytes), "mx1.yahoo.test");
  EXPECT_EQ(bytes, "rest");
  EXPECT_EQ(text_of("\0"s), ".");
}

TEST(Name, OctetsThatAreNoPlainTextAreEscaped) {
  EXPECT_EQ(text_of("\3a.b\0"s), "a\\.b");
  EXPECT_EQ(text_of("\3a\\b\0"s), "a\\\\b");
  EXPECT_EQ(text_of("\4a\r\nb\0"s), "a\\013\\010b");
  EXPECT_EQ(text_of("\3\0 \xFF\0"s), "\\000\\032\\255");
}

TEST(Name, BadWireFormsAreRefused) {
  EXPECT_EQ(text_of(""), "refused");
  EXPECT_EQ(text_of("\3mx1"), "refused") << "no final zero";
  EXPECT_EQ(text_of("\5mx1\0"s), "refused") << "label longer than the octets";
  EXPECT_EQ(text_of("\3mx1\xC0\x0C"), "refused") << "compressed";
  EXPECT_EQ(text_of(std::string(1, 64) + std::string(64, 'a') + "\0"s), "refused");
}

TEST(Name, HasAtMost255OctetsOfWire) {
  std::string wire;  // 127 labels of one letter: 254 octets and the zero
  std::string text;
  for (int i = 0; i < 127; ++i) {
    wire += "\1a";
    text += i == 0 ? "a" : ".a";
  }
  EXPECT_EQ(text_of(wire + "\0"s), text);
  EXPECT_TRUE(has_wire(text));
  EXPECT_EQ(text_of("\1a" + wire + "\0"s), "refused");
  EXPECT_FALSE(has_wire("a." + text));
}

TEST(Name, TextIsReadWithEscapesAndWithOrWithoutTheFinalDot) {
  EXPECT_EQ(to_wire("mx1.test"), "\3mx1\4test\0"s);
  EXPECT_EQ(to_wire("mx1.test."), "\3mx1\4test\0"s);
  EXPECT_EQ(to_wire("."), "\0"s);
  EXPECT_EQ(to_wire("a\\.b\\032c.test"), "\5a.b c\4test\0"s);
}

TEST(Name, BadTextIsRefused) {
  for (const std::string_view text :
       {"", "a..b", ".a", "a..", "a\\", "a\\25", "a\\256", "a\\2x5"}) {
    EXPECT_FALSE(has_wire(text)) << text;
  }
  EXPECT_TRUE(has_wire(std::string(63, 'a')));
  EXPECT_FALSE(has_wire(std::string(64, 'a')));
}

TEST(Name, NormalFormIsLowerCaseWithoutFinalDot) {
  EXPECT_EQ(normalize_name("MX1.Yahoo.TEST."), "mx1.yahoo.test");
  EXPECT_EQ(normalize_name("\\097.test"), "a.test");
  EXPECT_EQ(normalize_name("."), ".");
}

TEST(Name, HostNamesHaveNothingThatAnotherProtocolCouldMisread) {
  for (const std::string_view text : {"mx1.yahoo.test", "localhost", "my_host.test", "1.test"}) {
    EXPECT_TRUE(is_host_name(text)) << text;
  }
  for (const std::string_view text : {"", ".", "a..b", "a.", "-a.test", "a-.test", "a b.test",
                                      "a\\.b.test", "a\r\nb", "[192.0.2.1]", "\xC3\xBC.test"}) {
    EXPECT_FALSE(is_host_name(text)) << text;
  }
}

TEST(ReverseName, OfBothFamilies) {
  EXPECT_EQ(reverse_name(IpAddress::parse("192.0.2.10").value()), "10.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name(IpAddress::parse("2001:db8::567:89ab").value()),  // RFC 3596 §2.5
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

}  // namespace
}  // namespace mail::dns
