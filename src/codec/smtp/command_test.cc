#include "codec/smtp/command.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace mail::smtp {
namespace {

constexpr Parameters kAll{.size = true,
                          .eight_bit_mime = true,
                          .binarymime = true,
                          .body = true,
                          .smtputf8 = true,
                          .auth = true,
                          .dsn = true,
                          .requiretls = true,
                          .futurerelease = true,
                          .deliverby = true,
                          .mt_priority = true};

auto mail_of(std::string_view argument) { return parse_mail(argument, kAll); }
auto rcpt_of(std::string_view argument) { return parse_rcpt(argument, kAll, false); }

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
      mail_of("FROM:<tom@gmail.test> SIZE=1234 BODY=8BITMIME AUTH=e+3Dmc2@example.com");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->path.to_string(), "tom@gmail.test");
  EXPECT_EQ(mail->size, 1234U);
  EXPECT_EQ(mail->options.body, BodyType::eight_bit_mime);
  EXPECT_EQ(mail->auth, "e=mc2@example.com");
  const auto bounce = mail_of("from:<>");
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
  EXPECT_EQ(mail_of("FROM:<> BODY=7BIT")->options.body, BodyType::seven_bit);
  EXPECT_EQ(mail_of("FROM:<> BODY=8bitmime")->options.body, BodyType::eight_bit_mime);
  EXPECT_EQ(mail_of("FROM:<> body=BINARYMIME")->options.body, BodyType::binary_mime);
}

TEST(Command, MailSaysWhatIsWrong) {
  const auto fault = [](std::string_view argument) {
    const auto mail = mail_of(argument);
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

template <typename Parsed>
std::optional<SyntaxFault> fault_of(const Parsed& parsed) {
  return parsed ? std::nullopt : std::optional(parsed.error());
}

TEST(Command, MailKeepsWhatDsnAsks) {  // RFC 3461 §4.3-5
  const auto mail = mail_of("FROM:<> RET=hdrs ENVID=QQ+2B314");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->options.ret, Ret::headers);
  EXPECT_EQ(mail->options.envid, "QQ+314");
  EXPECT_EQ(mail_of("FROM:<> RET=FULL")->options.ret, Ret::full);
  EXPECT_TRUE(mail_of("FROM:<> ENVID=" + std::string(100, 'x')));
  for (const std::string bad :
       {"RET", "RET=", "RET=BODY", "RET=FULL RET=FULL", "ENVID", "ENVID=", "ENVID=a b=c",
        "ENVID=a+0Db", "ENVID=+C3+BC", "ENVID=\u00FC", "ENVID=a ENVID=b", "ENVID=a+"}) {
    EXPECT_FALSE(mail_of("FROM:<> " + bad)) << bad;
  }
  EXPECT_EQ(fault_of(mail_of("FROM:<> ENVID=" + std::string(101, 'x'))), SyntaxFault::parameter);
}

TEST(Command, RcptKeepsWhatDsnAsks) {  // RFC 3461 §4.1-2
  const auto rcpt = rcpt_of("TO:<jerry@yahoo.test>  ");
  ASSERT_TRUE(rcpt);
  EXPECT_EQ(rcpt->mailbox.to_string(), "jerry@yahoo.test");
  EXPECT_EQ(rcpt->notify, Notify{});
  EXPECT_TRUE(rcpt_of("TO:<Postmaster>"));
  EXPECT_EQ(rcpt_of("TO:<>").error(), SyntaxFault::path);
  EXPECT_TRUE(rcpt_of("TO:<a@b.test> notify=never")->notify.never());
  const Notify all{.said = true, .success = true, .failure = true, .delay = true};
  EXPECT_EQ(rcpt_of("TO:<a@b.test> NOTIFY=Delay,failure,SUCCESS")->notify, all);
  EXPECT_EQ(rcpt_of("TO:<a@b.test> ORCPT=rfc822;c+2Bd@e.test")->original, "rfc822;c+d@e.test");
  for (const std::string bad :
       {"NOTIFY", "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=SUCCESS,NEVER", "NOTIFY=ALWAYS",
        "NOTIFY=SUCCESS,", "NOTIFY=,DELAY", "NOTIFY=DELAY NOTIFY=DELAY", "ORCPT", "ORCPT=rfc822",
        "ORCPT=rfc822;a ORCPT=rfc822;a"}) {
    EXPECT_EQ(fault_of(rcpt_of("TO:<a@b.test> " + bad)), SyntaxFault::parameter) << bad;
  }
  EXPECT_EQ(fault_of(rcpt_of("TO:<a@b.test> FOO=1")), SyntaxFault::unknown_parameter);
}

TEST(Command, WhatIsNotOfferedIsNotKnown) {  // RFC 5321 §4.1.1.11
  for (const std::string argument :
       {"SIZE=1", "BODY=7BIT", "SMTPUTF8", "AUTH=<>", "RET=FULL", "ENVID=x", "REQUIRETLS",
        "HOLDFOR=1", "HOLDUNTIL=2026-11-21T22:15:48Z", "BY=1;N", "MT-PRIORITY=1"}) {
    EXPECT_TRUE(mail_of("FROM:<> " + argument)) << argument;
    EXPECT_EQ(fault_of(parse_mail("FROM:<> " + argument, {})), SyntaxFault::unknown_parameter)
        << argument;
  }
  EXPECT_EQ(fault_of(parse_rcpt("TO:<a@b.test> NOTIFY=NEVER", {}, false)),
            SyntaxFault::unknown_parameter);
  const Parameters text{.eight_bit_mime = true, .body = true};
  EXPECT_EQ(fault_of(parse_mail("FROM:<> BODY=BINARYMIME", text)), SyntaxFault::unknown_parameter);
  const Parameters binary{.binarymime = true, .body = true};
  EXPECT_EQ(fault_of(parse_mail("FROM:<> BODY=8BITMIME", binary)), SyntaxFault::unknown_parameter);
}

TEST(Command, MailKnowsHowLongToHold) {  // RFC 4865 §3
  using std::chrono::seconds;
  const auto span = mail_of("FROM:<> HOLDFOR=3600");
  ASSERT_TRUE(span && span->hold);
  EXPECT_EQ(std::get<seconds>(*span->hold), seconds(3600));
  EXPECT_EQ(span->options.hold, "for;3600");
  const auto until = mail_of("FROM:<> HOLDUNTIL=2026-11-21T22:15:48Z");
  ASSERT_TRUE(until && until->hold);
  EXPECT_EQ(std::get<WallTime>(*until->hold), WallTime(Milliseconds(1'795'299'348'000)));
  for (const std::string bad :
       {"HOLDFOR", "HOLDFOR=", "HOLDFOR=0", "HOLDFOR=01", "HOLDFOR=1000000000", "HOLDFOR=-1",
        "HOLDFOR=1h", "HOLDUNTIL=2026-11-21", "HOLDFOR=1 HOLDFOR=1",
        "HOLDFOR=1 HOLDUNTIL=2026-11-21T22:15:48Z"}) {
    EXPECT_EQ(fault_of(mail_of("FROM:<> " + bad)), SyntaxFault::parameter) << bad;
  }
}

TEST(Command, MailKnowsByWhenToDeliver) {  // RFC 2852 §4
  using std::chrono::seconds;
  const auto back = mail_of("FROM:<> BY=120;RT");
  ASSERT_TRUE(back && back->by);
  EXPECT_EQ(back->by->time, seconds(120));
  EXPECT_EQ(back->by->mode, DeliverBy::Mode::return_);
  EXPECT_TRUE(back->by->trace);
  const auto late = mail_of("FROM:<> by=-999999999;n");
  ASSERT_TRUE(late && late->by);
  EXPECT_EQ(late->by->time, seconds(-999'999'999));
  EXPECT_EQ(mail_of("FROM:<> BY=+5;N")->by->time, seconds(5));
  for (const std::string bad :
       {"BY", "BY=", "BY=120", "BY=120;", "BY=120;X", "BY=120;TR", "BY=;N", "BY=-;N", "BY=0;R",
        "BY=-1;R", "BY=1000000000;N", "BY=+-1;N", "BY=1;N BY=1;N"}) {
    EXPECT_EQ(fault_of(mail_of("FROM:<> " + bad)), SyntaxFault::parameter) << bad;
  }
}

TEST(Command, PrioritiesGoFromMinusNineToNine) {  // RFC 6710 §7
  EXPECT_EQ(mail_of("FROM:<> MT-PRIORITY=9")->options.priority, 9);
  EXPECT_EQ(mail_of("FROM:<> mt-priority=-9")->options.priority, -9);
  EXPECT_EQ(mail_of("FROM:<> MT-PRIORITY=0")->options.priority, 0);
  for (const std::string bad : {"", "=", "=10", "=-10", "=-0", "=+1", "=a", "=1 MT-PRIORITY=1"}) {
    EXPECT_EQ(fault_of(mail_of("FROM:<> MT-PRIORITY" + bad)), SyntaxFault::priority) << bad;
  }
}

TEST(Command, AddressesBeyondAsciiNeedSmtputf8) {  // RFC 6531 §3.4-5
  constexpr std::string_view kFrom = "FROM:<j\u00FCrgen@yahoo.test>";
  EXPECT_TRUE(mail_of(std::string(kFrom) + " SMTPUTF8"));
  EXPECT_EQ(fault_of(mail_of(kFrom)), SyntaxFault::not_ascii);
  EXPECT_EQ(fault_of(mail_of("FROM:<j\xFC@yahoo.test> SMTPUTF8")), SyntaxFault::path);
  EXPECT_EQ(fault_of(mail_of("FROM:<> SMTPUTF8=1")), SyntaxFault::parameter);
  EXPECT_EQ(fault_of(mail_of("FROM:<> REQUIRETLS=1")), SyntaxFault::parameter);
  EXPECT_EQ(fault_of(rcpt_of("TO:<j\u00FCrgen@yahoo.test>")), SyntaxFault::not_ascii);
  EXPECT_TRUE(
      parse_rcpt("TO:<j\u00FCrgen@yahoo.test> ORCPT=utf-8;j\u00FCrgen@yahoo.test", kAll, true));
  EXPECT_EQ(fault_of(rcpt_of("TO:<a@yahoo.test> ORCPT=utf-8;j\u00FCrgen@yahoo.test")),
            SyntaxFault::parameter);
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

}  // namespace
}  // namespace mail::smtp
