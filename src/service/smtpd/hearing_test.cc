// What judges hear of a transaction, and what a client hears of them.
#include <mutex>

#include "service/smtpd/test_server.h"

namespace mail {
namespace {

// Writes down all it hears, in order; refuses the message where it is told to.
class Scribe final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case& of) override {
    return std::make_unique<Voice>(*this, of);
  }
  void note(std::string_view what) {
    const std::lock_guard lock(mutex_);
    heard_ += what;
  }
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  Verdict verdict = Accept{};

 private:
  struct Voice final : Hearing {
    Voice(Scribe& by, const Case& of) : scribe(by), about(of) {}
    Task<Verdict> sender(const ReversePath& path) override {
      scribe.note(concat("M<", path.to_string(), "> helo=", about.client.helo, '\n'));
      co_return Accept{};
    }
    Task<Verdict> recipient(const Mailbox& recipient) override {
      scribe.note(concat("R<", recipient.to_string(), ">\n"));
      co_return Accept{};
    }
    Task<void> header(std::string_view block) override {
      scribe.note(concat("H[", block, "]\n"));
      co_return;
    }
    Task<void> body(std::string_view piece) override {
      body_text += piece;
      co_return;
    }
    Task<Verdict> message(Draft&) override {
      scribe.note(concat("B[", body_text.substr(0, 20), "] of ", body_text.size(), '\n'));
      scribe.bodies.push_back(body_text);
      co_return scribe.verdict;
    }
    void end_transaction() override {
      body_text.clear();
      scribe.note(".\n");
    }
    Scribe& scribe;
    const Case& about;
    std::string body_text;
  };

 public:
  std::vector<std::string> bodies;

 private:
  std::mutex mutex_;
  std::string heard_;
};

class HearingTest : public SmtpServerTest {
 protected:
  HearingTest() { judges_ = {&scribe_}; }
  static void begin(TestClient& client) {
    EXPECT_TRUE(client.command("MAIL FROM:<tom@gmail.test>").starts_with("250 "));
    EXPECT_TRUE(client.command("RCPT TO:<jerry@yahoo.test>").starts_with("250 "));
    EXPECT_TRUE(client.command("DATA").starts_with("354 "));
  }
  Scribe scribe_;
};

TEST_F(HearingTest, AMessageIsHeardFromMailToItsEnd) {
  start();
  TestClient client(address());
  greet(client);
  begin(client);
  EXPECT_TRUE(client.command("Subject: x\r\n\r\nhello\r\n..\r\n.").starts_with("250 2.0.0 "));
  EXPECT_EQ(scribe_.heard(),
            "M<tom@gmail.test> helo=mail.gmail.test\nR<jerry@yahoo.test>\nH[Subject: x\r\n]\n"
            "B[hello\r\n.\r\n] of 10\n.\n");
}

TEST_F(HearingTest, ALongBodyIsHeardWholeAndInOrder) {
  start();
  TestClient client(address());
  greet(client);
  // Around the size of a chunk, where the last of them goes out together with the end.
  for (const std::size_t size :
       {smtp::kStageChunk, 2 * smtp::kStageChunk - 40, 2 * smtp::kStageChunk, 3 * smtp::kStageChunk,
        3 * smtp::kStageChunk + 1, 5 * smtp::kStageChunk + 77}) {
    std::string body;
    for (int line = 0; body.size() < size; ++line) append(body, line, " of them\r\n");
    begin(client);
    client.send(concat("Subject: long\r\n\r\n", body, ".\r\n"));
    EXPECT_TRUE(client.reply().starts_with("250 2.0.0 "));
    ASSERT_FALSE(scribe_.bodies.empty());
    EXPECT_TRUE(scribe_.bodies.back() == body) << size;
  }
}

TEST_F(HearingTest, EveryChunkIsHeardWhereverTheEndFalls) {
  start();
  TestClient client(address());
  greet(client);
  for (int more = -3; more <= 3; ++more) {
    const std::string body(static_cast<std::size_t>(2 * smtp::kStageChunk + 10 + more), 'x');
    EXPECT_TRUE(client.command("MAIL FROM:<tom@gmail.test>").starts_with("250 "));
    EXPECT_TRUE(client.command("RCPT TO:<jerry@yahoo.test>").starts_with("250 "));
    const std::string content = concat("Subject: long\r\n\r\n", body);
    client.send(concat("BDAT ", content.size(), " LAST\r\n", content));
    EXPECT_TRUE(client.reply().starts_with("250 2.0.0 "));
    ASSERT_FALSE(scribe_.bodies.empty());
    EXPECT_TRUE(scribe_.bodies.back() == body) << more;
  }
}

TEST_F(HearingTest, ATransactionGivenUpIsOverForJudgesToo) {
  start();
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test>");
  client.command("RSET");
  client.command("MAIL FROM:<spike@gmail.test>");
  client.command("EHLO again.test");
  EXPECT_EQ(scribe_.heard(),
            "M<tom@gmail.test> helo=mail.gmail.test\n.\n"
            "M<spike@gmail.test> helo=mail.gmail.test\n.\n");
}

TEST_F(HearingTest, ARefusalSaysWhyAndWhatTheLogKnowsItBy) {
  scribe_.verdict =
      Reject{.reason = "for the log", .reply = "Not wanted\r\n250 here", .status = "5.7.26"};
  start();
  TestClient client(address());
  greet(client);
  begin(client);
  const std::string reply = client.command("Subject: x\r\n\r\nhello\r\n.");
  EXPECT_TRUE(reply.starts_with("550 5.7.26 Not wanted??250 here (")) << reply;
  EXPECT_TRUE(reply.ends_with(")")) << reply;
  scribe_.verdict = Defer{.reason = "x", .reply = std::string(2000, 'x'), .status = "4.7.1"};
  begin(client);
  const std::string long_reply = client.command("Subject: x\r\n\r\nhello\r\n.");
  EXPECT_TRUE(long_reply.starts_with("451 4.7.1 xxx")) << long_reply;
  EXPECT_EQ(long_reply.size(), smtp::kMaxReplyLine - 2);
}

}  // namespace
}  // namespace mail
