#include "codec/smtp/passed_reply.h"

#include <gtest/gtest.h>

namespace mail::smtp {
namespace {

Verdict said(std::uint16_t code, std::string enhanced, std::string text) {
  Verdict verdict;
  verdict.code = code;
  verdict.enhanced = std::move(enhanced);
  verdict.text = std::move(text);
  return verdict;
}
std::string passed(std::uint16_t code, std::string enhanced, std::string text) {
  std::string out;
  append_passed_reply(out, pass_on(said(code, std::move(enhanced), std::move(text))));
  return out;
}

TEST(PassedReply, IsWordByWordWhatTheHopSaid) {
  EXPECT_EQ(passed(250, "2.1.5", "250 2.1.5 ok"), "250 2.1.5 ok\r\n");
  EXPECT_EQ(passed(550, "5.1.1", "550-5.1.1 nobody / here / 550 5.1.1 really"),
            "550-5.1.1 nobody / here\r\n550 5.1.1 really\r\n");
  EXPECT_EQ(passed(251, "2.1.5", "251 2.1.5 will forward"), "251 2.1.5 will forward\r\n");
}

TEST(PassedReply, HasTheEnhancedCodesWeAdvertise) {
  EXPECT_EQ(passed(250, "2.0.0", "250 ok"), "250 2.0.0 ok\r\n");
  EXPECT_EQ(passed(250, "2.0.0", "250"), "250 2.0.0 \r\n");
  EXPECT_EQ(passed(450, "4.0.0", "450-5.1.1 of another class / 450 so"),
            "450-4.0.0 5.1.1 of another class\r\n450 4.0.0 so\r\n");
}

TEST(PassedReply, OfAConnectionThatEndsIsNoneOfOurs) {
  EXPECT_EQ(passed(421, "4.3.2", "421 4.3.2 closing"), "451 4.3.2 closing\r\n");
}

TEST(PassedReply, NeverHasWhatIsNoTextOfAReply) {
  EXPECT_EQ(passed(550, "5.0.0",
                   "550 5.0.0 a\r\nb\x01"
                   "c\x7F\xC3\xBC"),
            "550 5.0.0 a??b?c???\r\n");
  EXPECT_EQ(passed(354, "3.0.0", "354 go on").substr(0, 4), "451 ");
}

TEST(PassedReply, IsBounded) {
  std::string text = "550-5.0.0 " + std::string(2000, 'x');
  for (int i = 0; i < 60; ++i) text += " / 550-5.0.0 more";
  text += " / 550 5.0.0 end";
  const PassedReply reply = pass_on(said(550, "5.0.0", text));
  EXPECT_EQ(reply.words.size(), kMaxPassedLines);
  std::string out;
  append_passed_reply(out, reply);
  EXPECT_EQ(out.find("\r\n"), kMaxReplyLine - 2);
  EXPECT_EQ(out[out.rfind("550") + 3], ' ');
}

TEST(PassedReply, OfDnsIsARefusal) {
  std::string out;
  append_passed_reply(out, refusal("5.1.10", "away.test takes no mail"));
  EXPECT_EQ(out, "550 5.1.10 away.test takes no mail\r\n");
}

}  // namespace
}  // namespace mail::smtp
