#include "codec/smtp/replies.h"

#include <gtest/gtest.h>

#include <set>

namespace mail::smtp {
namespace {

bool has_enhanced_code(std::string_view text) {  // "250 2.1.5 ..."
  return text.size() > 10 && is_digit(text[4]) && text[5] == '.' && is_digit(text[6]) &&
         text[7] == '.' && is_digit(text[8]);
}

TEST(Replies, HaveTheEnhancedCodeOfTheirClassOrNone) {
  const std::set<std::string_view> without = {kSendData.text, kHeloSyntax.text,
                                              kTlsFirstForHelo.text};
  for (const Reply reply : kCatalogue) {
    ASSERT_GT(reply.text.size(), 5U);
    EXPECT_EQ(reply.text[3], ' ') << reply.text;
    EXPECT_EQ(has_enhanced_code(reply.text), !without.contains(reply.text)) << reply.text;
    // RFC 2034 §4: the class of both codes is the same.
    if (has_enhanced_code(reply.text)) EXPECT_EQ(reply.text[4], reply.text[0]) << reply.text;
  }
}

TEST(Replies, AreOneLineOfAsciiWithinTheLimit) {  // RFC 5321 §4.5.3.1.5: 512 with CRLF
  for (const Reply reply : kCatalogue) {
    EXPECT_LT(reply.text.size(), 120U);
    for (const char c : reply.text) EXPECT_TRUE(c >= ' ' && c < 0x7F) << reply.text;
  }
}

TEST(Replies, AreAllDifferent) {
  std::set<std::string_view> texts;
  for (const Reply reply : kCatalogue) EXPECT_TRUE(texts.insert(reply.text).second) << reply.text;
}

TEST(Replies, GreetingsHaveNoEnhancedCode) {
  for (const auto append_one :
       {append_greeting, append_refusal_greeting, append_busy_greeting, append_helo_reply}) {
    std::string out;
    append_one(out, "mx.yahoo.test");
    EXPECT_EQ(out.substr(3, 14), " mx.yahoo.test");
    EXPECT_TRUE(out.ends_with("\r\n"));
  }
}

TEST(Replies, NameTheMessage) {
  std::string out;
  const MessageId id = MessageId::make(1, 2, 3);
  append_message_taken(out, id);
  EXPECT_EQ(out, "250 2.0.0 " + id.to_string() + "\r\n");
}

}  // namespace
}  // namespace mail::smtp
