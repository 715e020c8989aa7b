// What dialogues can not show: the actions themselves, time, memory and the order of things.
#include "codec/smtp/server_session.h"

#include <gtest/gtest.h>

#include "codec/smtp/session_world.h"

namespace mail::smtp {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const SmtpListener> listener(Role role, TlsMode tls = TlsMode::starttls) {
  SmtpListener settings;
  settings.role = role;
  settings.tls = tls;
  settings.hostname = "mx.yahoo.test";
  return std::make_shared<const SmtpListener>(settings);
}

constexpr std::string_view kEnvelope =
    "MAIL FROM:<tom@gmail.test>\r\nRCPT TO:<jerry@yahoo.test>\r\nDATA\r\n";

// A client of an mx, greeted.
struct Greeted {
  World world;
  Wire wire{listener(Role::mx), {}, world};
  Greeted() {
    wire.pump();
    wire.arrive("EHLO client.example\r\n");
    wire.output().clear();
  }
};

template <typename Wanted>
Wanted expect_next(ServerSession& session) {
  std::optional<Action> action = session.next();
  EXPECT_TRUE(action && std::holds_alternative<Wanted>(*action)) << "at another action";
  return action && std::holds_alternative<Wanted>(*action) ? std::get<Wanted>(*std::move(action))
                                                           : Wanted{};
}

void take(ServerSession& session, std::string_view bytes) {
  ASSERT_EQ(session.consume(bytes, MonoTime{}), bytes.size());
}

TEST(ServerSession, AsksInOrderAndWaitsForEachAnswer) {
  ServerSession session(listener(Role::mx), {}, MonoTime{});
  EXPECT_EQ(expect_next<Send>(session).bytes, "220 mx.yahoo.test ESMTP Mailwright\r\n");
  take(session, "HELO a\r\n");
  expect_next<Send>(session);
  const std::size_t first = session.consume(kEnvelope, MonoTime{});
  EXPECT_EQ(first, kEnvelope.find("RCPT")) << "took more than it may before the answer";
  EXPECT_EQ(expect_next<AskSender>(session).reverse_path.to_string(), "tom@gmail.test");
  EXPECT_TRUE(session.waiting_for_answer());
  EXPECT_FALSE(session.next());
  EXPECT_EQ(session.consume(kEnvelope.substr(first), MonoTime{}), 0U);
  session.answer(SenderVerdict::accept);
  EXPECT_FALSE(session.next()) << "the group is not yet answered as a whole";
}

TEST(ServerSession, AnswersAGroupWithOneSend) {  // RFC 2920 §3.2 (2)
  Greeted client;
  ServerSession& session = client.wire.session();
  std::string_view rest = kEnvelope;
  int sends = 0;
  std::string said;
  while (!rest.empty() || session.waiting_for_answer()) {
    rest.remove_prefix(session.consume(rest, MonoTime{}));
    while (std::optional<Action> action = session.next()) {
      if (auto* send = std::get_if<Send>(&*action)) {
        ++sends;
        said += send->bytes;
      } else if (std::holds_alternative<AskSender>(*action)) {
        session.answer(SenderVerdict::accept);
      } else if (std::holds_alternative<AskRecipient>(*action)) {
        session.answer(RecipientVerdict::accept);
      } else {
        session.answer(DataVerdict{});
      }
    }
  }
  EXPECT_EQ(sends, 1);
  EXPECT_EQ(said,
            "250 2.1.0 Sender taken\r\n250 2.1.5 Recipient taken\r\n"
            "354 Send the message, end with a line holding only a dot\r\n");
}

TEST(ServerSession, GivesTheContentWithItsTraceFields) {
  Greeted client;
  client.wire.arrive(kEnvelope);
  client.wire.arrive("Subject: x\r\n\r\n..dot\r\n.\r\n");
  EXPECT_EQ(client.wire.last_message(), "Received: from test\r\nSubject: x\r\n\r\n.dot\r\n");
  EXPECT_EQ(client.wire.session().phase(), Phase::greeted);
}

TEST(ServerSession, StagesFullChunksBehindTheFirstWhateverTheSize) {
  constexpr std::string_view trace = "Received: from test\r\n";
  // Around every border of chunks: the last chunk is never empty, nothing is lost or doubled.
  for (std::size_t chunks = 1; chunks <= 3; ++chunks) {
    for (std::size_t off = 0; off < 7; ++off) {
      const std::size_t size = chunks * kStageChunk - trace.size() - 3 + off;
      std::string body(size - 2, 'x');
      for (std::size_t i = 70; i + 1 < body.size(); i += 72) body.replace(i, 2, "\r\n");
      if (body.back() == '\r') body.back() = 'y';
      body += "\r\n";
      Greeted client;
      client.wire.arrive(kEnvelope);
      for (std::size_t at = 0; at < body.size(); at += 65536) {
        client.wire.arrive(std::string_view(body).substr(at, 65536));
      }
      client.wire.arrive(".\r\n");
      EXPECT_TRUE(client.wire.last_message() == std::string(trace) + body) << size;
      EXPECT_FALSE(client.wire.has_staged());
    }
  }
}

TEST(ServerSession, NormalizedContentIsStagedInFullChunksToo) {
  SmtpListener settings = *listener(Role::relay);
  settings.bare_lf = BareLf::normalize;
  World world;
  Wire wire(std::make_shared<const SmtpListener>(settings), {}, world);
  wire.pump();
  wire.arrive("EHLO a\r\n");
  wire.arrive(kEnvelope);
  wire.arrive(std::string(400'000, '\n'));
  wire.arrive("\r\n.\r\n");
  std::string expected = "Received: from test\r\n";
  for (int i = 0; i < 400'001; ++i) expected += "\r\n";
  EXPECT_TRUE(wire.last_message() == expected);
}

TEST(ServerSession, DropsWhatWasStagedWhenAVerdictRefuses) {
  for (const auto kind : {CommitVerdict::Kind::refused, CommitVerdict::Kind::try_later,
                          CommitVerdict::Kind::storage_full}) {
    Greeted client;
    ServerSession& session = client.wire.session();
    client.wire.arrive(kEnvelope);
    std::string_view rest;
    const std::string body = std::string(3 * kStageChunk, 'x') + "\r\n.\r\n";
    rest = body;
    bool dropped = false;
    while (!rest.empty() || session.waiting_for_answer()) {
      rest.remove_prefix(session.consume(rest, MonoTime{}));
      while (std::optional<Action> action = session.next()) {
        if (std::holds_alternative<JudgeAndCommit>(*action))
          session.answer(CommitVerdict{kind, {}});
        dropped = dropped || std::holds_alternative<DropBody>(*action);
      }
    }
    EXPECT_TRUE(dropped);
    EXPECT_EQ(session.phase(), Phase::greeted);
  }
}

TEST(ServerSession, EveryVerdictHasItsReply) {
  const auto reply_to_recipient = [](RecipientVerdict verdict) {
    Greeted client;
    ServerSession& session = client.wire.session();
    client.wire.arrive("MAIL FROM:<>\r\n");
    take(session, "RCPT TO:<a@b.c>\r\n");
    expect_next<AskRecipient>(session);
    session.answer(verdict);
    return expect_next<Send>(session).bytes.substr(0, 9);
  };
  EXPECT_EQ(reply_to_recipient(RecipientVerdict::refused), "550 5.7.1");
  EXPECT_EQ(reply_to_recipient(RecipientVerdict::try_later), "451 4.3.0");
  EXPECT_EQ(reply_to_recipient(RecipientVerdict::mailbox_full), "452 4.2.2");
  EXPECT_EQ(reply_to_recipient(RecipientVerdict::too_many), "450 4.7.0");
  const auto reply_to_sender = [](SenderVerdict verdict) {
    Greeted client;
    take(client.wire.session(), "MAIL FROM:<>\r\n");
    expect_next<AskSender>(client.wire.session());
    client.wire.session().answer(verdict);
    const std::string reply = expect_next<Send>(client.wire.session()).bytes.substr(0, 9);
    EXPECT_EQ(client.wire.session().phase() == Phase::closed, verdict == SenderVerdict::too_many);
    return reply;
  };
  EXPECT_EQ(reply_to_sender(SenderVerdict::refused), "550 5.7.1");
  EXPECT_EQ(reply_to_sender(SenderVerdict::storage_full), "452 4.3.1");
  EXPECT_EQ(reply_to_sender(SenderVerdict::try_later), "451 4.3.0");
  EXPECT_EQ(reply_to_sender(SenderVerdict::too_many), "421 4.7.0");
  const auto reply_to_commit = [](CommitVerdict::Kind kind) {
    Greeted client;
    client.wire.arrive(kEnvelope);
    take(client.wire.session(), ".\r\n");
    expect_next<JudgeAndCommit>(client.wire.session());
    client.wire.session().answer(CommitVerdict{kind, {}});
    return expect_next<Send>(client.wire.session()).bytes.substr(0, 9);
  };
  using Kind = CommitVerdict::Kind;
  EXPECT_EQ(reply_to_commit(Kind::refused), "550 5.7.1");
  EXPECT_EQ(reply_to_commit(Kind::header_too_large), "552 5.3.4");
  EXPECT_EQ(reply_to_commit(Kind::too_many_hops), "554 5.4.6");
  EXPECT_EQ(reply_to_commit(Kind::storage_full), "452 4.3.1");
  EXPECT_EQ(reply_to_commit(Kind::try_later), "451 4.3.0");
}

TEST(ServerSession, BusyAndThrottledLogins) {
  for (const auto& [verdict, code] : {std::pair(LoginVerdict::busy, "454 4.7.0"),
                                      std::pair(LoginVerdict::throttled, "421 4.7.0")}) {
    ServerSession session(listener(Role::submission, TlsMode::implicit), {}, MonoTime{});
    session.tls_established({"TLSv1.3", "x"});
    expect_next<Send>(session);
    take(session, "EHLO a\r\n");
    expect_next<Send>(session);
    take(session, "AUTH PLAIN AGEAYg==\r\n");
    const auto login = expect_next<AskLogin>(session);
    EXPECT_EQ(login.user, "a");
    EXPECT_EQ(login.password, "b");
    session.answer(verdict, {});
    EXPECT_EQ(expect_next<Send>(session).bytes.substr(0, 9), code);
    EXPECT_EQ(session.phase() == Phase::closed, verdict == LoginVerdict::throttled);
    EXPECT_TRUE(session.client().login.empty());
  }
}

TEST(ServerSession, SpaceIsAskedForAtDataToo) {
  for (const auto& [kind, code] : {std::pair(DataVerdict::Kind::storage_full, "452 4.3.1"),
                                   std::pair(DataVerdict::Kind::try_later, "451 4.3.0")}) {
    Greeted client;
    ServerSession& session = client.wire.session();
    client.wire.arrive(kEnvelope.substr(0, kEnvelope.find("DATA")));
    take(session, "DATA\r\n");
    client.wire.output().clear();
    expect_next<AskData>(session);
    session.answer(DataVerdict{kind, {}});
    EXPECT_EQ(expect_next<Send>(session).bytes.substr(0, 9), code);
    EXPECT_EQ(session.phase(), Phase::greeted);
  }
}

TEST(ServerSession, AskingAgainAndAgainWhatCanNotBeDoneNowEnds) {
  Greeted client;
  client.wire.session().set_tls_available(false);
  for (int i = 0; i < 200 && !client.wire.closed(); ++i) client.wire.arrive("STARTTLS\r\n");
  EXPECT_TRUE(client.wire.closed());
  EXPECT_TRUE(client.wire.output().starts_with("454 4.7.0"));
  EXPECT_NE(client.wire.output().find("\r\n421 4.7.0 "), std::string::npos);
}

TEST(ServerSession, StoppingWaitsForTheCommit) {
  Greeted client;
  ServerSession& session = client.wire.session();
  client.wire.arrive(kEnvelope);
  take(session, "x\r\n.\r\n");
  expect_next<JudgeAndCommit>(session);
  session.shut_down();
  EXPECT_FALSE(session.next());
  const MessageId id = MessageId::make(1, 2, 3);
  session.answer(CommitVerdict{CommitVerdict::Kind::accepted, id});
  EXPECT_EQ(expect_next<Send>(session).bytes,
            "250 2.0.0 " + id.to_string() + "\r\n421 4.3.2 Service not available, closing\r\n");
  expect_next<Close>(session);
}

TEST(ServerSession, AnAnswerThatComesAfterTheEndIsIgnored) {
  Greeted client;
  ServerSession& session = client.wire.session();
  take(session, "MAIL FROM:<>\r\n");
  expect_next<AskSender>(session);
  session.time_out();
  session.answer(SenderVerdict::accept);
  EXPECT_EQ(expect_next<Send>(session).bytes.substr(0, 9), "421 4.4.2");
  expect_next<Close>(session);
  EXPECT_FALSE(session.next());
  EXPECT_EQ(session.consume(std::string_view("QUIT\r\n"), MonoTime{}), 6U);
  EXPECT_FALSE(session.next());
}

TEST(ServerSession, DeadlinesFollowWhatTheClientIsDoing) {
  const MonoTime start{};
  ServerSession session(listener(Role::mx), {}, start);
  EXPECT_EQ(session.deadline(), start + 300s);
  session.set_stressed(true);
  EXPECT_EQ(session.deadline(), start + 10s);
  session.set_stressed(false);
  session.next();
  session.consume(std::string_view("EH"), start + 100s);
  EXPECT_EQ(session.deadline(), start + 400s);
  session.consume(std::string_view("LO"), start + 200s);
  EXPECT_EQ(session.deadline(), start + 400s) << "an octet now and then must not prolong a command";
  session.consume(std::string_view(" a\r\n"), start + 300s);
  EXPECT_EQ(session.deadline(), start + 600s);
  EXPECT_EQ(session.consume({}, start + 500s), 0U);
  EXPECT_EQ(session.deadline(), start + 600s) << "no input is no activity";
}

TEST(ServerSession, TheIdleTimeBeginsAnewBehindAnAnswer) {
  const MonoTime start{};
  ServerSession session(listener(Role::mx), {}, start);
  session.next();
  session.consume(std::string_view("EHLO a\r\n"), start);
  session.next();
  session.consume(std::string_view("MAIL FROM:<>\r\n"), start);
  session.next();
  session.answer(SenderVerdict::accept);
  session.consume({}, start + 200s);
  EXPECT_EQ(session.deadline(), start + 500s);
}

TEST(ServerSession, SaysHowMailCame) {  // RFC 3848
  Client client;
  EXPECT_EQ(client.protocol(), "SMTP");
  client.esmtp = true;
  EXPECT_EQ(client.protocol(), "ESMTP");
  client.login = "a@b.c";
  EXPECT_EQ(client.protocol(), "ESMTPA");
  client.tls = TlsFacts{};
  EXPECT_EQ(client.protocol(), "ESMTPSA");
  client.login.clear();
  EXPECT_EQ(client.protocol(), "ESMTPS");
}

// What is said in the end to who sends lines without an end, each ended by `line_end`.
std::string last_words_to_endless(std::string_view line_end) {
  SmtpListener settings = *listener(Role::mx);
  settings.max_message_size = 100'000;
  World world;
  Wire wire(std::make_shared<const SmtpListener>(settings), {}, world);
  wire.pump();
  wire.arrive("EHLO a\r\n");
  wire.arrive(kEnvelope);
  wire.output().clear();
  const std::string line = concat(std::string(10'000, 'x'), line_end);
  for (int i = 0; i < 100 && !wire.closed(); ++i) wire.arrive(line);
  EXPECT_TRUE(wire.closed());
  return wire.output().substr(0, 9);
}

TEST(ServerSession, WhoNeverEndsHisTooLargeMessageIsToldSo) {
  EXPECT_EQ(last_words_to_endless("\r\n"), "552 5.3.4");
}

TEST(ServerSession, WhoNeverEndsHisDamagedMessageIsToldSoToo) {
  EXPECT_EQ(last_words_to_endless("\n"), "550 5.5.2");
}

TEST(ServerSession, RepliesAreBoundedThoughTheClientKeepsAsking) {
  Greeted client;
  ServerSession& session = client.wire.session();
  client.wire.arrive("MAIL FROM:<>\r\n");
  SmtpListener settings = *listener(Role::mx);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "RCPT TO:<jerry@yahoo.test>\r\n";
  std::string_view rest = many;
  std::size_t largest = 0;
  while (!rest.empty()) {
    rest.remove_prefix(session.consume(rest, MonoTime{}));
    while (std::optional<Action> action = session.next()) {
      if (auto* send = std::get_if<Send>(&*action)) largest = std::max(largest, send->bytes.size());
      if (std::holds_alternative<AskRecipient>(*action)) session.answer(RecipientVerdict::accept);
    }
  }
  EXPECT_GT(largest, 0U);
  EXPECT_LT(largest, std::size_t{64} << 10);
  EXPECT_EQ(session.transaction().recipients.size(), settings.max_recipients);
}

}  // namespace
}  // namespace mail::smtp
