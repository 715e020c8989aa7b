#include "codec/smtp/reply_parser.h"

#include <gtest/gtest.h>

namespace mail::smtp {
namespace {

using State = ReplyParser::State;

ServerReply parse(std::string_view wire) {
  ReplyParser parser;
  EXPECT_EQ(parser.feed(wire), wire.size());
  EXPECT_EQ(parser.state(), State::done);
  return parser.state() == State::done ? parser.take() : ServerReply{};
}
State state_after(std::string_view wire) {
  ReplyParser parser;
  parser.feed(wire);
  return parser.state();
}

TEST(ReplyParser, SameReplyHoweverTheInputIsCut) {
  constexpr std::string_view wire = "250-mx.yahoo.test\r\n250-SIZE 100\r\n250 8BITMIME\r\n";
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ReplyParser parser;
    parser.feed(wire.substr(0, cut));
    parser.feed(wire.substr(cut));
    ASSERT_EQ(parser.state(), State::done) << "cut at " << cut;
    const ServerReply reply = parser.take();
    EXPECT_EQ(reply.code, 250);
    EXPECT_EQ(reply.text(), "250-mx.yahoo.test / 250-SIZE 100 / 250 8BITMIME");
  }
}

TEST(ReplyParser, TakesOneReplyAndNoByteBehindIt) {
  ReplyParser parser;
  EXPECT_EQ(parser.feed("250 a\r\n550 b\r\n"), 7U);
  EXPECT_EQ(parser.take().code, 250);
  EXPECT_EQ(parser.feed("550 b\r\n"), 7U);
  EXPECT_EQ(parser.take().code, 550);
}

TEST(ReplyParser, ACodeAloneAndABareLineFeedAreTakenToo) {
  EXPECT_EQ(parse("250\r\n").code, 250);
  EXPECT_EQ(parse("250 ok\n").text(), "250 ok");
}

TEST(ReplyParser, WhatIsNoReplyIsToldApart) {
  for (const char* wire : {"hello\r\n", "\r\n", "25\r\n", "150 early\r\n", "650 x\r\n", "250x\r\n",
                           "250-a\r\n550 b\r\n", "-250 a\r\n", " 250 a\r\n"}) {
    EXPECT_EQ(state_after(wire), State::no_reply) << wire;
  }
}

TEST(ReplyParser, ControlBytesDoNotComeThrough) {
  EXPECT_EQ(parse(std::string_view("250 a\0b\x1b[2J\rc\td\r\n", 17)).text(), "250 a?b?[2J?c d");
}

TEST(ReplyParser, AHundredLinesAreTakenAndNoMore) {
  std::string wire;
  for (std::size_t i = 1; i < kMaxReplyLines; ++i) wire += "250-x\r\n";
  EXPECT_EQ(state_after(wire + "250 x\r\n"), State::done);
  EXPECT_EQ(state_after(wire + "250-x\r\n250 x\r\n"), State::too_large);
}

TEST(ReplyParser, ALineOf2048OctetsIsTakenAndNoLonger) {
  const std::string line = "250 " + std::string(kMaxServerLine - 4, 'x');
  EXPECT_EQ(state_after(line + "\r\n"), State::done);
  EXPECT_EQ(state_after(line + "x\r\n"), State::too_large);
  EXPECT_EQ(state_after(line + "x\n"), State::too_large);
  EXPECT_EQ(state_after(line + "xx"), State::too_large) << "without waiting for its end";
}

TEST(ReplyParser, AnEnhancedCodeCountsOnlyInItsOwnClass) {
  EXPECT_EQ(parse("550 5.1.1 nobody\r\n").enhanced(), "5.1.1");
  EXPECT_EQ(parse("550 5.123.456\r\n").enhanced(), "5.123.456");
  for (const char* none : {"550 4.1.1 x\r\n", "550 5.1 x\r\n", "550 5.1.1x\r\n", "550 5..1 x\r\n",
                           "550 5.1234.1 x\r\n", "550\r\n", "550 5.1.\r\n", "550 5.1.1.1\r\n"}) {
    EXPECT_EQ(parse(none).enhanced(), "") << none;
  }
}

}  // namespace
}  // namespace mail::smtp
