// The client against a server that plays a script: each step's failure is told with its reply.
#include "daemon/ctl/send.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>

#include "base/text.h"
#include "platform/net/io_thread.h"
#include "platform/net/listener.h"
#include "platform/tls/context.h"

namespace mail::ctl {
namespace {

using namespace std::chrono_literals;

// Answers each command by its first word; what it read is in `commands`.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::shared_ptr<const tls::ServerContext> tls = nullptr)
      : tls_(std::move(tls)) {
    net::IoThread* const threads[] = {&io_};
    listener_ = std::move(*net::Listener::tcp(threads, net::Address{"127.0.0.1", 0}));
    listener_->start(
        [this](std::size_t, net::Stream stream) { tasks_.spawn(serve(std::move(stream))); });
    io_.start("script");
  }
  ~ScriptedServer() {
    listener_->stop();
    std::promise<void> idle;
    io_.post([&] { wait_idle(&idle); });
    idle.get_future().wait();
    io_.stop();
    io_.join();
  }
  SendRequest request() const {
    SendRequest out;
    out.server = listener_->address().text();
    out.tls = tls_ ? SendTls::starttls : SendTls::none;
    out.verify = false;
    out.login = "tom@gmail.test";
    out.password = "secret";
    out.from = "tom@gmail.test";
    out.recipients = {"jerry@yahoo.test"};
    out.message = "Subject: hi\n\n.dot\n";
    return out;
  }

  std::map<std::string, std::string> script = {
      {"greeting", "220 mx.yahoo.test ready"},
      {"EHLO", "250-mx.yahoo.test\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN"},
      {"STARTTLS", "220 go on"},
      {"AUTH", "235 ok"},
      {"MAIL", "250 ok"},
      {"RCPT", "250 ok"},
      {"DATA", "354 go on"},
      {".", "250 2.0.0 06QZZJ4RX8G00000"},
      {"QUIT", "221 bye"}};
  std::string received;

 private:
  Task<void> serve(net::Stream stream) { (void)(co_await converse(stream)).has_value(); }
  Task<Result<void>> converse(net::Stream& stream) {
    const MonoTime deadline = clock_.mono_now() + 1h;
    MAIL_CO_TRY(co_await stream.write_all(script["greeting"] + "\r\n", deadline));
    std::string input;
    bool data = false;
    char bytes[4096];
    for (;;) {
      MAIL_CO_TRY(const std::size_t got, stream.read_some(bytes));
      if (got == 0) MAIL_CO_TRY(co_await stream.readable(deadline));
      received.append(bytes, got);
      input.append(bytes, got);
      for (std::size_t end = input.find("\r\n"); end != std::string::npos;
           end = input.find("\r\n")) {
        const std::string line = input.substr(0, end);
        input.erase(0, end + 2);
        if (data && line != ".") continue;
        const std::string word(split(line, ' ')[0]);
        data = word == "DATA";
        const std::string& reply = script.contains(line) ? script[line] : script[word];
        MAIL_CO_TRY(co_await stream.write_all(reply + "\r\n", deadline));
        if (word == "STARTTLS" && script[word].starts_with("220")) {
          MAIL_CO_TRY(auto cipher, tls_->accept(stream.native_handle()));
          MAIL_CO_TRY(co_await stream.secure(std::move(cipher), deadline));
        }
        if (word == "QUIT") co_return Result<void>{};
      }
    }
  }
  void wait_idle(std::promise<void>* idle) {
    if (tasks_.size() == 0) return idle->set_value();
    io_.post([this, idle] { wait_idle(idle); });
  }

  SystemClock clock_;
  std::shared_ptr<const tls::ServerContext> tls_;
  TaskSet tasks_;
  net::IoThread io_{clock_};
  std::unique_ptr<net::Listener> listener_;
};

TEST(Send, SubmitsAndSaysUnderWhichId) {
  const SystemClock clock;
  ScriptedServer server;
  const auto sent = send_message(server.request(), clock);
  ASSERT_TRUE(sent) << describe(sent.error());
  EXPECT_EQ(sent->id, "06QZZJ4RX8G00000");
  EXPECT_EQ(sent->reply, "250 2.0.0 06QZZJ4RX8G00000");
  EXPECT_NE(server.received.find("MAIL FROM:<tom@gmail.test>\r\nRCPT TO:<jerry@yahoo.test>\r\n"
                                 "DATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n"),
            std::string::npos)
      << server.received;
  for (const std::string& line : sent->transcript) {
    EXPECT_EQ(line.find("AHRvbUBnbWFpbC50ZXN0AHNlY3JldA=="), std::string::npos) << line;
  }
}

TEST(Send, StartTlsIsUsedAndVerifiedWhenAsked) {
  const SystemClock clock;
  const auto pair = tls::make_self_signed("mx.yahoo.test").value();
  ScriptedServer server(*tls::ServerContext::from_pem(pair, tls::Suites::aead, "test"));
  SendRequest request = server.request();
  const auto sent = send_message(request, clock);
  EXPECT_TRUE(sent) << describe(sent.error());
  request.verify = true;
  request.tls_name = "mx.yahoo.test";
  const auto refused = send_message(request, clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::tls_failed);
  EXPECT_EQ(refused.error().detail,
            "TLS handshake: certificate not accepted: self-signed certificate");
}

TEST(Send, AServerWithoutStartTlsGetsNoPassword) {
  const SystemClock clock;
  ScriptedServer server;
  server.script["EHLO"] = "250-mx.yahoo.test\r\n250 AUTH PLAIN";
  SendRequest request = server.request();
  request.tls = SendTls::starttls;
  const auto sent = send_message(request, clock);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().detail, "STARTTLS: the server does not offer it");
  EXPECT_EQ(server.received.find("AUTH"), std::string::npos);
}

TEST(Send, TheStepThatFailedIsNamedWithTheReply) {
  const SystemClock clock;
  const struct {
    const char* word;
    const char* reply;
    Errc code;
    const char* detail;
  } cases[] = {
      {"greeting", "421 busy", Errc::overloaded, "greeting: the server said 421 busy"},
      {"AUTH", "535 5.7.8 wrong", Errc::not_allowed,
       "AUTH PLAIN ...: the server said 535 5.7.8 wrong"},
      {"RCPT", "550 5.1.1 nobody", Errc::not_allowed,
       "RCPT TO:<jerry@yahoo.test>: the server said 550 5.1.1 nobody"},
      {".", "452-4.3.1 full\r\n452 4.3.1 really", Errc::overloaded,
       "message of 25 octets: the server said 452-4.3.1 full / 452 4.3.1 really"},
      {"MAIL", "hello", Errc::bad_syntax,
       "MAIL FROM:<tom@gmail.test>: the server does not speak SMTP: hello"},
  };
  for (const auto& each : cases) {
    ScriptedServer server;
    server.script[each.word] = each.reply;
    std::vector<std::string> transcript;
    const auto sent = send_message(server.request(), clock, &transcript);
    ASSERT_FALSE(sent) << each.word;
    EXPECT_EQ(sent.error().code, each.code) << each.word;
    EXPECT_EQ(sent.error().detail, each.detail);
    EXPECT_FALSE(transcript.empty());
  }
}

TEST(Send, NothingThatCouldEndACommandGetsIntoOne) {
  const SystemClock clock;
  SendRequest request;
  request.server = "127.0.0.1:1";
  request.from = "tom@gmail.test";
  for (const char* bad : {"jerry@yahoo.test>\r\nRSET", "a b@c.test", "", "x@y.test\n"}) {
    request.recipients = {bad};
    const auto sent = send_message(request, clock);
    ASSERT_FALSE(sent) << bad;
    EXPECT_EQ(sent.error().code, Errc::invalid_argument) << bad;
  }
}

TEST(Send, WhomTheServerRefusesIsNamedAndTheOthersGetTheirMail) {
  const SystemClock clock;
  ScriptedServer server;
  SendRequest request = server.request();
  request.recipients = {"spike@yahoo.test", "jerry@yahoo.test"};
  server.script["RCPT TO:<spike@yahoo.test>"] = "550 5.1.1 nobody";
  const auto sent = send_message(request, clock);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::not_allowed);
  EXPECT_EQ(sent.error().detail,
            "RCPT TO:<spike@yahoo.test>: the server said 550 5.1.1 nobody (accepted for 1 of 2 "
            "recipients)");
  EXPECT_NE(server.received.find("\r\n..dot\r\n.\r\n"), std::string::npos);
}

TEST(Send, SizeAndEightBitContentAreDeclared) {
  const SystemClock clock;
  ScriptedServer server;
  server.script["EHLO"] =
      "250-mx\r\n250-AUTH PLAIN\r\n250-SIZE 100\r\n250-8BITMIME\r\n250 PIPELINING";
  SendRequest request = server.request();
  request.message = "Subject: h\xc3\xa9\n\n.x\r\ny";
  const auto sent = send_message(request, clock);
  ASSERT_TRUE(sent) << describe(sent.error());
  EXPECT_NE(server.received.find("MAIL FROM:<tom@gmail.test> SIZE=23 BODY=8BITMIME\r\n"),
            std::string::npos)
      << server.received;
}

TEST(Send, AServerThatHangsUpIsTold) {
  const SystemClock clock;
  ScriptedServer server;
  server.script["DATA"] = "";  // an empty line, which is no reply
  const auto garbled = send_message(server.request(), clock);
  ASSERT_FALSE(garbled);
  EXPECT_EQ(garbled.error().code, Errc::bad_syntax);
  server.script["MAIL"] = "421 4.3.2 bye";
  const auto gone = send_message(server.request(), clock);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Errc::overloaded);
  EXPECT_EQ(gone.error().detail, "MAIL FROM:<tom@gmail.test>: the server said 421 4.3.2 bye");
}

}  // namespace
}  // namespace mail::ctl
