// What MAIL and RCPT say to a hop, and what is never offered to it.
#include "codec/smtp/client_parameters.h"

#include <gtest/gtest.h>

namespace mail::smtp {
namespace {

using namespace std::chrono_literals;

Extensions all() {
  Extensions out;
  out.pipelining = out.eight_bit_mime = out.chunking = out.binary_mime = out.smtputf8 = true;
  out.dsn = out.require_tls = out.mt_priority = out.deliver_by = out.size = true;
  return out;
}
OutgoingMail whole() {
  OutgoingMail mail;
  mail.reverse_path = "tom@gmail.test";
  mail.size = 20;
  mail.options.body = BodyType::eight_bit_mime;
  mail.options.smtputf8 = true;
  mail.options.require_tls = true;
  mail.options.ret = Ret::headers;
  mail.options.envid = "QQ+1=2";
  mail.options.priority = -3;
  mail.now = WallTime(1000s);
  mail.options.deliver_by = DeliverBy{WallTime(1120s), DeliverBy::Mode::notify, true};
  return mail;
}
std::string mail_command(const OutgoingMail& mail, const Extensions& hop, bool utf8 = false) {
  std::string out;
  append_mail_command(out, mail, hop, utf8);
  return out;
}
std::string rcpt_command(const Recipient& recipient, const Extensions& hop,
                         const MailOptions& options = {}) {
  std::string out;
  append_recipient_command(out, recipient, options, hop);
  return out;
}
std::string unfit(const OutgoingMail& mail, const Extensions& hop, HopTrust trust = {true, true}) {
  const auto why = unfit_message(mail, hop, trust);
  return why ? std::string(why->enhanced) : "";
}

TEST(ClientParameters, AllThatWasAskedForIsSaidWhereItIsOffered) {
  EXPECT_EQ(mail_command(whole(), all(), true),
            "MAIL FROM:<tom@gmail.test> SIZE=20 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS "
            "ENVID=QQ+2B1+3D2 MT-PRIORITY=-3 BY=120;NT\r\n");
  Recipient jerry("jerry@yahoo.test", {.said = true, .success = true, .delay = true},
                  "rfc822;Jerry+x@yahoo.test");
  EXPECT_EQ(
      rcpt_command(jerry, all()),
      "RCPT TO:<jerry@yahoo.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Jerry+2Bx@yahoo.test\r\n");
  jerry.notify = {.said = true};
  jerry.original.clear();
  EXPECT_EQ(rcpt_command(jerry, all()), "RCPT TO:<jerry@yahoo.test> NOTIFY=NEVER\r\n");
}

TEST(ClientParameters, NothingIsSaidThatWasNotOffered) {
  OutgoingMail mail = whole();
  mail.options.body = BodyType::seven_bit;
  mail.options.require_tls = false;
  EXPECT_EQ(mail_command(mail, Extensions{}), "MAIL FROM:<tom@gmail.test>\r\n");
  const Recipient jerry("jerry@yahoo.test", {.said = true, .success = true}, "rfc822;x@y.test");
  EXPECT_EQ(rcpt_command(jerry, Extensions{}), "RCPT TO:<jerry@yahoo.test>\r\n");
}

TEST(ClientParameters, AnOriginalAddressInUtf8IsWrittenForEveryServer) {
  const Recipient recipient("jerry@yahoo.test", {}, "utf-8;j\xC3\xA9+\xF0\x9F\x98\x80@x.test");
  EXPECT_EQ(rcpt_command(recipient, all()),
            "RCPT TO:<jerry@yahoo.test> ORCPT=utf-8;j\\x{E9}\\x{2B}\\x{1F600}@x.test\r\n");
  const Recipient hostile("jerry@yahoo.test", {}, "rfc822 x\r\nDATA;y");
  EXPECT_EQ(rcpt_command(hostile, all()), "RCPT TO:<jerry@yahoo.test>\r\n");
  for (const char* hidden : {"utf-8;a\r\n", "rfc822;a\r\n@b.test", "rfc822;a\x7F"}) {
    const Recipient control("jerry@yahoo.test", {}, hidden);
    EXPECT_EQ(rcpt_command(control, all()), "RCPT TO:<jerry@yahoo.test>\r\n");
  }
}

TEST(ClientParameters, WhatIsLongerThanItMayBeIsLeftOut) {
  const Recipient recipient("jerry@yahoo.test", {}, "rfc822;" + std::string(494, 'x'));
  EXPECT_EQ(rcpt_command(recipient, all()), "RCPT TO:<jerry@yahoo.test>\r\n");
  OutgoingMail mail = whole();
  mail.options.envid = std::string(34, '=');  // three octets each
  EXPECT_EQ(mail_command(mail, all()).find("ENVID"), std::string::npos);
}

TEST(ClientParameters, ContentIsNeverConverted) {
  OutgoingMail mail = whole();
  Extensions hop = all();
  hop.eight_bit_mime = false;
  EXPECT_EQ(unfit(mail, hop), "5.6.3");
  mail.options.body = BodyType::binary_mime;
  EXPECT_EQ(unfit(mail, hop), "");
  hop.binary_mime = false;
  EXPECT_EQ(unfit(mail, hop), "5.6.3");
  hop = all();
  hop.chunking = false;
  EXPECT_EQ(unfit(mail, hop), "5.6.3");
}

TEST(ClientParameters, WhatNeedsUtf8ComesBackWhereThereIsNone) {
  OutgoingMail mail = whole();
  Extensions hop = all();
  hop.smtputf8 = false;
  EXPECT_EQ(unfit(mail, hop), "") << "all ASCII after all";
  mail.utf8_header = true;
  EXPECT_EQ(unfit(mail, hop), "5.6.9");
  mail.reverse_path = "j\xC3\xA9@gmail.test";
  EXPECT_EQ(unfit(mail, hop), "5.6.7");
  EXPECT_EQ(unfit(mail, all()), "");
  mail.options.smtputf8 = false;  // undeclared: an address can not be written, a header is left
  EXPECT_EQ(unfit(mail, all()), "5.1.7");

  const Recipient recipient("j\xC3\xA9@yahoo.test");
  MailOptions declared;
  declared.smtputf8 = true;
  EXPECT_FALSE(unfit_recipient(recipient, declared, all()));
  EXPECT_EQ(unfit_recipient(recipient, declared, hop)->enhanced, "5.6.7");
  EXPECT_EQ(unfit_recipient(recipient, {}, all())->enhanced, "5.1.3");
  EXPECT_EQ(unfit_recipient("j\xC3@yahoo.test", declared, all())->enhanced, "5.1.3");
}

TEST(ClientParameters, RequireTlsWantsTlsTheCertificateAndTheKeyword) {
  const OutgoingMail mail = whole();
  EXPECT_EQ(unfit(mail, all(), {false, false}), "5.7.10");
  EXPECT_EQ(unfit(mail, all(), {true, false}), "5.7.10");
  Extensions hop = all();
  hop.require_tls = false;
  EXPECT_EQ(unfit(mail, hop), "5.7.30");
  EXPECT_EQ(unfit(mail, all()), "");
}

TEST(ClientParameters, MailToBeDeliveredInTimeGoesOnlyWhereThatCanBe) {
  OutgoingMail mail = whole();
  mail.options.deliver_by->mode = DeliverBy::Mode::return_;
  mail.options.deliver_by->trace = false;
  EXPECT_EQ(unfit(mail, all()), "");
  EXPECT_NE(mail_command(mail, all()).find(" BY=120;R\r\n"), std::string::npos);
  Extensions hop = all();
  hop.least_by = 121;
  EXPECT_EQ(unfit(mail, hop), "5.4.7");
  hop.deliver_by = false;
  EXPECT_EQ(unfit(mail, hop), "5.4.7");
  mail.now = WallTime(1120s);
  EXPECT_EQ(unfit(mail, all()), "5.4.7");

  mail.options.deliver_by->mode = DeliverBy::Mode::notify;
  mail.now = WallTime(1130s);
  EXPECT_EQ(unfit(mail, hop), "");
  EXPECT_NE(mail_command(mail, all()).find(" BY=-10;N\r\n"), std::string::npos);
  // RFC 2852 §4.1.4.2: the hop watches the time no more, so it tells of delays.
  EXPECT_EQ(rcpt_command("jerry@yahoo.test", hop, mail.options),
            "RCPT TO:<jerry@yahoo.test> NOTIFY=FAILURE,DELAY\r\n");
}

}  // namespace
}  // namespace mail::smtp
