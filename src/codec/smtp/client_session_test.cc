// What the client says, and what it makes of the answers of a server that behaves.
#include "codec/smtp/client_session.h"

#include <gtest/gtest.h>

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
  mail.size = 20;
  return mail;
}
const OutgoingMail kMail = mail_to({"jerry@yahoo.test"});

std::string_view said(const Verdict& verdict) { return verdict.text; }
std::vector<std::string> lines(std::initializer_list<const char*> list) {
  return {list.begin(), list.end()};
}

TEST(ClientSession, CarriesOneMail) {
  ScriptedServer server;
  ClientTalk talk(settings(), server, {kMail});
  talk.run();
  EXPECT_EQ(server.commands, lines({"EHLO gmail.test", "MAIL FROM:<tom@gmail.test> SIZE=20",
                                    "RCPT TO:<jerry@yahoo.test>", "DATA", "QUIT"}));
  EXPECT_EQ(server.contents, lines({"Subject: hi\r\n\r\n.dot\r\n"}));
  ASSERT_EQ(talk.settled.size(), 1U);
  const Verdict& verdict = talk.settled[0][0];
  EXPECT_EQ(verdict.kind, Kind::accepted);
  EXPECT_EQ(verdict.code, 250);
  EXPECT_EQ(verdict.enhanced, "2.0.0");
  EXPECT_EQ(verdict.text, "250 2.0.0 taken");
  EXPECT_FALSE(talk.failed);
}

TEST(ClientSession, TheSameHoweverTheRepliesAreCut) {
  for (std::size_t cut = 1; cut < 120; ++cut) {
    ScriptedServer server;
    server.script["RCPT TO:<nobody@yahoo.test>"] = "550-5.1.1 no\r\n550 5.1.1 such";
    ClientTalk talk(settings(), server,
                    {mail_to({"jerry@yahoo.test", "nobody@yahoo.test"}), kMail});
    talk.cut = cut;
    talk.run();
    ASSERT_EQ(talk.settled.size(), 2U);
    EXPECT_EQ(said(talk.settled[0][0]), "250 2.0.0 taken") << cut;
    EXPECT_EQ(said(talk.settled[0][1]), "550-5.1.1 no / 550 5.1.1 such") << cut;
    EXPECT_EQ(said(talk.settled[1][0]), "250 2.0.0 taken") << cut;
  }
}

TEST(ClientSession, EachRecipientHasItsOwnAnswer) {
  for (const char* hello : {"250-mx\r\n250 PIPELINING", "250 mx"}) {
    ScriptedServer server;
    server.script["EHLO"] = hello;
    server.script["RCPT TO:<b@yahoo.test>"] = "450 4.2.1 later";
    server.script["RCPT TO:<c@yahoo.test>"] = "550 no";
    ClientTalk talk(settings(), server,
                    {mail_to({"a@yahoo.test", "b@yahoo.test", "c@yahoo.test", "d@yahoo.test"})});
    talk.run();
    const auto& verdicts = talk.settled.at(0);
    EXPECT_EQ(verdicts[0].kind, Kind::accepted);
    EXPECT_EQ(verdicts[1].kind, Kind::deferred);
    EXPECT_EQ(verdicts[1].enhanced, "4.2.1");
    EXPECT_EQ(verdicts[2].kind, Kind::rejected);
    EXPECT_EQ(verdicts[2].enhanced, "5.0.0");
    EXPECT_EQ(verdicts[2].stage, Stage::recipient);
    EXPECT_EQ(verdicts[3].kind, Kind::accepted);
    EXPECT_EQ(server.contents.size(), 1U);
  }
}

TEST(ClientSession, CommandsGoInOneGroupOnlyWherePipeliningIsOffered) {
  for (const bool offered : {true, false}) {
    ScriptedServer server;
    if (!offered) server.script["EHLO"] = "250 mx";
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
    } counting(server);
    ClientTalk talk(settings(), counting, {kMail});
    talk.run();
    EXPECT_EQ(counting.sends[1], offered ? "MAIL FROM:<tom@gmail.test> SIZE=20\r\n"
                                           "RCPT TO:<jerry@yahoo.test>\r\nDATA\r\n"
                                         : "MAIL FROM:<tom@gmail.test>\r\n");
  }
}

TEST(ClientSession, ManyRecipientsGoInGroupsThatFitTheSocketBuffers) {
  ScriptedServer server;
  std::vector<std::string> recipients;
  for (int i = 0; i < 350; ++i) recipients.push_back(concat("r", i, "@yahoo.test"));
  ClientTalk talk(settings(), server, {mail_to(recipients)});
  talk.run();
  for (const Verdict& verdict : talk.settled.at(0)) EXPECT_EQ(verdict.kind, Kind::accepted);
  EXPECT_EQ(server.commands.size(), 1 + 1 + 350 + 1 + 1U);
}

TEST(ClientSession, ALoneDotAnswersA354ThatServesNobody) {
  ScriptedServer server;
  server.script["RCPT"] = "550 5.1.1 nobody";
  ClientTalk talk(settings(), server, {kMail, kMail});
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).text, "550 5.1.1 nobody");
  EXPECT_EQ(talk.settled.at(1).at(0).kind, Kind::rejected);
  EXPECT_EQ(server.contents, lines({"", ""}));
}

TEST(ClientSession, ATransactionLeftOpenIsResetBeforeTheNext) {
  ScriptedServer server;
  server.script["EHLO"] = "250 mx";
  server.script["RCPT TO:<nobody@yahoo.test>"] = "550 5.1.1 nobody";
  ClientTalk talk(settings(), server, {mail_to({"nobody@yahoo.test"}), kMail});
  talk.run();
  EXPECT_EQ(
      server.commands,
      lines({"EHLO gmail.test", "MAIL FROM:<tom@gmail.test>", "RCPT TO:<nobody@yahoo.test>", "RSET",
             "MAIL FROM:<tom@gmail.test>", "RCPT TO:<jerry@yahoo.test>", "DATA", "QUIT"}));
  EXPECT_EQ(talk.settled.at(1).at(0).kind, Kind::accepted);
}

TEST(ClientSession, ARefusedSenderRefusesAllRecipients) {
  for (const char* hello : {"250-mx\r\n250 PIPELINING", "250 mx"}) {
    ScriptedServer server;
    server.script["EHLO"] = hello;
    server.script["MAIL"] = "451 4.7.1 greylisted";
    server.script["DATA"] = "503 5.5.1 MAIL first";
    ClientTalk talk(settings(), server, {mail_to({"a@yahoo.test", "b@yahoo.test"})});
    talk.run();
    for (const Verdict& verdict : talk.settled.at(0)) {
      EXPECT_EQ(verdict.kind, Kind::deferred);
      EXPECT_EQ(verdict.stage, Stage::mail);
      EXPECT_EQ(verdict.enhanced, "4.7.1");
    }
    EXPECT_EQ(talk.ready, 2U);
  }
}

TEST(ClientSession, AServerWithoutEhloIsAskedWithHelo) {
  ScriptedServer server;
  server.script["EHLO"] = "502 5.5.1 what";
  ClientTalk talk(settings(), server, {kMail});
  talk.run();
  EXPECT_EQ(server.commands[1], "HELO gmail.test");
  EXPECT_EQ(server.commands[2], "MAIL FROM:<tom@gmail.test>");
  EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::accepted);
}

TEST(ClientSession, TheNullPathAndPostmasterCanBeWritten) {
  ScriptedServer server;
  OutgoingMail mail = mail_to({"Postmaster"});
  mail.reverse_path = "";
  ClientTalk talk(settings(), server, {mail});
  talk.run();
  EXPECT_EQ(server.commands[1], "MAIL FROM:<> SIZE=20");
  EXPECT_EQ(server.commands[2], "RCPT TO:<Postmaster>");
}

TEST(ClientSession, AnAddressThatCouldEndACommandNeverGetsIntoOne) {
  ScriptedServer server;
  ClientTalk talk(settings(), server,
                  {mail_to({"jerry@yahoo.test>\r\nRSET", "a b@c.test", "", "x@y.test\n",
                            std::string("a\0@b.test", 8), "j\xc3\xa9@b.test", "ok@yahoo.test"})});
  talk.run();
  const auto& verdicts = talk.settled.at(0);
  for (std::size_t i = 0; i + 1 < verdicts.size(); ++i) {
    EXPECT_EQ(verdicts[i].kind, Kind::rejected) << i;
    EXPECT_EQ(verdicts[i].enhanced, "5.1.3") << i;
  }
  EXPECT_EQ(verdicts.back().kind, Kind::accepted);
  EXPECT_EQ(server.commands.size(), 5U);

  ScriptedServer untouched;
  OutgoingMail mail = kMail;
  mail.reverse_path = "tom@gmail.test> SIZE=0\r\nRCPT TO:<x@y.test";
  ClientTalk other(settings(), untouched, {mail});
  other.run();
  EXPECT_EQ(other.settled.at(0).at(0).enhanced, "5.1.7");
  EXPECT_EQ(untouched.commands, lines({"EHLO gmail.test", "QUIT"}));
}

TEST(ClientSession, EightBitContentGoesWhereItIsTakenAndElseComesBack) {
  OutgoingMail mail = kMail;
  mail.options.body = BodyType::eight_bit_mime;
  ScriptedServer server;
  ClientTalk talk(settings(), server, {mail});
  talk.run();
  EXPECT_EQ(server.commands[1], "MAIL FROM:<tom@gmail.test> SIZE=20 BODY=8BITMIME");

  ScriptedServer old;
  old.script["EHLO"] = "250 mx";
  ClientTalk refused(settings(), old, {mail, kMail});
  refused.run();
  EXPECT_EQ(refused.settled.at(0).at(0).kind, Kind::rejected);
  EXPECT_EQ(refused.settled.at(0).at(0).enhanced, "5.6.3");
  EXPECT_EQ(refused.settled.at(1).at(0).kind, Kind::accepted)
      << "the connection is as good as ever";
}

TEST(ClientSession, AMessageOverTheServersLimitIsNotSent) {
  ScriptedServer server;
  server.script["EHLO"] = "250-mx\r\n250 SIZE 19";
  ClientTalk talk(settings(), server, {kMail});
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).enhanced, "5.3.4");
  EXPECT_EQ(server.commands, lines({"EHLO gmail.test", "QUIT"}));
}

TEST(ClientSession, TooManyRecipientsIsNoReasonToBounce) {
  for (const auto& [reply, kind] :
       {std::pair{"552 too many", Kind::deferred}, std::pair{"552 5.5.3 too many", Kind::deferred},
        std::pair{"552 5.2.2 mailbox full", Kind::rejected}}) {
    ScriptedServer server;
    server.script["RCPT TO:<b@yahoo.test>"] = reply;
    ClientTalk talk(settings(), server, {mail_to({"a@yahoo.test", "b@yahoo.test"})});
    talk.run();
    EXPECT_EQ(talk.settled.at(0).at(1).kind, kind) << reply;
    EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::accepted);
  }
}

TEST(ClientSession, TlsIsTakenWhereOfferedAndNothingLearntBeforeSurvivesIt) {
  ScriptedServer server;
  server.script["EHLO"] = "250-mx\r\n250 STARTTLS";
  ClientTalk talk(settings(), server, {kMail});
  talk.run();
  EXPECT_TRUE(talk.session().encrypted());
  EXPECT_EQ(server.commands[1], "STARTTLS");
  EXPECT_EQ(server.commands[2], "EHLO gmail.test");
}

TEST(ClientSession, TlsThatIsRequiredIsNeverReplacedByPlaintext) {
  ClientSettings strict = settings();
  strict.tls = HopTls::require;
  for (const char* hello : {"250 mx", "250-mx\r\n250 STARTTLS", "502 what"}) {
    ScriptedServer server;
    server.script["EHLO"] = hello;
    server.script["STARTTLS"] = "454 4.7.0 not now";
    ClientTalk talk(strict, server, {kMail});
    talk.run();
    ASSERT_TRUE(talk.failed) << hello;
    EXPECT_EQ(talk.failed->verdict.enhanced, "4.7.4");
    EXPECT_EQ(talk.failed->verdict.kind, Kind::deferred);
    EXPECT_FALSE(talk.failed->retry_in_clear);
    EXPECT_EQ(talk.delivered, 0U);
  }
}

TEST(ClientSession, OpportunisticTlsThatIsRefusedGoesOnAndThatFailsAsksForANewConnection) {
  ScriptedServer server;
  server.script["EHLO"] = "250-mx\r\n250 STARTTLS";
  server.script["STARTTLS"] = "454 4.7.0 not now";
  ClientTalk refused(settings(), server, {kMail});
  refused.run();
  EXPECT_EQ(refused.settled.at(0).at(0).kind, Kind::accepted);

  ScriptedServer broken;
  broken.script["EHLO"] = "250-mx\r\n250 STARTTLS";
  ClientTalk failed(settings(), broken, {kMail});
  failed.tls_works = false;
  failed.run();
  ASSERT_TRUE(failed.failed);
  EXPECT_TRUE(failed.failed->retry_in_clear);
  EXPECT_EQ(failed.failed->verdict.enhanced, "4.7.5");
}

TEST(ClientSession, BytesBehindTheStartTlsReplyEndTheConnection) {
  for (const HopTls mode : {HopTls::opportunistic, HopTls::require}) {
    ClientSettings each = settings();
    each.tls = mode;
    ScriptedServer server;
    server.script["EHLO"] = "250-mx\r\n250 STARTTLS";
    server.script["STARTTLS"] = "220 go on\r\n250-evil\r\n250 AUTH PLAIN";
    ClientTalk talk(each, server, {kMail});
    talk.run();
    ASSERT_TRUE(talk.failed);
    EXPECT_EQ(talk.failed->verdict.enhanced, "4.7.5");
    EXPECT_EQ(server.commands.back(), "STARTTLS");
    EXPECT_FALSE(talk.session().encrypted());
  }
}

TEST(ClientSession, ImplicitTlsComesBeforeTheGreeting) {
  ClientSettings each = settings();
  each.tls = HopTls::implicit;
  ScriptedServer server;
  server.script["EHLO"] = "250-mx\r\n250 STARTTLS";
  ClientTalk talk(each, server, {kMail});
  talk.run();
  EXPECT_TRUE(talk.session().encrypted());
  EXPECT_EQ(server.commands[1], "MAIL FROM:<tom@gmail.test>");
}

TEST(ClientSession, LogsInWithWhatIsOffered) {
  ClientSettings each = settings();
  each.login = true;
  each.login_in_clear = true;
  ScriptedServer plain;
  plain.script["EHLO"] = "250-mx\r\n250 AUTH LOGIN PLAIN";
  ClientTalk by_plain(each, plain, {kMail});
  by_plain.run();
  EXPECT_EQ(plain.commands[1], "AUTH PLAIN AHRvbQBzZWNyZXQ=");
  EXPECT_EQ(by_plain.settled.at(0).at(0).kind, Kind::accepted);

  ScriptedServer login;
  login.script["EHLO"] = "250-mx\r\n250 AUTH LOGIN";
  login.script["AUTH LOGIN"] = "334 VXNlcm5hbWU6";
  login.script["dG9t"] = "334 UGFzc3dvcmQ6";
  login.script["c2VjcmV0"] = "235 2.7.0 ok";
  ClientTalk by_login(each, login, {kMail});
  by_login.run();
  EXPECT_EQ(by_login.settled.at(0).at(0).kind, Kind::accepted);
}

// A mechanism that wants two challenges and proves the server's part in the second.
class Proving final : public sasl::ClientMechanism {
 public:
  std::string_view name() const override { return "PROVING"; }
  bool sends_first() const override { return true; }
  Result<std::string> step(std::string_view challenge) override {
    if (challenge.empty()) return "hello";
    if (challenge == "who") return "me";
    if (challenge != "proof") return fail(Errc::not_allowed, "the server does not know us");
    proved_ = true;
    return "";
  }
  bool is_complete() const override { return proved_; }

 private:
  bool proved_ = false;
};

std::string log_in_by_proof(const std::vector<std::string_view>& replies, std::string& said) {
  ClientSettings each = settings();
  each.login = each.login_in_clear = true;
  ClientSession session(std::make_shared<const ClientSettings>(each), MonoTime{});
  std::string outcome;
  const auto take = [&] {
    while (auto action = session.next()) {
      if (auto* send = std::get_if<client::Send>(&*action)) said += send->bytes;
      if (std::holds_alternative<client::AskLogin>(*action)) {
        session.login(std::make_unique<Proving>(), "", MonoTime{});
      }
      if (std::holds_alternative<client::Ready>(*action)) outcome = "ready";
      if (auto* failed = std::get_if<client::Failed>(&*action)) outcome = failed->verdict.text;
    }
  };
  session.consume(std::string_view("220 mx\r\n"), MonoTime{});
  take();
  session.consume(std::string_view("250-mx\r\n250 AUTH PROVING\r\n"), MonoTime{});
  take();
  said.clear();
  for (const std::string_view reply : replies) {
    session.consume(concat(reply, "\r\n"), MonoTime{});
    take();
  }
  return outcome;
}

TEST(ClientSession, AnExchangeGoesAsFarAsTheMechanismSaysAndNoServerCutsItShort) {
  std::string said;
  EXPECT_EQ(log_in_by_proof({"334 d2hv", "334 cHJvb2Y=", "235 ok"}, said), "ready");
  EXPECT_EQ(said, "bWU=\r\n\r\n");
  EXPECT_EQ(log_in_by_proof({"334 d2hv", "235 ok"}, said),
            "the server ended the login before its end");
  EXPECT_EQ(log_in_by_proof({"334 d2hv", "334 eA==", "501 ended"}, said),
            "the server does not know us");
  EXPECT_EQ(said, "bWU=\r\n*\r\nQUIT\r\n");
  EXPECT_EQ(log_in_by_proof({"334 not base64!", "501 ended"}, said),
            "the server's challenge makes no sense");
  EXPECT_EQ(log_in_by_proof(std::vector<std::string_view>(20, "334 d2hv"), said),
            "the server answered out of turn: 334 d2hv");
  EXPECT_EQ(log_in_by_proof({"535 5.7.8 wrong"}, said), "535 5.7.8 wrong");
}

TEST(ClientSession, Utf8IsAskedForOnlyWhereSomethingNeedsIt) {
  for (const bool needed : {true, false}) {
    ScriptedServer server;
    server.script["EHLO"] = "250-mx\r\n250-8BITMIME\r\n250 SMTPUTF8";
    OutgoingMail mail = mail_to({needed ? "j\xC3\xA9@yahoo.test" : "jerry@yahoo.test"});
    mail.options.smtputf8 = true;
    ClientTalk talk(settings(), server, {mail});
    talk.run();
    EXPECT_EQ(server.commands[1],
              needed ? "MAIL FROM:<tom@gmail.test> SMTPUTF8" : "MAIL FROM:<tom@gmail.test>");
  }
  ScriptedServer old;  // without it the others still go
  OutgoingMail mail = mail_to({"j\xC3\xA9@yahoo.test", "jerry@yahoo.test"});
  mail.options.smtputf8 = true;
  ClientTalk talk(settings(), old, {mail});
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).enhanced, "5.6.7");
  EXPECT_EQ(talk.settled.at(0).at(1).kind, Kind::accepted);
}

TEST(ClientSession, APasswordDoesNotLeaveWithoutTlsNorWithAFraming) {
  ClientSettings each = settings();
  each.login = true;
  ScriptedServer server;
  server.script["EHLO"] = "250-mx\r\n250 AUTH PLAIN";
  ClientTalk clear(each, server, {kMail});
  clear.run();
  EXPECT_EQ(clear.failed->verdict.cause, Cause::login);
  EXPECT_EQ(server.commands, lines({"EHLO gmail.test", "QUIT"}));

  each.login_in_clear = true;
  ScriptedServer other;
  other.script["EHLO"] = server.script["EHLO"];
  ClientTalk framed(each, other, {kMail});
  framed.credentials.user = std::string("tom\0admin", 9);
  framed.run();
  EXPECT_EQ(framed.failed->verdict.cause, Cause::login);
  EXPECT_EQ(other.commands, lines({"EHLO gmail.test", "QUIT"}));
}

TEST(ClientSession, LmtpAnswersForEachRecipientBehindTheDot) {
  ClientSettings each = settings();
  each.protocol = HopProtocol::lmtp;
  ScriptedServer server;
  server.lmtp = true;
  server.script["RCPT TO:<b@yahoo.test>"] = "550 5.1.1 nobody";
  int dots = 0;
  server.twist = [&](std::size_t, std::string reply) -> std::optional<std::string> {
    if (reply != "250 2.0.0 taken") return reply;
    return dots++ == 0 ? "250 2.0.0 stored" : "452 4.2.2 full";
  };
  ClientTalk talk(each, server, {mail_to({"a@yahoo.test", "b@yahoo.test", "c@yahoo.test"}), kMail});
  talk.run();
  EXPECT_EQ(server.commands[0], "LHLO gmail.test");
  EXPECT_EQ(talk.settled.at(0).at(0).text, "250 2.0.0 stored");
  EXPECT_EQ(talk.settled.at(0).at(1).text, "550 5.1.1 nobody");
  EXPECT_EQ(talk.settled.at(0).at(2).text, "452 4.2.2 full");
  EXPECT_EQ(talk.settled.at(1).size(), 1U);
}

TEST(ClientSession, EachStepHasTheTimeOfTheStandard) {
  using std::chrono::minutes;
  const std::vector<std::pair<Stage, minutes>> expected = {
      {Stage::greeting, minutes(5)},  {Stage::hello, minutes(5)}, {Stage::mail, minutes(5)},
      {Stage::recipient, minutes(5)}, {Stage::data, minutes(2)},  {Stage::final_dot, minutes(10)}};
  for (std::size_t silent = 0; silent < expected.size(); ++silent) {
    ScriptedServer server;
    server.script["EHLO"] = "250 mx";
    struct Mute final : FakeServer {
      Mute(ScriptedServer& inner, std::size_t left) : inner_(inner), left_(left) {}
      std::string filter(std::string reply) {
        if (reply.empty()) return reply;
        return left_-- > 0 ? reply : (left_ = 0, "25");  // begun, never ended
      }
      std::string greet() override { return filter(inner_.greet()); }
      std::string hear(std::string_view bytes) override { return filter(inner_.hear(bytes)); }
      bool hung_up() const override { return false; }
      ScriptedServer& inner_;
      std::size_t left_;
    } muted(server, silent);
    ClientTalk talk(settings(), muted, {kMail});
    talk.run();
    EXPECT_EQ(talk.now - MonoTime{}, expected[silent].second) << to_string(expected[silent].first);
    const Verdict& verdict = talk.failed ? talk.failed->verdict : talk.settled.at(0).at(0);
    EXPECT_EQ(verdict.stage, expected[silent].first);
    EXPECT_EQ(verdict.cause, Cause::silence);
    EXPECT_EQ(verdict.enhanced, "4.4.2");
  }
}

}  // namespace
}  // namespace mail::smtp
