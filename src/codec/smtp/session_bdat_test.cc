// BDAT where dialogues do not reach: the bytes that are kept, staging, answers that refuse, the
// end.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "codec/smtp/session_world.h"

namespace mail::smtp {
namespace {

constexpr std::string_view kTrace = "Received: from test\r\n";

std::shared_ptr<const SmtpListener> listener() {
  SmtpListener settings;
  settings.hostname = "mx.yahoo.test";
  return std::make_shared<const SmtpListener>(settings);
}

std::string envelope(std::string_view body = "8BITMIME") {
  return concat("MAIL FROM:<tom@gmail.test> BODY=", body, "\r\nRCPT TO:<jerry@yahoo.test>\r\n");
}

std::string bdat(std::string_view content, bool last) {
  return concat("BDAT ", content.size(), last ? " LAST" : "", "\r\n", content);
}

// A client of an mx, greeted.
struct Greeted {
  World world;
  Wire wire{listener(), {}, world};
  Greeted() {
    wire.pump();
    wire.arrive("EHLO client.example\r\n");
    wire.output().clear();
  }
};

// The session up to the question that the first BDAT of a message makes it ask.
void go_to_first_chunk(ServerSession& session, std::string_view chunk) {
  while (session.next()) {  // the greeting comes first
  }
  session.consume(std::string_view("EHLO a\r\n"), MonoTime{});
  while (session.next()) {
  }
  const std::string input = concat(envelope(), chunk);
  std::string_view rest = input;
  while (session.phase() != Phase::closed) {
    rest.remove_prefix(session.consume(rest, MonoTime{}));
    while (std::optional<Action> action = session.next()) {
      if (std::holds_alternative<AskSender>(*action)) {
        session.answer(SenderVerdict::accept);
      } else if (std::holds_alternative<AskRecipient>(*action)) {
        session.answer(RecipientVerdict::accept);
      } else if (std::holds_alternative<AskData>(*action)) {
        return;
      }
    }
  }
}

std::string said(ServerSession& session) {
  std::string out;
  while (std::optional<Action> action = session.next()) {
    if (auto* send = std::get_if<Send>(&*action)) out += send->bytes;
  }
  return out;
}

TEST(Bdat, KeepsBinaryBitForBitHoweverItIsCut) {
  std::string content = "From: a@example.org\r\n\r\n";
  for (int c = 0; c < 256; ++c) append(content, static_cast<char>(c), '\r', '\n', '.', '\n');
  for (std::size_t cut = 0; cut <= content.size(); cut += 7) {
    Greeted client;
    client.wire.arrive(envelope("BINARYMIME"));
    client.wire.arrive(bdat(std::string_view(content).substr(0, cut), false));
    client.wire.arrive(bdat(std::string_view(content).substr(cut), true));
    EXPECT_EQ(client.wire.last_message(), concat(kTrace, content)) << cut;
  }
}

TEST(Bdat, MakesLinesWholeInText) {
  Greeted client;
  client.wire.arrive(envelope());
  client.wire.arrive(bdat("From: a\n\r", false));
  client.wire.arrive(bdat("\n..\n.\nno end", true));
  EXPECT_EQ(client.wire.last_message(), concat(kTrace, "From: a\r\n\r\n..\r\n.\r\nno end"));
}

TEST(Bdat, StagesFullChunksWhateverTheirSizesAre) {
  // Around every border: the last chunk is never empty or too long, nothing is lost or doubled.
  for (std::size_t chunks = 1; chunks <= 3; ++chunks) {
    for (std::size_t off = 0; off < 5; ++off) {
      std::string content(chunks * kStageChunk - kTrace.size() - 2 + off, 'x');
      for (std::size_t i = 70; i < content.size(); i += 71) content[i] = static_cast<char>(i);
      for (const std::size_t size : {content.size(), kStageChunk, std::size_t{100'001}}) {
        Greeted client;
        client.wire.arrive(envelope("BINARYMIME"));
        for (std::size_t at = 0; at < content.size(); at += size) {
          const bool last = at + size >= content.size();
          client.wire.arrive(bdat(std::string_view(content).substr(at, size), last));
        }
        EXPECT_TRUE(client.wire.last_message() == concat(kTrace, content)) << content.size();
        EXPECT_FALSE(client.wire.has_staged());
      }
    }
  }
}

TEST(Bdat, ContentThatGrowsIsStagedInFullChunksToo) {
  Greeted client;
  client.wire.arrive(envelope());
  client.wire.arrive(bdat(std::string(700'000, '\n'), true));
  std::string expected(kTrace);
  for (int i = 0; i < 700'000; ++i) expected += "\r\n";
  EXPECT_TRUE(client.wire.last_message() == expected);
}

TEST(Bdat, DropsWhatWasStagedWhenALaterChunkFails) {
  Greeted client;
  client.wire.arrive(envelope());
  client.wire.arrive(bdat(std::string(700'000, 'x'), false));
  EXPECT_TRUE(client.wire.has_staged());
  client.wire.arrive(bdat("a\rb", false));
  EXPECT_FALSE(client.wire.has_staged());
  EXPECT_EQ(client.wire.session().phase(), Phase::greeted);
}

TEST(Bdat, AChunkIsSwallowedWhenThereIsNoSpace) {
  for (const auto& [kind, reply] : {std::pair{DataVerdict::Kind::storage_full, kStorageFull},
                                    std::pair{DataVerdict::Kind::try_later, kTryLater}}) {
    ServerSession session(listener(), {}, MonoTime{});
    go_to_first_chunk(session, "BDAT 6 LAST\r\n");
    session.answer(DataVerdict{kind, {}});
    session.consume(std::string_view("QUIT\r\nBDAT 0 LAST\r\n"), MonoTime{});
    EXPECT_EQ(said(session), concat("250 2.1.0 Sender taken\r\n250 2.1.5 Recipient taken\r\n",
                                    reply.text, "\r\n", kChunkFailed.text, "\r\n"));
    EXPECT_EQ(session.phase(), Phase::greeted);
  }
}

TEST(Bdat, StoppingBeforeTheChunkAsksForNoCommit) {
  ServerSession session(listener(), {}, MonoTime{});
  go_to_first_chunk(session, "BDAT 0 LAST\r\n");
  session.shut_down();
  session.answer(DataVerdict{DataVerdict::Kind::accept, std::string(kTrace)});
  bool committed = false;
  std::string out;
  while (std::optional<Action> action = session.next()) {
    committed |= std::holds_alternative<JudgeAndCommit>(*action);
    if (auto* send = std::get_if<Send>(&*action)) out += send->bytes;
  }
  EXPECT_FALSE(committed);
  EXPECT_TRUE(out.ends_with(concat(kShuttingDown.text, "\r\n"))) << out;
}

TEST(Bdat, AHugeSizeIsRefusedBeforeItComes) {
  Greeted client;
  client.wire.arrive(envelope());
  client.wire.output().clear();
  client.wire.arrive("BDAT 18446744073709551615\r\n");
  EXPECT_EQ(client.wire.output(), concat(kTooLarge.text, "\r\n"));
  EXPECT_TRUE(client.wire.closed());
}

// What is said to clients whose stream is cut at each place of [from, to), and to one whose octets
// come alone.
std::vector<std::string> said_however_cut(const SmtpListener& settings, std::string_view stream,
                                          std::size_t from, std::size_t to) {
  std::vector<std::string> out;
  const auto rules = std::make_shared<const SmtpListener>(settings);
  for (std::size_t cut = from; cut <= to; ++cut) {
    World world;
    Wire wire(rules, {}, world);
    wire.pump();
    wire.arrive("EHLO client.example\r\n");
    wire.arrive(envelope());
    wire.output().clear();
    if (cut < to) {
      wire.arrive(stream.substr(0, cut));
      wire.arrive(stream.substr(cut));
    } else {
      for (const char& octet : stream) wire.arrive({&octet, 1});
    }
    out.push_back(wire.output() + (wire.closed() ? "closed" : ""));
  }
  return out;
}

TEST(Bdat, OfTwoFaultsTheFirstIsToldHoweverTheStreamIsCut) {
  SmtpListener settings = *listener();
  settings.max_message_size = 20;
  struct Case {
    std::string_view content;
    BareLf bare_lf;
    Reply reply;
  };
  // Line feeds that become two octets make it too large where its size was good.
  for (const Case& each : {
           Case{"\n\n\n\n\n\n\n\n\n\n\rx", BareLf::normalize, kTooLarge},
           Case{"\n\n\n\n\n\n\n\n\n.\rx", BareLf::normalize, kBareLineEndInChunk},
           Case{"\n\n\n\n\n\n\n\n\n..\rx", BareLf::normalize, kTooLarge},
           Case{"123\r4\n\n\n\n\n\n\n\n\n\n", BareLf::normalize, kBareLineEndInChunk},
           Case{"12345\n67890\r12345678", BareLf::reject, kBareLineEndInChunk},
       }) {
    settings.bdat_bare_lf = each.bare_lf;
    const std::string stream = bdat(each.content, true);
    for (const std::string& said : said_however_cut(settings, stream, 0, stream.size())) {
      EXPECT_EQ(said, concat(each.reply.text, "\r\n")) << each.content;
    }
  }
}

TEST(Bdat, PatienceEndsAtTheSameChunkHoweverTheStreamIsCut) {
  SmtpListener settings = *listener();
  settings.max_message_size = 2048;
  // One is damaged at its end, and what comes behind it is refused for that.
  const std::string bad = bdat(concat(std::string(2046, 'x'), "\rb"), false);
  const std::size_t enough = 2 + kStageChunk / settings.max_message_size;
  std::string stream;
  for (std::size_t i = 0; i <= enough; ++i) stream += bad;
  for (const std::string& said :
       said_however_cut(settings, stream, bad.size() - 5, bad.size() + 5)) {
    EXPECT_EQ(std::ranges::count(said, '\n'), enough + 1);
    EXPECT_TRUE(said.ends_with("closed"));
  }
}

TEST(Data, WithoutAnEndTheFaultSeenByThenIsToldHoweverTheStreamIsCut) {
  SmtpListener settings = *listener();
  settings.role = Role::relay;  // where a line of content may come right behind DATA
  settings.max_message_size = 20;
  const std::size_t patience = 2 * settings.max_message_size + kStageChunk;
  for (const auto& [tail, reply] :
       {std::pair{"\ry\ry\r\n.\r\n", kBareLineEnd}, std::pair{"z\ry\ry\r\n.\r\n", kTooLarge}}) {
    const std::string stream = concat("DATA\r\n", std::string(patience - 1, 'x'), tail);
    const std::string wanted = concat(kSendData.text, "\r\n", reply.text, "\r\nclosed");
    const std::size_t end = stream.size();
    for (const std::string& said : said_however_cut(settings, stream, end - 12, end)) {
      EXPECT_EQ(said, wanted);
    }
  }
}

TEST(Bdat, OctetsSwallowedAddUpUntilAMessageIsTaken) {
  Greeted client;
  const std::string most = concat("BDAT ", listener()->max_message_size, "\r\n",
                                  std::string(listener()->max_message_size, 'x'));
  client.wire.arrive(most);
  client.wire.arrive(most);
  EXPECT_FALSE(client.wire.closed());
  client.wire.arrive(envelope());
  client.wire.arrive(bdat("x", true));
  client.wire.arrive(most);
  client.wire.arrive(most);
  EXPECT_FALSE(client.wire.closed());
  client.wire.arrive(most);
  EXPECT_TRUE(client.wire.closed());
}

}  // namespace
}  // namespace mail::smtp
