#include "codec/dsn/dsn.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "codec/envelope/options.h"

namespace mail::dsn {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr WallTime kArrived{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + hours{9}};

RecipientReport unknown_user(std::string address = "jerry@yahoo.test") {
  RecipientReport report;
  report.recipient = std::move(address);
  report.status = "5.1.1";
  report.remote_host = "mx.yahoo.test";
  report.remote_address = "192.0.2.1";
  report.diagnostic = "550 5.1.1 no such user";
  report.diagnostic_is_smtp = true;
  report.last_attempt = kArrived + minutes{1};
  return report;
}

Report report_of(std::vector<RecipientReport> recipients) {
  Report report;
  report.reporting_host = "mx.gmail.test";
  report.id = "01ABC";
  report.dsn_message_id = "01XYZ@mx.gmail.test";
  report.to = "tom@gmail.test";
  report.arrived = kArrived;
  report.now = kArrived + minutes{2};
  report.subject = "Lunch";
  report.from = "Tom <tom@gmail.test>";
  report.original_header =
      "From: Tom <tom@gmail.test>\r\nSubject: Lunch\r\nMessage-ID: <a@gmail.test>\r\n\r\n";
  report.original_size = 1000;
  report.recipients = std::move(recipients);
  return report;
}

struct Part {
  std::string header;
  std::string content;
};
struct Message {
  std::string header;
  std::vector<Part> parts;
};

std::string_view between(std::string_view text, std::string_view from, std::string_view to) {
  const std::size_t start = text.find(from);
  if (start == std::string_view::npos) return {};
  text.remove_prefix(start + from.size());
  return text.substr(0, text.find(to));
}

// A reader of RFC 2046 §5.1.1 that knows nothing of the writer.
Message read(std::string_view content) {
  Message message;
  const std::size_t header_end = content.find("\r\n\r\n");
  message.header = content.substr(0, header_end + 2);
  const std::string line = concat("--", between(message.header, "boundary=\"", "\""));
  std::string_view rest = content.substr(header_end + 2);
  for (;;) {
    const std::size_t at = rest.find(concat("\r\n", line));
    if (at == std::string_view::npos) break;
    if (!message.parts.empty()) {
      const std::string_view part = rest.substr(0, at);
      const std::size_t split_at = part.find("\r\n\r\n");
      message.parts.back() = {std::string(part.substr(0, split_at + 2)),
                              std::string(part.substr(split_at + 4))};
    }
    rest.remove_prefix(at + 2 + line.size());
    if (rest == "--\r\n") return message;
    message.parts.emplace_back();
    rest.remove_prefix(2);
  }
  ADD_FAILURE() << "no closing boundary in " << content;
  return message;
}

std::string first_paragraph(const Notice& notice) {
  const Message message = read(notice.content);
  const std::string& text = message.parts.at(0).content;
  std::string paragraph = text.substr(0, text.find("\r\n\r\n"));
  for (std::size_t at; (at = paragraph.find("\r\n")) != std::string::npos;) {
    paragraph.replace(at, 2, " ");
  }
  return paragraph;
}

bool has(std::string_view text, std::string_view wanted) {
  return text.find(wanted) != std::string_view::npos;
}

TEST(Dsn, FirstParagraphSaysWhoWhyAndWhatToDo) {
  EXPECT_EQ(
      first_paragraph(compose(report_of({unknown_user()}))),
      "Your message \"Lunch\" to jerry@yahoo.test could not be delivered. There is no mailbox "
      "of that name at yahoo.test. Please check the address for typing mistakes; if it looks "
      "right, ask the recipient in another way which address to use.");
}

TEST(Dsn, IsAReportOfThreePartsToTheReturnPath) {
  const Message message = read(compose(report_of({unknown_user()})).content);
  EXPECT_EQ(message.header,
            "Date: Sat, 21 Nov 2026 09:02:00 +0000\r\n"
            "From: Mail Delivery System <postmaster@mx.gmail.test>\r\n"
            "To: tom@gmail.test\r\n"
            "Subject: Your message could not be delivered: Lunch\r\n"
            "Message-ID: <01XYZ@mx.gmail.test>\r\n"
            "In-Reply-To: <a@gmail.test>\r\n"
            "References: <a@gmail.test>\r\n"
            "Auto-Submitted: auto-replied\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            " boundary=\"=_01XYZmxgmailtest_0\"\r\n"
            "Content-Transfer-Encoding: 7bit\r\n");
  ASSERT_EQ(message.parts.size(), 3U);
  EXPECT_TRUE(has(message.parts[0].header, "Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_TRUE(has(message.parts[1].header, "Content-Type: message/delivery-status\r\n"));
  EXPECT_TRUE(has(message.parts[2].header, "Content-Type: text/rfc822-headers\r\n"));
  EXPECT_EQ(message.parts[2].content,
            "From: Tom <tom@gmail.test>\r\nSubject: Lunch\r\nMessage-ID: <a@gmail.test>\r\n");
}

TEST(Dsn, StatusPartHasEveryFieldThatIsKnown) {
  RecipientReport recipient = unknown_user();
  recipient.original = "rfc822;Jerry@yahoo.test";
  Report report = report_of({recipient});
  report.options.envid = "QQ+314=159";  // RFC 3461 §6.3 a: not as xtext
  EXPECT_EQ(read(compose(report).content).parts.at(1).content,
            "Original-Envelope-Id: QQ+314=159\r\n"
            "Reporting-MTA: dns; mx.gmail.test\r\n"
            "Arrival-Date: Sat, 21 Nov 2026 09:00:00 +0000\r\n"
            "\r\n"
            "Original-Recipient: rfc822; Jerry@yahoo.test\r\n"
            "Final-Recipient: rfc822; jerry@yahoo.test\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n"
            "Remote-MTA: dns; mx.yahoo.test\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
            "Last-Attempt-Date: Sat, 21 Nov 2026 09:01:00 +0000\r\n");
}

TEST(Dsn, WhatWasNotGivenIsNotInTheStatusPart) {
  RecipientReport recipient = unknown_user();
  recipient.last_attempt = {};
  recipient.remote_host = recipient.remote_address = recipient.diagnostic = "";
  recipient.will_retry_until = kArrived + days{5};  // RFC 3464 §2.3.9: delayed only
  Report report = report_of({recipient});
  report.reporting_host = "laptop";
  EXPECT_EQ(read(compose(report).content).parts.at(1).content,
            "Reporting-MTA: x-local-hostname; laptop\r\n"
            "Arrival-Date: Sat, 21 Nov 2026 09:00:00 +0000\r\n"
            "\r\n"
            "Final-Recipient: rfc822; jerry@yahoo.test\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n");
}

TEST(Dsn, AHostThatIsOnlyAnAddressIsNamedOnce) {
  RecipientReport recipient = unknown_user();
  recipient.remote_host = "[192.0.2.1]";
  const std::string content = compose(report_of({recipient})).content;
  EXPECT_NE(content.find("\r\n  [192.0.2.1] said: 550"), std::string::npos) << content;
}

// RFC 4865 §5.1.2
TEST(Dsn, RepeatsWhatWasAskedAboutALaterRelease) {
  Report report = report_of({unknown_user()});
  report.options.hold = "for;3600";
  EXPECT_NE(compose(report).content.find("\r\nFuture-Release-Request: for;3600\r\n"),
            std::string::npos);
}

TEST(Dsn, OurOwnWordsAreNotPutIntoTheRemotesMouth) {
  RecipientReport recipient = unknown_user();
  recipient.status = "4.4.1";
  recipient.diagnostic = "connection to mx.yahoo.test timed out";
  recipient.diagnostic_is_smtp = false;
  const Message message = read(compose(report_of({recipient})).content);
  EXPECT_FALSE(has(message.parts.at(1).content, "Remote-MTA"));
  EXPECT_TRUE(has(message.parts[1].content, "Diagnostic-Code: x-mailwright; connection to"));
  EXPECT_TRUE(has(message.parts[0].content, "mx.gmail.test says: connection to mx.yahoo.test"));
}

TEST(Dsn, HostWithoutANameIsNamedByItsAddress) {
  RecipientReport recipient = unknown_user();
  recipient.remote_host = "";
  const Message message = read(compose(report_of({recipient})).content);
  EXPECT_TRUE(has(message.parts.at(1).content, "Remote-MTA: dns; [192.0.2.1]\r\n"));
  EXPECT_TRUE(has(message.parts[0].content, "[192.0.2.1] said: 550 5.1.1 no such user"));
}

TEST(Dsn, DelaySaysHowLongItIsTriedAndThatNothingNeedsDoing) {
  RecipientReport recipient = unknown_user();
  recipient.action = Action::delayed;
  recipient.status = "4.4.1";
  recipient.will_retry_until = kArrived + days{5};
  const Notice notice = compose(report_of({recipient}));
  EXPECT_EQ(
      first_paragraph(notice),
      "Your message \"Lunch\" to jerry@yahoo.test has not been delivered yet. The mail server "
      "of yahoo.test did not answer. We keep trying until Thu, 26 Nov 2026 09:00:00 +0000 and "
      "will tell you if it does not work. There is nothing you need to do.");
  EXPECT_TRUE(has(notice.content, "\r\nSubject: Your message is delayed: Lunch\r\n"));
  EXPECT_TRUE(has(notice.content, "\r\nAction: delayed\r\nStatus: 4.4.1\r\n"));
  EXPECT_TRUE(has(notice.content, "\r\nWill-Retry-Until: Thu, 26 Nov 2026 09:00:00 +0000\r\n"));
}

TEST(Dsn, TemporaryFailureThatLastedSaysForHowLong) {
  RecipientReport recipient = unknown_user();
  recipient.status = "4.4.1";
  Report report = report_of({recipient});
  report.now = kArrived + days{5} + hours{3};
  EXPECT_TRUE(has(first_paragraph(compose(report)),
                  "did not answer. We tried for 5 days and have given up. Please"));
}

TEST(Dsn, SuccessRelayAndExpansionAreSaidAsSuch) {
  RecipientReport delivered = unknown_user();
  delivered.action = Action::delivered;
  delivered.status = "2.1.5";
  delivered.diagnostic = "";
  RecipientReport relayed = delivered;
  relayed.action = Action::relayed;
  RecipientReport expanded = delivered;
  expanded.action = Action::expanded;
  const Notice first = compose(report_of({delivered}));
  EXPECT_TRUE(has(first_paragraph(first), "to jerry@yahoo.test was delivered."));
  EXPECT_TRUE(has(first.content, "\r\nAction: delivered\r\nStatus: 2.1.5\r\n"));
  EXPECT_TRUE(has(first.content, "\r\nSubject: Your message was delivered: Lunch\r\n"));
  const Notice second = compose(report_of({relayed}));
  EXPECT_TRUE(has(first_paragraph(second), "passed on to a mail server that sends no conf"));
  EXPECT_TRUE(has(second.content, "\r\nAction: relayed\r\n"));
  const Notice third = compose(report_of({expanded}));
  EXPECT_TRUE(has(first_paragraph(third), "was passed on to several addresses."));
  EXPECT_TRUE(has(third.content, "\r\nAction: expanded\r\n"));
}

TEST(Dsn, SeveralRecipientsShareOneNoticeTheWorstFirst) {
  RecipientReport delayed = unknown_user("slow@slow.test");
  delayed.action = Action::delayed;
  delayed.status = "4.4.1";
  RecipientReport full = unknown_user("spike@yahoo.test");
  full.status = "5.2.2";
  Report report = report_of({delayed, unknown_user(), full});
  report.last_of_many = true;
  const Notice notice = compose(report);
  EXPECT_TRUE(first_paragraph(notice).starts_with(
      "For 2 of 3 recipients your message \"Lunch\" could not be delivered:   jerry@yahoo.test: "
      "There is no mailbox of that name at yahoo.test."))
      << first_paragraph(notice);
  EXPECT_TRUE(has(first_paragraph(notice), "spike@yahoo.test: The recipient's mailbox is full."));
  EXPECT_TRUE(has(notice.content, "(some recipients): Lunch\r\n"));
  EXPECT_TRUE(has(notice.content, "This is the last notice about this message"));
  const Message message = read(notice.content);
  for (const std::string_view address :
       {"slow@slow.test", "jerry@yahoo.test", "spike@yahoo.test"}) {
    EXPECT_TRUE(has(message.parts.at(1).content,
                    concat("\r\n\r\nFinal-Recipient: rfc822; ", address, "\r\n")));
  }
}

TEST(Dsn, AThousandRecipientsAreAllReportedButNotAllSpelledOut) {
  std::vector<RecipientReport> many;
  for (int i = 0; i < 1000; ++i) many.push_back(unknown_user(concat("u", i, "@yahoo.test")));
  const Message message = read(compose(report_of(std::move(many))).content);
  EXPECT_TRUE(has(message.parts.at(0).content, "... and 950 more, named in the attached report."));
  EXPECT_FALSE(has(message.parts[0].content, "u50@yahoo.test"));
  EXPECT_TRUE(has(message.parts[1].content, "rfc822; u999@yahoo.test\r\n"));
}

TEST(Dsn, WholeMessageOnlyForFailuresAskedInFullAndSmall) {
  Report report = report_of({unknown_user()});
  EXPECT_FALSE(wants_body(report)) << "RET was not said";
  report.options.ret = Ret::full;
  EXPECT_TRUE(wants_body(report));
  report.original_size = kMaxReturnedMessage + 1;
  EXPECT_FALSE(wants_body(report)) << "security.md 20";
  report.original_size = kMaxReturnedMessage;
  EXPECT_TRUE(wants_body(report));
  report.options.require_tls = true;
  EXPECT_FALSE(wants_body(report)) << "RFC 8689 §5";
  report.options.require_tls = false;
  report.recipients[0].action = Action::delayed;
  EXPECT_FALSE(wants_body(report)) << "RFC 3461 §6.2";
  report.recipients.push_back(unknown_user());
  EXPECT_TRUE(wants_body(report));
}

TEST(Dsn, WholeMessageComesBackUnchanged) {
  Report report = report_of({unknown_user()});
  report.options.ret = Ret::full;
  report.original_body = "Hello Jerry\r\n\r\n.\r\n";
  const Message message = read(compose(report).content);
  EXPECT_EQ(message.parts.at(2).header,
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n");
  EXPECT_EQ(message.parts[2].content, concat(report.original_header, *report.original_body));
}

TEST(Dsn, EightBitBodyComesBackAsSuchAndIsDeclared) {
  Report report = report_of({unknown_user()});
  report.options.ret = Ret::full;
  report.original_body = "caf\xC3\xA9\r\n";
  const Notice notice = compose(report);
  EXPECT_EQ(notice.options.body, BodyType::eight_bit_mime);
  EXPECT_FALSE(notice.options.smtputf8);
  const Message message = read(notice.content);
  EXPECT_TRUE(has(message.header, "Content-Transfer-Encoding: 8bit\r\n"));
  EXPECT_TRUE(has(message.parts.at(2).header, "Content-Transfer-Encoding: 8bit\r\n"));
  EXPECT_TRUE(message.parts[2].content.ends_with("\r\n\r\ncaf\xC3\xA9\r\n"));
}

TEST(Dsn, BinaryBodyStaysBehind) {
  Report report = report_of({unknown_user()});
  report.options.ret = Ret::full;
  for (const std::string_view body : {std::string_view("a\0b\r\n", 5), std::string_view("a\nb\r\n"),
                                      std::string_view("a\rb\r\n")}) {
    report.original_body = body;
    const Message message = read(compose(report).content);
    EXPECT_TRUE(has(message.parts.at(2).header, "text/rfc822-headers"));
  }
  report.original_body = std::string(999, 'a');
  EXPECT_TRUE(has(compose(report).content, "text/rfc822-headers"));
}

TEST(Dsn, HeaderThatIsNotSevenBitIsEncoded) {
  Report report = report_of({unknown_user()});
  report.original_header = "Subject: caf\xE9\r\nX: a\nb\r\n\r\n";
  const Notice notice = compose(report);
  EXPECT_EQ(notice.options.body, BodyType::seven_bit);
  const Message message = read(notice.content);
  EXPECT_TRUE(has(message.parts.at(2).header, "Content-Transfer-Encoding: quoted-printable\r\n"));
  EXPECT_EQ(message.parts[2].content, "Subject: caf=E9\r\nX: a=0Ab\r\n");
}

TEST(Dsn, HugeHeaderIsCutAfterAWholeLine) {
  Report report = report_of({unknown_user()});
  report.original_header = "";
  for (int i = 0; i < 5000; ++i) append(report.original_header, "X-Long: ", i, " aaaaaaaaaaaa\r\n");
  const std::string returned = read(compose(report).content).parts.at(2).content;
  EXPECT_LE(returned.size(), kMaxReturnedMessage);
  EXPECT_GT(returned.size(), kMaxReturnedMessage - 100);
  EXPECT_TRUE(returned.ends_with(" aaaaaaaaaaaa\r\n"));
}

// RFC 6533 §4: the way back is known to carry UTF-8, as its address cannot be written without.
TEST(Dsn, InternationalReturnPathGetsUtf8AsItIs) {
  RecipientReport recipient = unknown_user("j\xC3\xA9rry@yahoo.test");
  recipient.original = "utf-8;j\xC3\xA9rry@yahoo.test";
  Report report = report_of({recipient});
  report.options.smtputf8 = true;
  report.to = "t\xC3\xB6m@gmail.test";
  report.original_header = "Subject: caf\xC3\xA9\r\n\r\n";
  const Notice notice = compose(report);
  EXPECT_TRUE(notice.options.smtputf8);
  EXPECT_EQ(notice.options.body, BodyType::eight_bit_mime);
  const Message message = read(notice.content);
  EXPECT_TRUE(has(message.header, "\r\nTo: t\xC3\xB6m@gmail.test\r\n"));
  EXPECT_EQ(message.parts.at(1).header,
            "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n");
  EXPECT_TRUE(has(message.parts[1].content,
                  "Original-Recipient: utf-8; j\xC3\xA9rry@yahoo.test\r\n"
                  "Final-Recipient: utf-8; j\xC3\xA9rry@yahoo.test\r\n"));
  EXPECT_EQ(message.parts[2].header,
            "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n");
  report.options.ret = Ret::full;
  report.original_body = "Hi\r\n";
  EXPECT_TRUE(has(compose(report).content, "Content-Type: message/global\r\n"));
}

TEST(Dsn, AsciiReturnPathGetsTheSameEncoded) {
  Report report = report_of({unknown_user("j\xC3\xA9rry@yahoo.test")});
  report.options.smtputf8 = true;
  const Notice notice = compose(report);
  EXPECT_FALSE(notice.options.smtputf8);
  EXPECT_EQ(notice.options.body, BodyType::seven_bit);
  const Message message = read(notice.content);
  EXPECT_EQ(message.parts.at(1).header,
            "Content-Type: message/global-delivery-status\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n");
  EXPECT_TRUE(has(message.parts[1].content, "utf-8; j=C3=A9rry@yahoo.test\r\n"));
}

// A sender that did not say SMTPUTF8 gets what its programs know (RFC 6533 §3: utf-8-addr-xtext).
TEST(Dsn, SenderWithoutSmtputf8GetsAsciiFields) {
  RecipientReport recipient = unknown_user("j\xC3\xA9rry@yahoo.test");
  recipient.diagnostic = "550 j\xC3\xA9rry is unknown";
  recipient.original = "utf-8;a+b\xE2\x82\xAC@yahoo.test";
  const Message message = read(compose(report_of({recipient})).content);
  EXPECT_TRUE(has(message.parts.at(1).header, "message/delivery-status"));
  EXPECT_TRUE(has(message.parts[1].content,
                  "Original-Recipient: utf-8; a\\x{2B}b\\x{20AC}@yahoo.test\r\n"
                  "Final-Recipient: utf-8; j\\x{E9}rry@yahoo.test\r\n"));
  EXPECT_TRUE(has(message.parts[1].content, "smtp; 550 j?rry is unknown\r\n"));
}

TEST(Dsn, OrcptOfAnyTypeIsKept) {
  RecipientReport recipient = unknown_user();
  recipient.original = "x400;/S=jerry/C=us/";
  EXPECT_TRUE(
      has(compose(report_of({recipient})).content, "Original-Recipient: x400; /S=jerry/C=us/\r\n"));
  recipient.original = "(odd);jerry";
  EXPECT_TRUE(
      has(compose(report_of({recipient})).content, "Original-Recipient: unknown; jerry\r\n"));
}

TEST(Dsn, SubjectBeyondAsciiIsEncodedInTheHeaderAndReadableInTheText) {
  Report report = report_of({unknown_user()});
  report.subject = "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=";
  const Message message = read(compose(report).content);
  EXPECT_TRUE(has(message.header, "delivered: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"));
  EXPECT_TRUE(has(message.parts.at(0).header, "quoted-printable"));
  EXPECT_TRUE(has(message.parts[0].content, "Your message \"Gr=C3=BC=C3=9Fe\" to"));
}

TEST(Dsn, NothingFromOutsideMakesAFieldOrALine) {
  const std::string evil = "x\r\nBcc: all@victim.test\r\n\r\n<html>\nY: z\r";
  RecipientReport recipient = unknown_user(evil);
  recipient.original = recipient.remote_host = recipient.remote_address = evil;
  recipient.diagnostic = recipient.status = evil;
  Report report = report_of({recipient});
  report.to = report.subject = report.from = report.id = report.dsn_message_id = evil;
  report.reporting_host = report.options.envid = evil;
  report.original_header = concat("Message-ID: <", evil, ">\r\n");
  const Message message = read(compose(report).content);
  EXPECT_FALSE(has(message.header, "\r\nBcc"));
  EXPECT_FALSE(has(message.parts.at(0).content, "\r\nBcc"));
  EXPECT_FALSE(has(message.parts[1].content, "\r\nBcc"));
  EXPECT_FALSE(has(message.parts[1].content, "\r\nY:"));
  EXPECT_TRUE(has(message.parts[1].content, "\r\nStatus: 5.0.0\r\n"));
}

TEST(Dsn, BoundaryIsInNoPart) {
  Report report = report_of({unknown_user()});
  report.original_header = "X: a\r\n--=_01XYZmxgmailtest_0\r\n--=_01XYZmxgmailtest_1--\r\n\r\n";
  const Message message = read(compose(report).content);
  EXPECT_TRUE(has(message.header, "boundary=\"=_01XYZmxgmailtest_2\""));
  ASSERT_EQ(message.parts.size(), 3U);
  EXPECT_TRUE(message.parts[2].content.ends_with("_1--\r\n"));
}

TEST(Dsn, RequireTlsOfTheOriginalIsKept) {
  Report report = report_of({unknown_user()});
  report.options.require_tls = true;
  report.options.envid = "E";
  report.options.ret = Ret::full;
  const MailOptions options = compose(report).options;
  EXPECT_TRUE(options.require_tls);
  EXPECT_EQ(options.ret, Ret::unsaid) << "RFC 3461 §6.1";
  EXPECT_EQ(options.envid, "");
}

}  // namespace
}  // namespace mail::dsn
