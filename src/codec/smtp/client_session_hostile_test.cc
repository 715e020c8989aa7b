// The client against servers that break off, lie or never end, at every step of a conversation.
#include <gtest/gtest.h>

#include "codec/smtp/client_session.h"
#include "codec/smtp/client_world.h"

namespace mail::smtp {
namespace {

using Kind = Verdict::Kind;
using Cause = Verdict::Cause;

// Every step a conversation can have: TLS, login in three, two mails with a refused recipient.
class Conversation {
 public:
  explicit Conversation(HopProtocol protocol = HopProtocol::smtp, bool chunks = false) {
    settings_.hostname = "gmail.test";
    settings_.protocol = protocol;
    settings_.tls = HopTls::require;
    settings_.login = true;
    server.lmtp = protocol == HopProtocol::lmtp;
    server.script["EHLO"] = "250-mx\r\n250-STARTTLS\r\n250-SIZE\r\n250 AUTH LOGIN";
    server.script["LHLO"] = "250-mx\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH LOGIN";
    if (chunks) {
      for (const char* hello : {"EHLO", "LHLO"}) server.script[hello] += "\r\n250 CHUNKING";
      for (const char* hello : {"EHLO", "LHLO"}) {
        std::string& text = server.script[hello];
        text.replace(text.find("250 AUTH"), 4, "250-");
      }
    }
    server.script["AUTH LOGIN"] = "334 VXNlcm5hbWU6";
    server.script["dG9t"] = "334 UGFzc3dvcmQ6";
    server.script["c2VjcmV0"] = "235 2.7.0 ok";
    server.script["RCPT TO:<nobody@yahoo.test>"] = "550 5.1.1 nobody";
  }
  ClientTalk talk() {
    OutgoingMail mail;
    mail.reverse_path = "tom@gmail.test";
    mail.recipients = {"jerry@yahoo.test", "nobody@yahoo.test", "spike@yahoo.test"};
    OutgoingMail refused = mail;
    refused.recipients = {"nobody@yahoo.test"};
    return {settings_, server, {mail, refused, mail}};
  }
  // How many replies it has when all goes well.
  static std::size_t steps(HopProtocol protocol, bool chunks) {
    Conversation whole(protocol, chunks);
    ClientTalk talk = whole.talk();
    talk.run();
    EXPECT_FALSE(talk.failed);
    EXPECT_EQ(talk.settled.size(), 3U);
    EXPECT_EQ(talk.settled.back().front().kind, Kind::accepted);
    return whole.server.replies();
  }
  ScriptedServer server;

 private:
  ClientSettings settings_;
};

// Makes the n-th reply `wrong`, for every n, protocol and cut, and lets `check` look at the end.
template <typename Check>
void at_every_step(const std::optional<std::string>& wrong, HopProtocol protocol, bool chunks,
                   Check check) {
  const std::size_t steps = Conversation::steps(protocol, chunks);
  EXPECT_GT(steps, 18U);
  for (std::size_t step = 0; step < steps; ++step) {
    for (const std::size_t cut : {std::string::npos, std::size_t{1}}) {
      Conversation conversation(protocol, chunks);
      conversation.server.twist = [&](std::size_t n, std::string reply) {
        return n == step ? wrong : std::optional(std::move(reply));
      };
      ClientTalk talk = conversation.talk();
      talk.cut = cut;
      talk.run();  // asserts one Settled for each mail, and an end
      SCOPED_TRACE(concat("reply ", step, " of ", steps));
      check(talk, step + 1 == steps);
    }
  }
}
template <typename Check>
void at_every_step(const std::optional<std::string>& wrong, Check check) {
  for (const HopProtocol protocol : {HopProtocol::smtp, HopProtocol::lmtp}) {
    for (const bool chunks : {false, true}) at_every_step(wrong, protocol, chunks, check);
  }
}

// Each recipient of each mail has what the server said to it, or one of `reasons`.
template <typename Pred>
void expect_rest_is(const ClientTalk& talk, Pred reason) {
  bool met = talk.failed && reason(talk.failed->verdict);
  for (const auto& mail : talk.settled) {
    for (const Verdict& verdict : mail) {
      const bool usual = verdict.text == "250 2.0.0 taken" || verdict.text == "550 5.1.1 nobody";
      met = met || !usual;
      EXPECT_TRUE(usual || reason(verdict)) << verdict.text;
    }
  }
  EXPECT_TRUE(met);
}

TEST(HostileServer, HangsUpAtAnyStep) {
  at_every_step(std::nullopt, [](const ClientTalk& talk, bool at_quit) {
    if (at_quit) return;
    expect_rest_is(talk, [](const Verdict& verdict) {
      return verdict.kind == Kind::deferred && verdict.cause == Cause::closed &&
             verdict.enhanced == "4.4.2";
    });
  });
}

TEST(HostileServer, GoesAwayWith421AtAnyStep) {
  at_every_step("421 4.3.2 going down", [](const ClientTalk& talk, bool at_quit) {
    if (at_quit) return;
    expect_rest_is(talk, [](const Verdict& verdict) {
      return verdict.kind == Kind::deferred && verdict.text == "421 4.3.2 going down";
    });
  });
}

TEST(HostileServer, SpeaksNoSmtpAtAnyStep) {
  for (const char* wrong : {"hello", "", "25", "250-a\r\n550 b", "199 x", "999 x"}) {
    at_every_step(wrong, [](const ClientTalk& talk, bool at_quit) {
      if (at_quit) return;
      expect_rest_is(talk, [](const Verdict& verdict) {
        return verdict.kind == Kind::deferred && verdict.cause == Cause::no_smtp;
      });
    });
  }
}

TEST(HostileServer, SendsAReplyWithoutEndAtAnyStep) {
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += "250-more\r\n";
  for (const std::string& wrong :
       {lines, std::string(100'000, '2'), "250 " + std::string(4096, 'x')}) {
    at_every_step(wrong, [](const ClientTalk& talk, bool at_quit) {
      if (at_quit) return;
      expect_rest_is(talk, [](const Verdict& verdict) {
        return verdict.kind == Kind::deferred && verdict.enhanced == "4.4.2";
      });
    });
  }
}

// Whatever the code and the step, nobody gets two answers and nobody is taken for delivered to whom
// the server has not said so (asserted by ClientTalk).
TEST(HostileServer, GivesAnyCodeAtAnyStep) {
  for (const char* wrong : {"220 x", "235 x", "250 x", "334 x", "354 x", "399 x", "450 x", "454 x",
                            "500 x", "530 x", "552 x", "554 5.7.1 x", "599 x"}) {
    at_every_step(wrong, [](const ClientTalk& talk, bool) { EXPECT_TRUE(talk.closed); });
  }
}

TEST(HostileServer, AnswersTwiceAtAnyStep) {
  for (const char* wrong :
       {"250 a\r\n250 b", "354 a\r\n250 b", "550 a\r\n250 b", "250 a\r\n421 b"}) {
    at_every_step(wrong, [](const ClientTalk& talk, bool) { EXPECT_TRUE(talk.closed); });
  }
}

TEST(HostileServer, A2xxBeforeTheFinalDotDeliversNothing) {
  Conversation conversation;
  conversation.server.script["DATA"] = "354 go on\r\n250 2.0.0 taken";
  ClientTalk talk = conversation.talk();
  talk.run();
  const Verdict& verdict = talk.settled.at(0).at(0);
  EXPECT_EQ(verdict.kind, Kind::deferred);
  EXPECT_EQ(verdict.stage, Stage::body);
  EXPECT_EQ(verdict.cause, Cause::no_smtp);
}

TEST(HostileServer, ARefusalInTheMiddleOfContentCounts) {
  Conversation conversation;
  conversation.server.script["DATA"] = "354 go on\r\n552 5.3.4 too large";
  ClientTalk talk = conversation.talk();
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::rejected);
  EXPECT_EQ(talk.settled.at(0).at(0).text, "552 5.3.4 too large");
  EXPECT_EQ(talk.settled.at(0).at(1).text, "550 5.1.1 nobody");
}

TEST(HostileServer, ContentThatCanNotBeReadIsNeverEndedByADot) {
  Conversation conversation;
  ClientTalk talk = conversation.talk();
  talk.content_readable = false;
  talk.run();
  EXPECT_EQ(talk.settled.at(0).at(0).cause, Cause::abandoned);
  EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::deferred);
  EXPECT_EQ(conversation.server.commands.back(), "DATA");
}

TEST(HostileServer, AnIdleConnectionThatIsClosedHurtsNoMail) {
  ClientSettings settings;
  settings.hostname = "gmail.test";
  ClientSession session(std::make_shared<const ClientSettings>(settings), MonoTime{});
  session.consume(std::string_view("220 mx\r\n"), MonoTime{});
  EXPECT_TRUE(std::holds_alternative<client::Send>(*session.next()));
  session.consume(std::string_view("250 mx\r\n"), MonoTime{});
  EXPECT_TRUE(std::holds_alternative<client::Ready>(*session.next()));
  EXPECT_EQ(session.deadline(), MonoTime::max());
  session.consume(std::string_view("421 4.4.2 too lo"), MonoTime{});
  EXPECT_FALSE(session.next());
  session.consume(std::string_view("ng\r\n"), MonoTime{});
  const auto failed = session.next();
  ASSERT_TRUE(failed && std::holds_alternative<client::Failed>(*failed));
  EXPECT_EQ(std::get<client::Failed>(*failed).verdict.text, "421 4.4.2 too long");
  EXPECT_EQ(std::get<client::Failed>(*failed).verdict.stage, Stage::ready);
  EXPECT_TRUE(std::holds_alternative<client::Close>(*session.next()));
  EXPECT_FALSE(session.next());
}

// RFC 5321 §4.2.1: the reply and what must not follow it, in one piece: Ready is taken back.
TEST(HostileServer, AnEndBehindTheLastReplyIsSeenBeforeTheNextMailIsGiven) {
  Conversation conversation;
  conversation.server.script["."] = "250 2.0.0 taken\r\n421 bye";
  ClientTalk talk = conversation.talk();
  talk.run();
  EXPECT_EQ(talk.delivered, 1U);
  EXPECT_EQ(talk.settled.at(0).at(0).kind, Kind::accepted);
  EXPECT_EQ(talk.failed->verdict.text, "421 bye");
}

}  // namespace
}  // namespace mail::smtp
