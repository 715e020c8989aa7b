#include "codec/smtp/dot_encoder.h"

#include <gtest/gtest.h>

#include "codec/smtp/dot_decoder.h"

namespace mail::smtp {
namespace {

TEST(DotEncoder, LinesLeaveWithCrlfAndStuffedDots) {
  EXPECT_EQ(to_wire(""), ".\r\n");
  EXPECT_EQ(to_wire("a"), "a\r\n.\r\n");
  EXPECT_EQ(to_wire("a\r\n"), "a\r\n.\r\n");
  EXPECT_EQ(to_wire("a\r\n\r\n.\r\n..\r\n"), "a\r\n\r\n..\r\n...\r\n.\r\n");
  EXPECT_EQ(to_wire("a.b"), "a.b\r\n.\r\n");
}

TEST(DotEncoder, ABareLineEndLeavesAsAWholeOne) {
  EXPECT_EQ(to_wire("a\nb"), "a\r\nb\r\n.\r\n");
  EXPECT_EQ(to_wire("a\rb\r"), "a\r\nb\r\n.\r\n");
  EXPECT_EQ(to_wire("a\n.\r\nb"), "a\r\n..\r\nb\r\n.\r\n");  // smuggled ends stay content
  EXPECT_EQ(to_wire("a\r.\rb"), "a\r\n..\r\nb\r\n.\r\n");
  EXPECT_EQ(to_wire("\r\r\n\n"), "\r\n\r\n\r\n.\r\n");
}

TEST(DotEncoder, WithoutDotsOnlyLineEndsAreMadeWhole) {
  DotEncoder encoder(DotEncoder::Dots::plain);
  std::string wire;
  encoder.feed(".a\n..b\r\n.\r", &wire);
  encoder.feed("c", &wire);
  encoder.finish(&wire);
  EXPECT_EQ(wire, ".a\r\n..b\r\n.\r\nc\r\n");
}

TEST(DotEncoder, SameOutputHoweverTheContentIsCut) {
  for (const std::string_view content : {"a\r\n..b\r\n.\r\n", ".\n\r.\r\r\n.x", "\r\n", "a\r"}) {
    for (std::size_t first = 0; first <= content.size(); ++first) {
      for (std::size_t second = first; second <= content.size(); ++second) {
        DotEncoder encoder;
        std::string wire;
        encoder.feed(content.substr(0, first), &wire);
        encoder.feed(content.substr(first, second - first), &wire);
        encoder.feed(content.substr(second), &wire);
        encoder.finish(&wire);
        EXPECT_EQ(wire, to_wire(content)) << "cut at " << first << " and " << second;
      }
    }
  }
}

// All contents of seven octets over the alphabet that matters.
TEST(DotEncoder, WhatItWritesIsReadBackUndamagedAndWhole) {
  constexpr std::string_view kAlphabet = "a.\r\n";
  for (std::size_t number = 0; number < 4 * 4 * 4 * 4 * 4 * 4 * 4; ++number) {
    std::string content;
    for (std::size_t rest = number, i = 0; i < 7; ++i, rest /= 4) content += kAlphabet[rest % 4];
    const std::string wire = to_wire(content);
    DotDecoder decoder;
    std::string body;
    ASSERT_EQ(decoder.feed(wire, &body), wire.size());
    ASSERT_TRUE(decoder.done() && !decoder.damaged());
    std::string expected;  // the naive way
    for (std::size_t i = 0; i < content.size(); ++i) {
      if (content[i] == '\n' && i > 0 && content[i - 1] == '\r') continue;
      const bool end = content[i] == '\r' || content[i] == '\n';
      expected += end ? std::string("\r\n") : std::string(1, content[i]);
    }
    if (!expected.ends_with("\r\n")) expected += "\r\n";
    ASSERT_EQ(body, expected);
  }
}

}  // namespace
}  // namespace mail::smtp
