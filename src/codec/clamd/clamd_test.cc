#include "codec/clamd/clamd.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::clamd {
namespace {

using namespace std::string_view_literals;

TEST(Clamd, AMessageGoesInPiecesWithTheirLength) {
  std::string out;
  append_start(out);
  append_piece(out, "Hello");
  append_piece(out, "");
  append_end(out);
  EXPECT_EQ(out, "zINSTREAM\0\0\0\0\5Hello\0\0\0\0"sv);
}

TEST(Clamd, AnswersAreCleanOrNameWhatWasFound) {
  const auto found = [](std::string_view wire) {
    const auto answer = parse_answer(wire);
    return answer && *answer ? (*answer)->found : "no answer";
  };
  EXPECT_EQ(found("stream: OK\0"sv), "");
  EXPECT_EQ(found("stream: Eicar-Test-Signature FOUND\0"sv), "Eicar-Test-Signature");
  EXPECT_EQ(found("stream: Bad\r\n250 FOUND\0"sv), "Bad??250");
}

TEST(Clamd, AnAnswerIsWaitedForToItsEnd) {
  constexpr std::string_view wire = "stream: OK\0"sv;
  for (std::size_t cut = 0; cut < wire.size(); ++cut) {
    const auto answer = parse_answer(wire.substr(0, cut));
    ASSERT_TRUE(answer) << cut;
    EXPECT_FALSE(*answer) << cut;
  }
}

TEST(Clamd, WhatIsNoAnswerIsAnError) {
  const auto code = [](std::string_view wire) { return parse_answer(wire).error().code; };
  EXPECT_EQ(code("INSTREAM size limit exceeded. ERROR\0"sv), Errc::too_large);
  EXPECT_EQ(code("stream: Can't allocate memory ERROR\0"sv), Errc::unavailable);
  EXPECT_EQ(code("PONG\0"sv), Errc::bad_syntax);
  EXPECT_EQ(code("stream: \0"sv), Errc::bad_syntax);
  EXPECT_EQ(code("stream:  FOUND\0"sv), Errc::bad_syntax);
  EXPECT_EQ(code(std::string(kMaxAnswer, 'x')), Errc::bad_syntax);
}

}  // namespace
}  // namespace mail::clamd
