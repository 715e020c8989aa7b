// Strangers who come too often are slowed down and then told to come back.
#include <chrono>

#include "service/smtpd/test_server.h"

namespace mail {
namespace {

class RatesTest : public SmtpServerTest {
 protected:
  RatesTest() {
    limits_.rate_loopback = true;
    add_account("tom@yahoo.test", std::nullopt);
  }
  void send_one(TestClient& client, std::string_view to = "jerry@yahoo.test") {
    EXPECT_TRUE(client.command("MAIL FROM:<a@gmail.test>").starts_with("250 "));
    EXPECT_TRUE(client.command(concat("RCPT TO:<", to, ">")).starts_with("250 "));
    EXPECT_TRUE(client.command("DATA").starts_with("354 "));
    EXPECT_TRUE(client.command("Subject: x\r\n\r\n.").starts_with("250 "));
  }
  // One more answer that comes late: the clock is put forward until it does.
  std::string late(TestClient& client, std::string_view command) {
    client.send(concat(command, "\r\n"));
    std::future<std::string> reply =
        std::async(std::launch::async, [&client] { return client.reply(); });
    EXPECT_EQ(reply.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
    while (reply.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
      clock_.advance(Milliseconds{20});
    }
    return reply.get();
  }
};

TEST_F(RatesTest, ASenderHasItsShare) {
  limits_.sender_per_minute = 2;
  start();
  TestClient client(address());
  greet(client);
  send_one(client);
  send_one(client);
  EXPECT_TRUE(client.command("MAIL FROM:<a@gmail.test>").starts_with("450 4.7.1 "));
  EXPECT_TRUE(client.command("MAIL FROM:<b@gmail.test>").starts_with("250 "));
  client.command("RSET");
  EXPECT_TRUE(client.command("MAIL FROM:<>").starts_with("250 "));
  client.command("RSET");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(client.command("MAIL FROM:<a@gmail.test>").starts_with("250 "));
}

TEST_F(RatesTest, ARecipientIsFloodedSlowlyAndThenNotAtAll) {
  limits_.recipient_per_minute = 2;
  start();
  TestClient client(address());
  greet(client);
  send_one(client);
  client.command("MAIL FROM:<a@gmail.test>");
  EXPECT_TRUE(late(client, "RCPT TO:<jerry@yahoo.test>").starts_with("250 "));
  EXPECT_TRUE(client.command("RCPT TO:<jerry@yahoo.test>").starts_with("450 4.2.1 "));
  EXPECT_TRUE(client.command("RCPT TO:<tom@yahoo.test>").starts_with("250 "));
}

TEST_F(RatesTest, WhoLooksForRecipientsFindsNoMore) {
  limits_.unknown_recipients_per_minute = 2;
  start();
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<a@gmail.test>");
  EXPECT_TRUE(client.command("RCPT TO:<x1@yahoo.test>").starts_with("550 5.1.1 "));
  EXPECT_TRUE(late(client, "RCPT TO:<x2@yahoo.test>").starts_with("550 5.1.1 "));
  EXPECT_TRUE(client.command("RCPT TO:<x3@yahoo.test>").starts_with("450 4.7.1 "));
  EXPECT_TRUE(client.command("RCPT TO:<jerry@yahoo.test>").starts_with("450 4.7.1 "))
      << "nor is told who exists";
  TestClient again(address());
  greet(again);
  again.command("MAIL FROM:<a@gmail.test>");
  EXPECT_TRUE(again.command("RCPT TO:<tom@yahoo.test>").starts_with("450 4.7.1 "));
}

TEST_F(RatesTest, FriendsHaveNoRates) {
  limits_.unknown_recipients_per_minute = 1;
  limits_.sender_per_minute = 1;
  limits_.recipient_per_minute = 1;
  relay_networks_ = {*IpNetwork::parse("127.0.0.0/8")};
  start();
  TestClient client(address());
  greet(client);
  for (int i = 0; i < 3; ++i) send_one(client);
  client.command("MAIL FROM:<a@gmail.test>");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(client.command("RCPT TO:<x@yahoo.test>").starts_with("550 5.1.1 "));
  }
}

TEST_F(RatesTest, AStopDoesNotWaitForALateAnswer) {
  limits_.unknown_recipients_per_minute = 2;
  start();
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<a@gmail.test>");
  client.command("RCPT TO:<x1@yahoo.test>");
  client.send("RCPT TO:<x2@yahoo.test>\r\n");
  server_->stop(Milliseconds{60'000});
  const std::string first = client.reply();  // the stop may come before the command is read
  EXPECT_TRUE(first.starts_with("550 5.1.1 ") || first.starts_with("421 4.3.2 ")) << first;
}

}  // namespace
}  // namespace mail
