#include "codec/proxy/proxy.h"

#include <gtest/gtest.h>

#include <string>

namespace mail::proxy {
namespace {

using namespace std::string_literals;

Origin origin(std::string_view address, std::uint16_t port) {
  return {*IpAddress::parse(address), port};
}

std::string version2(char command, char family, const std::string& body) {
  std::string out = "\r\n\r\n\0\r\nQUIT\n"s;
  out += command;
  out += family;
  out += static_cast<char>(body.size() >> 8);
  out += static_cast<char>(body.size() & 0xFF);
  return out + body;
}

const std::string kV4 = "\xC0\x00\x02\x07\xC0\x00\x02\x01\x12\x67\x00\x19"s;
const std::string kV6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x07"s +
                        std::string(16, '\1') + "\x12\x67\x00\x19"s;

// As a reader does it: never an octet more than is missing.
Result<Header> read_from(std::string_view input, std::size_t* size) {
  std::string begin;
  for (;;) {
    auto header = parse(begin);
    if (!header || header->missing == 0) {
      *size = begin.size();
      return header;
    }
    if (begin.size() + header->missing > input.size()) return fail(Errc::closed, "cut off");
    begin += input.substr(begin.size(), header->missing);
  }
}

TEST(Proxy, BothVersionsNameTheClient) {
  struct Case {
    std::string header;
    std::optional<Origin> origin;
  };
  const Case cases[] = {
      {"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", origin("192.0.2.7", 4711)},
      {"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", origin("2001:db8::7", 4711)},
      {"PROXY UNKNOWN\r\n", std::nullopt},
      {"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", std::nullopt},
      {version2(0x21, 0x11, kV4), origin("192.0.2.7", 4711)},
      {version2(0x21, 0x21, kV6), origin("2001:db8::7", 4711)},
      {version2(0x21, 0x11, kV4 + "\x04\x00\x01x"s), origin("192.0.2.7", 4711)},
      {version2(0x20, 0x11, kV4), std::nullopt},
      {version2(0x20, 0x00, ""), std::nullopt},
      {version2(0x21, 0x00, ""), std::nullopt},
      {version2(0x21, 0x31, std::string(216, 'x')), std::nullopt},
  };
  for (const Case& test : cases) {
    std::size_t size = 0;
    const auto header = read_from(test.header + "EHLO behind.example\r\n", &size);
    ASSERT_TRUE(header) << test.header;
    EXPECT_EQ(header->origin, test.origin) << test.header;
    EXPECT_EQ(size, test.header.size()) << "read beyond the header: " << test.header;
  }
}

TEST(Proxy, WhatIsNoneIsSeenAtOnce) {
  for (const char* text : {"E", "PROXz", "EHLO a.example\r\n", "\r\n\r\nQ", "proxy TCP4"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(Proxy, RefusesBadHeaders) {
  for (const std::string& text :
       {"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n"s, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 25 1\r\n"s,
        "PROXY TCP4 2001:db8::7 2001:db8::1 4711 25\r\n"s,
        "PROXY TCP6 192.0.2.7 192.0.2.1 4711 25\r\n"s,
        "PROXY TCP4 192.0.2.256 192.0.2.1 4711 25\r\n"s,
        "PROXY TCP4 192.0.2.7 192.0.2.1 65536 25\r\n"s,
        "PROXY TCP4 192.0.2.7 192.0.2.1 04711 25\r\n"s,
        "PROXY UDP4 192.0.2.7 192.0.2.1 4711 25\r\n"s,
        "PROXY  TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"s, "PROXY "s + std::string(200, 'x'),
        version2(0x22, 0x11, kV4), version2(0x11, 0x11, kV4), version2(0x21, 0x12, kV4),
        version2(0x21, 0x11, kV4.substr(0, 11)), version2(0x21, 0x21, kV6.substr(0, 35)),
        version2(0x21, 0x11, std::string(5000, 'x'))}) {
    std::size_t size = 0;
    const auto header = read_from(text + std::string(200, ' '), &size);
    EXPECT_FALSE(header) << text;
  }
}

}  // namespace
}  // namespace mail::proxy
