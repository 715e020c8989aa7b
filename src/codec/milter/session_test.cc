#include "codec/milter/session.h"

#include <gtest/gtest.h>

#include <array>

#include "base/bytes.h"
#include "base/text.h"

namespace mail::milter {
namespace {

using namespace std::string_view_literals;

std::string packet(char code, std::string_view payload = "") {
  std::string out;
  append_packet(out, static_cast<Command>(code), payload);
  return out;
}

std::string options(std::uint32_t actions, std::uint32_t steps, std::uint32_t version = kVersion) {
  std::string payload;
  append_big_endian(payload, version);
  append_big_endian(payload, actions);
  append_big_endian(payload, steps);
  return packet('O', payload);
}

std::string numbered(std::uint32_t number, std::string_view rest) {
  std::string payload;
  append_big_endian(payload, number);
  return payload.append(rest);
}

// The codes of the packets in `bytes`, which are whole: "DCDH".
std::string codes(std::string_view bytes) {
  std::string out;
  while (const auto next = first_packet(bytes).value_or(std::nullopt)) {
    out.push_back(next->code);
    bytes.remove_prefix(next->size);
  }
  EXPECT_TRUE(bytes.empty());
  return out;
}

class MilterSession : public testing::Test {
 protected:
  // Negotiated, and as far as RCPT; everything was answered with "carry on".
  void begin(std::uint32_t steps = 0, std::uint32_t actions = kOfferedActions) {
    session_.negotiate();
    EXPECT_EQ(codes(session_.take_output()), "O");
    ASSERT_TRUE(session_.consume(options(actions, steps)));
    session_.connect(*IpAddress::parse("192.0.2.1"), 4711, {});
    carry_on();
    session_.helo("mail.gmail.test", {});
    carry_on();
    begin_message();
  }
  void begin_message() {
    session_.mail("<tom@gmail.test>", {});
    carry_on();
    session_.rcpt("<jerry@yahoo.test>", {});
    carry_on();
  }
  void begin_end() {
    session_.data({});
    carry_on();
    session_.end_of_header({});
    carry_on();
    session_.end_of_message({});
    sent_ += session_.take_output();
  }
  void carry_on() {
    sent_ += session_.take_output();
    if (session_.waits()) ASSERT_TRUE(session_.consume(packet('c')));
  }
  Session session_;
  std::string sent_;
};

TEST_F(MilterSession, TellsAWholeMessageInOrder) {
  begin();
  session_.data({});
  carry_on();
  session_.header("Subject", " Cheese\r\n\tand mice");
  EXPECT_TRUE(session_.take_output().ends_with("Subject\0Cheese\n\tand mice\0"sv));
  carry_on();
  session_.end_of_header({});
  carry_on();
  session_.body("Hello\r\n");
  carry_on();
  session_.end_of_message({});
  carry_on();
  EXPECT_EQ(codes(sent_), "CHMRTNBE");
  session_.quit();
  EXPECT_EQ(codes(session_.take_output()), "Q");
}

TEST_F(MilterSession, ConnectSaysWhoTheClientIs) {
  session_.negotiate();
  session_.take_output();
  ASSERT_TRUE(session_.consume(options(0, kLeadingSpace)));
  const auto macros = std::to_array<Macro>({{"j", "mx.yahoo.test"}, {"{tls_version}", ""}});
  session_.connect(*IpAddress::parse("2001:db8::1"), 25, macros);
  EXPECT_EQ(session_.take_output(),
            concat(packet('D', "Cj\0mx.yahoo.test\0"sv), packet('C',
                                                                "[2001:db8::1]\0006\0\031"
                                                                "2001:db8::1\0"sv)));
}

TEST_F(MilterSession, WhatAFilterDoesNotWantIsNotTold) {
  begin(kNoConnect | kNoHelo | kNoRcpt | kNoHeaders | kNoBody | kHeaderUnanswered);
  EXPECT_EQ(codes(sent_), "M");
  session_.data({});
  carry_on();
  EXPECT_FALSE(session_.wants_headers());
  session_.header("Subject", " x");
  session_.body("x");
  EXPECT_EQ(session_.take_output(), "");
}

TEST_F(MilterSession, AnOlderFilterHearsNoData) {
  session_.negotiate();
  session_.take_output();
  ASSERT_TRUE(session_.consume(options(kAddHeaders, 0, 2)));
  begin_message();
  sent_.clear();
  session_.data({});
  EXPECT_EQ(session_.take_output(), "");
}

TEST_F(MilterSession, UnansweredStepsAreNotWaitedFor) {
  begin(kHeaderUnanswered | kLeadingSpace);
  session_.header("Subject", "  x");
  EXPECT_FALSE(session_.waits());
  session_.header("To", " y");
  EXPECT_EQ(session_.take_output(),
            concat(packet('L', "Subject\0  x\0"sv), packet('L', "To\0 y\0"sv)));
}

TEST_F(MilterSession, RefusesARecipientAndGoesOn) {
  begin();
  session_.rcpt("<spike@yahoo.test>", {});
  session_.take_output();
  ASSERT_TRUE(session_.consume(packet('y', "550 5.1.1 Not %%here\0"sv)));
  const auto* refuse = std::get_if<Refuse>(&session_.decision());
  ASSERT_NE(refuse, nullptr);
  EXPECT_TRUE(refuse->for_good);
  EXPECT_EQ(refuse->status, "5.1.1");
  EXPECT_EQ(refuse->text, "Not %here");
  session_.rcpt("<jerry@yahoo.test>", {});
  EXPECT_TRUE(session_.waits());
}

TEST_F(MilterSession, AWordOnTheConnectionHoldsForEachMessage) {
  session_.negotiate();
  session_.take_output();
  ASSERT_TRUE(session_.consume(options(0, 0)));
  session_.connect(*IpAddress::parse("192.0.2.1"), 4711, {});
  session_.take_output();
  ASSERT_TRUE(session_.consume(packet('t')));
  for (int i = 0; i < 2; ++i) {
    session_.mail("<tom@gmail.test>", {});
    EXPECT_EQ(session_.take_output(), "");
    ASSERT_TRUE(std::holds_alternative<Refuse>(session_.decision()));
    EXPECT_FALSE(std::get<Refuse>(session_.decision()).for_good);
  }
}

TEST_F(MilterSession, AfterItsLastWordAFilterHearsNoMoreOfAMessage) {
  begin();
  session_.data({});
  session_.take_output();
  ASSERT_TRUE(session_.consume(packet('a')));
  EXPECT_TRUE(std::holds_alternative<CarryOn>(session_.decision()));
  session_.header("Subject", " x");
  session_.body("x");
  session_.end_of_message({});
  EXPECT_EQ(session_.take_output(), "");
  session_.mail("<>", {});
  EXPECT_EQ(codes(session_.take_output()), "AM");
}

TEST_F(MilterSession, SkipsTheRestOfABodyOnlyOfThisMessage) {
  begin();
  session_.data({});
  carry_on();
  session_.end_of_header({});
  carry_on();
  session_.body("one");
  session_.take_output();
  ASSERT_TRUE(session_.consume(packet('s')));
  EXPECT_FALSE(session_.wants_body());
  session_.end_of_message({});
  session_.take_output();
  ASSERT_TRUE(session_.consume(packet('c')));
  begin_message();
  EXPECT_TRUE(session_.wants_body());
}

TEST_F(MilterSession, CollectsWishesAtTheEndHoweverTheyAreCut) {
  const std::string wire = concat(
      packet('p'), packet('h', "X-A\0one\0"sv), packet('i', numbered(1, "X-B\0two\n\tfolded\0"sv)),
      packet('m', numbered(0, "Subject\0\0"sv)), packet('q', "a virus\0"sv), packet('a'));
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    session_ = Session();
    begin();
    begin_end();
    ASSERT_TRUE(session_.consume(wire.substr(0, cut)));
    EXPECT_TRUE(session_.waits()) << cut;
    ASSERT_TRUE(session_.consume(wire.substr(cut)));
    EXPECT_FALSE(session_.waits()) << cut;
    const Wishes wishes = session_.take_wishes();
    ASSERT_EQ(wishes.edits.size(), 3U);
    EXPECT_EQ(wishes.edits[0].kind, HeaderEdit::Kind::append);
    EXPECT_EQ(wishes.edits[1].kind, HeaderEdit::Kind::insert);
    EXPECT_EQ(wishes.edits[1].index, 1U);
    EXPECT_EQ(wishes.edits[1].value, " two\n\tfolded");
    EXPECT_EQ(wishes.edits[2].kind, HeaderEdit::Kind::change);
    EXPECT_EQ(wishes.edits[2].index, 1U);
    EXPECT_EQ(wishes.edits[2].value, "");
    EXPECT_EQ(wishes.quarantine, "a virus");
  }
}

TEST_F(MilterSession, NoFilterMayChangeTheBodyOrTheEnvelope) {
  for (const std::uint32_t action :
       {kChangeBody, kAddRecipients, kDeleteRecipients, kChangeSender}) {
    Session session;
    session.negotiate();
    EXPECT_EQ(session.consume(options(action, 0)).error().code, Errc::not_allowed);
  }
  for (const char code : {'b', '+', '-', '2', 'e'}) {
    session_ = Session();
    begin();
    begin_end();
    EXPECT_EQ(session_.consume(packet(code, "x\0"sv)).error().code, Errc::not_allowed) << code;
  }
}

TEST_F(MilterSession, WhatMakesNoSenseIsAnError) {
  const auto refused = [&](std::string_view wire) {
    session_ = Session();
    begin();
    session_.data({});
    session_.take_output();
    return !session_.consume(wire).has_value();
  };
  EXPECT_TRUE(refused("\0\0\0\0"sv)) << "empty";
  EXPECT_TRUE(refused("\x7f\0\0\0"sv)) << "too large";
  EXPECT_TRUE(refused(packet('Z')));
  EXPECT_TRUE(refused(packet('h', "X-A\0one\0"sv))) << "before the end";
  EXPECT_TRUE(refused(packet('y', "250 fine\0"sv)));
  EXPECT_TRUE(refused(concat(packet('c'), packet('c')))) << "twice";
}

TEST(MilterReply, SeveralLinesBecomeOne) {
  const auto reply = parse_reply(
      {.code = 'y', .payload = "451-4.7.1 wait\r\n451 4.7.1 a \tlittle\0"sv, .size = 0});
  ASSERT_TRUE(reply);
  const Refuse& refuse = std::get<Refuse>(*reply);
  EXPECT_FALSE(refuse.for_good);
  EXPECT_EQ(refuse.status, "4.7.1");
  EXPECT_EQ(refuse.text, "wait  a ?little");
}

}  // namespace
}  // namespace mail::milter
