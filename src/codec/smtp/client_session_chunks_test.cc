// Content in chunks (RFC 3030), and a transaction in steps.
#include <gtest/gtest.h>

#include "codec/smtp/client_session.h"
#include "codec/smtp/client_world.h"

namespace mail::smtp {
namespace {

using Kind = Verdict::Kind;
using Cause = Verdict::Cause;

ClientSettings settings() {
  ClientSettings out;
  out.hostname = "gmail.test";
  return out;
}
OutgoingMail mail_to(const std::vector<std::string>& recipients) {
  OutgoingMail mail;
  mail.reverse_path = "tom@gmail.test";
  mail.recipients.assign(recipients.begin(), recipients.end());
  return mail;
}
constexpr const char* kHello = "250-mx\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING";

TEST(ClientChunks, ContentGoesInThePiecesGivenWithoutDots) {
  for (const char* hello : {kHello, "250-mx\r\n250 CHUNKING"}) {
    ScriptedServer server;
    server.script["EHLO"] = hello;
    const OutgoingMail mail = mail_to({"jerry@yahoo.test"});
    ClientTalk talk(settings(), server, {mail, mail});
    talk.content = {"Subject: hi\n\r\n.do", "\r", "\nt"};
    talk.run();
    EXPECT_EQ(server.contents, (std::vector<std::string>(2, "Subject: hi\r\n\r\n.do\r\nt\r\n")));
    EXPECT_EQ(std::ranges::count(server.commands, "DATA"), 0);
    EXPECT_EQ(std::ranges::count(server.commands, "BDAT 18"), 2);
    EXPECT_EQ(talk.settled.at(1).at(0).text, "250 2.0.0 taken");
  }
}

TEST(ClientChunks, BinaryContentLeavesAsItIs) {
  ScriptedServer server;
  server.script["EHLO"] = kHello;
  server.binary = true;
  OutgoingMail mail = mail_to({"jerry@yahoo.test"});
  mail.options.body = BodyType::binary_mime;
  ClientTalk talk(settings(), server, {mail});
  talk.content = {std::string("a\n\0\r", 4), "\n.\r"};
  talk.run();
  EXPECT_EQ(server.contents.at(0), std::string("a\n\0\r\n.\r", 7));
  EXPECT_EQ(server.commands.at(1), "MAIL FROM:<tom@gmail.test> BODY=BINARYMIME");
}

// The sends of a talk, as they leave.
struct Counting final : FakeServer {
  explicit Counting(ScriptedServer& inner) : inner_(inner) {}
  std::string greet() override { return inner_.greet(); }
  std::string hear(std::string_view bytes) override {
    sends.emplace_back(bytes);
    return inner_.hear(bytes);
  }
  bool hung_up() const override { return inner_.hung_up(); }
  std::vector<std::string> sends;
  ScriptedServer& inner_;
};

TEST(ClientChunks, ASmallMessageIsOneWrite) {
  ScriptedServer server;
  server.script["EHLO"] = kHello;
  Counting counting(server);
  OutgoingMail mail = mail_to({"jerry@yahoo.test"});
  mail.at_hand = true;
  ClientTalk talk(settings(), counting, {mail});
  talk.content = {"a\r\n"};
  talk.run();
  EXPECT_EQ(counting.sends.at(1),
            "MAIL FROM:<tom@gmail.test>\r\nRCPT TO:<jerry@yahoo.test>\r\nBDAT 3 LAST\r\na\r\n");
  EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::accepted);
}

TEST(ClientChunks, ContentThatWentAlongAndServesNobodyIsPassedOver) {
  ScriptedServer server;
  server.script["EHLO"] = kHello;
  server.script["RCPT TO:<nobody@yahoo.test>"] = "550 5.1.1 nobody";
  OutgoingMail refused = mail_to({"nobody@yahoo.test"});
  refused.at_hand = true;
  OutgoingMail mail = mail_to({"jerry@yahoo.test"});
  mail.at_hand = true;
  ClientTalk talk(settings(), server, {refused, mail});
  talk.content = {"a\r\n"};
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).text, "550 5.1.1 nobody");
  EXPECT_EQ(talk.settled.at(1).at(0).kind, Kind::accepted);
  EXPECT_EQ(std::ranges::count(server.commands, "RSET"), 1);
}

TEST(ClientChunks, AChunkThatIsRefusedIsTheLastAndRsetFollows) {
  for (const char* hello : {kHello, "250-mx\r\n250 CHUNKING"}) {
    ScriptedServer server;
    server.script["EHLO"] = hello;
    server.script["chunk"] = "552 5.3.4 too large";
    const OutgoingMail mail = mail_to({"jerry@yahoo.test"});
    ClientTalk talk(settings(), server, {mail, mail});
    talk.content = {"a\r\n", "b\r\n", "c\r\n"};
    talk.run();
    for (const auto& settled : talk.settled) {
      EXPECT_EQ(settled.at(0).kind, Kind::rejected);
      EXPECT_EQ(settled.at(0).stage, Stage::body);
    }
    EXPECT_EQ(std::ranges::count(server.commands, "RSET"), 1);
    EXPECT_EQ(talk.ready, 3U);
  }
}

TEST(ClientChunks, LmtpAnswersForEachRecipientOfTheLastChunk) {
  ClientSettings each = settings();
  each.protocol = HopProtocol::lmtp;
  ScriptedServer server;
  server.lmtp = true;
  server.script["LHLO"] = kHello;
  server.script["RCPT TO:<b@yahoo.test>"] = "550 5.1.1 nobody";
  OutgoingMail mail = mail_to({"a@yahoo.test", "b@yahoo.test", "c@yahoo.test"});
  mail.at_hand = true;
  ClientTalk talk(each, server, {mail, mail});
  talk.content = {"a\r\n"};
  talk.run();
  for (const auto& settled : talk.settled) {
    EXPECT_EQ(settled.at(0).text, "250 2.0.0 taken");
    EXPECT_EQ(settled.at(1).text, "550 5.1.1 nobody");
    EXPECT_EQ(settled.at(2).text, "250 2.0.0 taken");
  }
}

TEST(ClientChunks, ContentThatWasWholeWithoutAnAnswerMayHaveBeenDelivered) {
  for (std::size_t step = 2; step < 5; ++step) {  // MAIL, RCPT, BDAT
    for (const bool hangs_up : {true, false}) {
      ScriptedServer server;
      server.script["EHLO"] = kHello;
      server.twist = [&](std::size_t n, std::string reply) -> std::optional<std::string> {
        if (n != step) return reply;
        return hangs_up ? std::nullopt : std::optional<std::string>("421 4.3.2 going down");
      };
      OutgoingMail mail = mail_to({"jerry@yahoo.test"});
      mail.at_hand = true;
      ClientTalk talk(settings(), server, {mail});
      talk.content = {"a\r\n"};
      talk.run();
      EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::deferred);
      EXPECT_EQ(talk.maybe_delivered.at(0), hangs_up) << step;
    }
  }
}

// A session driven by hand: what it says is kept, what it hears is given.
struct ByHand {
  explicit ByHand(const char* hello) {
    session.consume(std::string_view("220 mx\r\n"), {});
    hear(hello);
  }
  void hear(std::string_view reply) {
    take();
    session.consume(concat(reply, "\r\n"), {});
    take();
  }
  void take() {
    while (auto action = session.next()) {
      if (auto* send = std::get_if<client::Send>(&*action)) said += send->bytes;
      if (std::holds_alternative<client::Ready>(*action)) ++ready;
      if (std::holds_alternative<client::AskBody>(*action)) ++asked;
      if (auto* answer = std::get_if<client::RecipientAnswered>(&*action)) {
        answers.push_back(concat(answer->index, ' ', answer->verdict.text));
      }
      if (auto* end = std::get_if<client::Settled>(&*action)) settled.push_back(end->recipients);
    }
  }
  std::string take_said() {
    take();
    return std::exchange(said, {});
  }
  ClientSession session{std::make_shared<const ClientSettings>(settings()), MonoTime{}};
  std::string said;
  std::vector<std::string> answers;
  std::vector<std::vector<Verdict>> settled;
  int ready = 0;
  int asked = 0;
};

TEST(ClientSteps, EachRecipientIsAnsweredWhenItIsGivenAndTheBodyWhenItIsThere) {
  ByHand talk("250-mx\r\n250 PIPELINING");
  (void)talk.take_said();
  talk.session.begin(mail_to({}), {});
  EXPECT_EQ(talk.take_said(), "MAIL FROM:<tom@gmail.test>\r\n");
  talk.session.add_recipient("a@yahoo.test", {});
  talk.hear("250 ok");
  EXPECT_EQ(talk.take_said(), "RCPT TO:<a@yahoo.test>\r\n");
  talk.hear("250 2.1.5 a");
  EXPECT_EQ(talk.session.stage(), Stage::envelope);
  EXPECT_EQ(talk.session.deadline(), MonoTime::max());
  talk.session.add_recipient("b@yahoo.test", {});
  talk.hear("550 5.1.1 no b");
  talk.session.add_recipient("not an address", {});
  (void)talk.take_said();
  EXPECT_EQ(talk.answers, (std::vector<std::string>{"0 250 2.1.5 a", "1 550 5.1.1 no b",
                                                    "2 the address can not be written in SMTP"}));
  talk.session.begin_body({});
  EXPECT_EQ(talk.take_said(), "DATA\r\n");
  talk.hear("354 go");
  EXPECT_EQ(talk.asked, 1);
  talk.session.body("x\r\n", true, {});
  EXPECT_EQ(talk.take_said(), "x\r\n.\r\n");
  talk.hear("250 2.0.0 taken");
  ASSERT_EQ(talk.settled.size(), 1U);
  EXPECT_EQ(talk.settled[0][0].text, "250 2.0.0 taken");
  EXPECT_EQ(talk.settled[0][1].text, "550 5.1.1 no b");
  EXPECT_EQ(talk.ready, 2);
}

TEST(ClientSteps, ARefusedSenderAnswersForEveryRecipientThatComes) {
  ByHand talk("250 mx");
  (void)talk.take_said();
  talk.session.begin(mail_to({}), {});
  talk.hear("550 5.7.1 not you");
  talk.session.add_recipient("a@yahoo.test", {});
  EXPECT_EQ(talk.take_said(), "MAIL FROM:<tom@gmail.test>\r\n");
  EXPECT_EQ(talk.answers, (std::vector<std::string>{"0 550 5.7.1 not you"}));
  talk.session.begin_body({});
  talk.take();
  EXPECT_EQ(talk.settled.size(), 1U);
  EXPECT_EQ(talk.ready, 2);
}

TEST(ClientSteps, WhatIsLeftIsResetBeforeTheNext) {
  ByHand talk("250 mx");
  (void)talk.take_said();
  talk.session.begin(mail_to({"a@yahoo.test"}), {});
  talk.hear("250 ok");
  talk.session.leave({});  // the answer to RCPT is still to come
  EXPECT_TRUE(talk.settled.empty());
  talk.hear("250 ok");
  ASSERT_EQ(talk.settled.size(), 1U);
  EXPECT_EQ(talk.settled[0][0].cause, Cause::abandoned);
  (void)talk.take_said();
  talk.session.begin(mail_to({}), {});
  EXPECT_EQ(talk.take_said(), "RSET\r\n");
}

TEST(ClientSteps, AServerThatGoesWhileTheDriverThinksSettlesTheTransaction) {
  ByHand talk("250 mx");
  talk.session.begin(mail_to({"a@yahoo.test"}), {});
  talk.hear("250 ok");
  talk.hear("250 ok");
  talk.hear("421 4.4.2 too slow");
  ASSERT_EQ(talk.settled.size(), 1U);
  EXPECT_EQ(talk.settled[0][0].text, "421 4.4.2 too slow");
  talk.session.add_recipient("b@yahoo.test", {});
  talk.session.begin_body({});
  talk.take();
  EXPECT_EQ(talk.session.stage(), Stage::closed);
}

}  // namespace
}  // namespace mail::smtp
