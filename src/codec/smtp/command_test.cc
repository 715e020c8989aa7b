#include "codec/smtp/command.h"

#include <gtest/gtest.h>

#include <limits>

namespace mail::smtp {
namespace {

TEST(Command, FindsVerbsInAnyCase) {
  EXPECT_EQ(parse_command("MAIL FROM:<>").verb, Verb::mail);
  EXPECT_EQ(parse_command("mail FROM:<>").argument, "FROM:<>");
  EXPECT_EQ(parse_command("eHlO a").verb, Verb::ehlo);
  EXPECT_EQ(parse_command("StartTLS").verb, Verb::starttls);
  EXPECT_EQ(parse_command("GET / HTTP/1.1").verb, Verb::http);
  EXPECT_EQ(parse_command("post").verb, Verb::http);
  for (std::size_t i = 0; i < kVerbCount - 2; ++i) {
    const auto verb = static_cast<Verb>(i);
    EXPECT_EQ(parse_command(to_string(verb)).verb, verb) << to_string(verb);
  }
}

TEST(Command, WhatIsNoVerbIsUnknown) {
  for (const std::string_view line : {"", " ", " NOOP", "NOO", "NOOPS", "MAIL:", "M@IL x",
                                      "\x0d@IL", "QUI\xD4", "BDAT1", "EHLO1"}) {
    EXPECT_EQ(parse_command(line).verb, Verb::unknown) << line;
  }
}

TEST(Command, WhiteSpaceAroundTheArgumentDoesNotCount) {  // RFC 5321 §4.1.1
  EXPECT_EQ(parse_command("NOOP \t a b \t").argument, "a b");
  EXPECT_EQ(parse_command("NOOP\ta").argument, "a");
  EXPECT_EQ(parse_command("QUIT  ").argument, "");
}

TEST(Command, ControlBytesAreSeenAndHtabIsNone) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("ab") + static_cast<char>(c) + "cd";
    EXPECT_EQ(has_control(text), (c < 0x20 && c != '\t') || c == 0x7F) << c;
  }
}

TEST(Command, MailTakesItsParameters) {
  const auto mail =
      parse_mail("FROM:<tom@gmail.test> SIZE=1234 BODY=8BITMIME AUTH=e+3Dmc2@example.com");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->path.to_string(), "tom@gmail.test");
  EXPECT_EQ(mail->size, 1234U);
  EXPECT_EQ(mail->body, BodyType::eight_bit_mime);
  EXPECT_EQ(mail->auth, "e=mc2@example.com");
  const auto bounce = parse_mail("from:<>");
  ASSERT_TRUE(bounce);
  EXPECT_FALSE(bounce->path.mailbox);
  EXPECT_FALSE(bounce->size);
}

TEST(Command, BdatHasASizeAndPerhapsAMark) {  // RFC 3030 §2
  EXPECT_EQ(parse_command("bdat 86 LAST").verb, Verb::bdat);
  const auto more = parse_bdat("86");
  ASSERT_TRUE(more);
  EXPECT_EQ(more->size, 86U);
  EXPECT_FALSE(more->last);
  const auto last = parse_bdat("00000000000000000000018446744073709551615  last");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->size, std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(last->last);
  for (const std::string_view argument :
       {"", "LAST", "-1", "+1", "1.5", "0x10", "1 FIRST", "1 LAST 2", "1LAST", "1 LASTS",
        "18446744073709551616 LAST"}) {
    EXPECT_FALSE(parse_bdat(argument)) << argument;
  }
}

TEST(Command, MailKnowsTheThreeBodies) {
  EXPECT_EQ(parse_mail("FROM:<> BODY=7BIT")->body, BodyType::seven_bit);
  EXPECT_EQ(parse_mail("FROM:<> BODY=8bitmime")->body, BodyType::eight_bit_mime);
  EXPECT_EQ(parse_mail("FROM:<> body=BINARYMIME")->body, BodyType::binary_mime);
}

TEST(Command, MailSaysWhatIsWrong) {
  const auto fault = [](std::string_view argument) {
    const auto mail = parse_mail(argument);
    return mail ? std::optional<SyntaxFault>() : mail.error();
  };
  EXPECT_EQ(fault(""), SyntaxFault::arguments);
  EXPECT_EQ(fault("TO:<a@b.example>"), SyntaxFault::arguments);
  EXPECT_EQ(fault("FROM:a@b.example"), SyntaxFault::path);
  EXPECT_EQ(fault("FROM:<postmaster>"), SyntaxFault::path);
  EXPECT_EQ(fault("FROM:<a@b.example>SIZE=1"), SyntaxFault::path);
  EXPECT_EQ(fault("FROM:<> SIZE=99999999999999999999"), SyntaxFault::parameter);
  EXPECT_EQ(fault("FROM:<> SIZE=1 SIZE=2"), SyntaxFault::parameter);
  EXPECT_EQ(fault("FROM:<> BODY=8BITMIME BODY=7BIT"), SyntaxFault::parameter);
  EXPECT_EQ(fault("FROM:<> =x"), SyntaxFault::unknown_parameter);
  EXPECT_EQ(fault("FROM:<> AUTH=x+0Ay@example.com"), SyntaxFault::parameter);
}

TEST(Command, RcptTakesAMailboxAndNoParameters) {
  const auto rcpt = parse_rcpt("TO:<jerry@yahoo.test>  ");
  ASSERT_TRUE(rcpt);
  EXPECT_EQ(rcpt->mailbox.to_string(), "jerry@yahoo.test");
  EXPECT_TRUE(parse_rcpt("TO:<Postmaster>"));
  EXPECT_EQ(parse_rcpt("TO:<>").error(), SyntaxFault::path);
  EXPECT_EQ(parse_rcpt("TO:<jerry@yahoo.test> NOTIFY=NEVER").error(),
            SyntaxFault::unknown_parameter);
}

TEST(Command, AuthTakesOneMechanismAndAtMostOneResponse) {
  const auto auth = parse_auth("PLAIN  AAAA ");
  ASSERT_TRUE(auth);
  EXPECT_EQ(auth->mechanism, "PLAIN");
  EXPECT_EQ(auth->initial, "AAAA");
  EXPECT_FALSE(parse_auth("LOGIN")->initial);
  EXPECT_FALSE(parse_auth(""));
  EXPECT_FALSE(parse_auth("PLAIN A B"));
}

TEST(Command, XtextIsDecodedAndHidesNothing) {  // RFC 3461 §4
  EXPECT_EQ(decode_xtext("e+3Dmc2").value(), "e=mc2");
  EXPECT_EQ(decode_xtext("+2B+2b").has_value(), false);
  EXPECT_EQ(decode_xtext("+2B").value(), "+");
  EXPECT_EQ(decode_xtext("").value(), "");
  for (const std::string_view bad :
       {"+", "a+4", "+G0", "a=b", "a b", "+00", "+0D", "+0A", "+7F", "+09"}) {
    EXPECT_FALSE(decode_xtext(bad)) << bad;
  }
}

}  // namespace
}  // namespace mail::smtp
