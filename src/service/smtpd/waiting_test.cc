// Sessions that wait in the middle of a transaction: what they have read, and how they stop.
#include <atomic>
#include <chrono>
#include <thread>

#include "service/smtpd/test_server.h"

namespace mail {
namespace {

// Every answer comes through the executor, so that other sessions run in between.
struct GoRound {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> caller) const {
    Executor::current()->post([caller] { caller.resume(); });
  }
  void await_resume() const {}
};

class PostponingHearing final : public Hearing {
 public:
  Task<Verdict> sender(const ReversePath& path) override {
    const std::string name = path.to_string();
    co_await GoRound{};
    if (name == "refused@gmail.test") co_return Reject{"test"};
    if (name == "later@gmail.test") co_return Defer{"test"};
    co_return Accept{};
  }
  Task<Verdict> recipient(const Mailbox& recipient) override {
    const std::string name = recipient.to_string();
    co_await GoRound{};
    if (name.starts_with("jerry+no@") || name.starts_with("postmaster@")) {
      co_return Reject{"test"};
    }
    co_return Accept{};
  }
  Task<Verdict> message(Draft&) override {
    co_await GoRound{};
    co_return Accept{};
  }
};

class PostponingJudge final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case&) override {
    return std::make_unique<PostponingHearing>();
  }
};

class WaitingTest : public SmtpServerTest {
 protected:
  WaitingTest() { judges_ = {&judge_}; }
  PostponingJudge judge_;
};

TEST_F(WaitingTest, JudgesAreAskedButNotAboutPostmaster) {
  start();
  TestClient client(address());
  greet(client);
  EXPECT_TRUE(
      client.command("MAIL FROM:<refused@gmail.test>").starts_with("550 5.7.1 Sender refused ("));
  EXPECT_TRUE(client.command("MAIL FROM:<later@gmail.test>")
                  .starts_with("451 4.3.0 Not possible now, try again later ("));
  EXPECT_EQ(client.command("MAIL FROM:<tom@gmail.test>"), "250 2.1.0 Sender taken");
  EXPECT_TRUE(
      client.command("RCPT TO:<jerry+no@yahoo.test>").starts_with("550 5.7.1 Recipient refused ("));
  EXPECT_EQ(client.command("RCPT TO:<postmaster@yahoo.test>"), "250 2.1.5 Recipient taken");
}

TEST_F(WaitingTest, WhatASessionHasReadIsItsOwnWhileItWaits) {
  constexpr int kClients = 6;
  constexpr int kMessages = 20;
  start();
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([this, c] {
      TestClient client(address());
      greet(client);
      const std::string envelope =
          concat("MAIL FROM:<client", c, "@gmail.test>\r\nRCPT TO:<jerry@yahoo.test>\r\nDATA\r\n");
      client.send(envelope);
      for (int m = 0; m < kMessages; ++m) {
        for (const char* code : {"250 2.1.0", "250 2.1.5", "354 "}) {
          EXPECT_TRUE(client.reply().starts_with(code));
        }
        client.send(concat("X-Client: ", c, "\r\n\r\nmessage ", m, "\r\n",
                           std::string(3000, static_cast<char>('a' + c)), "\r\n.\r\n", envelope));
        EXPECT_TRUE(client.reply().starts_with("250 2.0.0 "));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const auto mails = inbox(jerry_);
  ASSERT_EQ(mails.size(), std::size_t{kClients * kMessages});
  for (const std::string& mail : mails) {
    const auto at = mail.find("X-Client: ");
    ASSERT_NE(at, std::string::npos);
    const char client = mail[at + 10];
    EXPECT_TRUE(mail.starts_with(concat("Return-Path: <client", client, "@gmail.test>"))) << mail;
    EXPECT_NE(mail.find(std::string(3000, static_cast<char>('a' + (client - '0')))),
              std::string::npos);
  }
}

// Holds the message until the test lets it go on.
class HoldingJudge final : public Judge {
 public:
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Held>(*this); }
  void wait_until_asked() { asked_.get_future().wait(); }
  void let_go() {
    executor_->post([this] { caller_.resume(); });
  }

 private:
  struct Held final : Hearing {
    explicit Held(HoldingJudge& by) : judge(by) {}
    Task<Verdict> message(Draft&) override {
      co_await Wait{judge};
      co_return Accept{};
    }
    HoldingJudge& judge;
  };
  struct Wait {
    HoldingJudge& judge;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> caller) const {
      judge.caller_ = caller;
      judge.executor_ = Executor::current();
      judge.asked_.set_value();
    }
    void await_resume() const {}
  };
  std::coroutine_handle<> caller_;
  Executor* executor_ = nullptr;
  std::promise<void> asked_;
};

TEST_F(SmtpServerTest, AStopWaitsForTheCommitUnderWayAndAcknowledgesIt) {
  HoldingJudge judge;
  judges_ = {&judge};
  start();
  TestClient idle(address());
  greet(idle);
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test>");
  client.command("RCPT TO:<jerry@yahoo.test>");
  client.command("DATA");
  client.send("Subject: x\r\n\r\nlast words\r\n.\r\n");
  judge.wait_until_asked();
  std::thread stopping([this] { server_->stop(Milliseconds{60'000}); });
  EXPECT_EQ(idle.reply(), "421 4.3.2 Service not available, closing");  // so stop() has begun
  judge.let_go();
  EXPECT_TRUE(client.reply().starts_with("250 2.0.0 "));
  EXPECT_EQ(client.reply(), "421 4.3.2 Service not available, closing");
  stopping.join();
  EXPECT_EQ(inbox(jerry_).size(), 1U);
}

}  // namespace
}  // namespace mail
