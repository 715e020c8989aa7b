// STARTTLS and implicit TLS over loopback, with OpenSSL's own client on a blocking socket.
#include <chrono>

#include "platform/net/connect.h"
#include "service/smtpd/test_server.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

// A client whose every step waits for a reply line that begins with a code.
class Talk {
 public:
  Talk(net::IoThread& io, std::shared_ptr<const tls::ClientContext> context)
      : io_(io), context_(std::move(context)) {}

  Task<Result<std::string>> implicit(net::Address address) {
    MAIL_CO_TRY(net::Stream stream, co_await net::connect(io_, address, deadline()));
    MAIL_CO_TRY(co_await secure(stream));
    co_return co_await session(stream, false);
  }
  Task<Result<std::string>> starttls(net::Address address) {
    MAIL_CO_TRY(net::Stream stream, co_await net::connect(io_, address, deadline()));
    co_return co_await session(stream, true);
  }

 private:
  MonoTime deadline() const { return io_.clock().mono_now() + 10s; }

  Task<Result<void>> secure(net::Stream& stream) {
    MAIL_CO_TRY(auto cipher, context_->connect(stream.native_handle(), "mx.yahoo.test"));
    co_return co_await stream.secure(std::move(cipher), deadline());
  }
  // Reads up to the line "code text" that ends a reply.
  Task<Result<std::string>> expect(net::Stream& stream, std::string_view code) {
    std::string out;
    char bytes[4096];
    const std::string last = concat(code, ' ');
    while (!out.ends_with("\r\n") ||
           !(out.starts_with(last) || out.find(concat("\n", last)) != std::string::npos)) {
      MAIL_CO_TRY(const std::size_t got, stream.read_some(bytes));
      out.append(bytes, got);
      if (got == 0) MAIL_CO_TRY(co_await stream.readable(deadline()));
    }
    co_return out;
  }
  Task<Result<std::string>> command(net::Stream& stream, std::string line, std::string_view code) {
    MAIL_CO_TRY(co_await stream.write_all(line, deadline()));
    co_return co_await expect(stream, code);
  }
  Task<Result<std::string>> session(net::Stream& stream, bool upgrade) {
    MAIL_CO_TRY(co_await expect(stream, "220"));
    if (upgrade) {
      MAIL_CO_TRY(const std::string offered, co_await command(stream, "EHLO a.test\r\n", "250"));
      if (offered.find("STARTTLS") == std::string::npos) co_return offered;
      MAIL_CO_TRY(co_await command(stream, "STARTTLS\r\n", "220"));
      MAIL_CO_TRY(co_await secure(stream));
    }
    MAIL_CO_TRY(co_await command(stream, "EHLO a.test\r\n", "250"));
    MAIL_CO_TRY(
        co_await command(stream, "AUTH PLAIN AGplcnJ5QHlhaG9vLnRlc3QAb3BlbiBzZXNhbWU=\r\n", "235"));
    MAIL_CO_TRY(co_await command(stream, "MAIL FROM:<jerry@yahoo.test>\r\n", "250"));
    MAIL_CO_TRY(co_await command(stream, "RCPT TO:<jerry@yahoo.test>\r\n", "250"));
    MAIL_CO_TRY(co_await command(stream, "DATA\r\n", "354"));
    std::string message = "From: jerry@yahoo.test\r\n\r\n";
    for (int i = 0; i < 20'000; ++i) append(message, "line ", i, "\r\n");
    MAIL_CO_TRY(const std::string reply, co_await command(stream, message + ".\r\n", "250"));
    MAIL_CO_TRY(co_await command(stream, "QUIT\r\n", "221"));
    co_return reply;
  }

  net::IoThread& io_;
  std::shared_ptr<const tls::ClientContext> context_;
};

class TlsServerTest : public SmtpServerTest {
 protected:
  TlsServerTest() {
    const tls::PemPair pair = tls::make_self_signed("mx.yahoo.test").value();
    tls_ = *tls::ServerContext::from_pem(pair, tls::Suites::aead, "submission");
    listener_.role = smtp::Role::submission;
  }
  SystemClock real_;
  net::IoThread io_{real_};
  Talk talk_{io_, *tls::ClientContext::make({.verify = false, .ca_file = {}})};
};

TEST_F(TlsServerTest, StartTlsCarriesAWholeSession) {
  listener_.tls = smtp::TlsMode::starttls;
  start();
  const auto reply = net::run_task(io_, talk_.starttls(address()));
  ASSERT_TRUE(reply) << describe(reply.error());
  EXPECT_TRUE(reply->starts_with("250 2.0.0 ")) << *reply;
  const auto mails = inbox(jerry_);
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_NE(mails[0].find("with ESMTPSA"), std::string::npos) << mails[0].substr(0, 500);
  EXPECT_NE(mails[0].find("line 19999\r\n"), std::string::npos);
}

TEST_F(TlsServerTest, ImplicitTlsCarriesAWholeSession) {
  listener_.tls = smtp::TlsMode::implicit;
  start();
  const auto reply = net::run_task(io_, talk_.implicit(address()));
  ASSERT_TRUE(reply) << describe(reply.error());
  EXPECT_TRUE(reply->starts_with("250 2.0.0 ")) << *reply;
  EXPECT_EQ(inbox(jerry_).size(), 1U);
}

TEST_F(TlsServerTest, ImplicitTlsWantsACertificate) {
  start();
  listener_.tls = smtp::TlsMode::implicit;
  tls_ = nullptr;
  const auto applied = server_->apply({served()});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Errc::invalid_argument);
}

// RFC 3207 §4: what was sent along in the clear is never obeyed.
TEST_F(TlsServerTest, InputBehindStartTlsEndsTheSession) {
  listener_.tls = smtp::TlsMode::starttls;
  start();
  TestClient client(address());
  greet(client);
  client.send("STARTTLS\r\nNOOP\r\n");
  EXPECT_EQ(client.reply(), "554 5.5.0 Input behind a command that must be waited for");
  EXPECT_EQ(client.reply(), "");
}

TEST_F(TlsServerTest, AHandshakeThatFailsEndsTheConnection) {
  listener_.tls = smtp::TlsMode::starttls;
  start();
  TestClient client(address());
  greet(client);
  EXPECT_EQ(client.command("STARTTLS"), "220 2.0.0 Ready for TLS");
  client.send("MAIL FROM:<a@gmail.test>\r\n");
  char bytes[64];
  ssize_t got = 0;
  do {  // an alert may come first, a reply in the clear never
    got = ::recv(client.socket(), bytes, sizeof bytes, 0);
    if (got > 0) EXPECT_EQ(bytes[0], 0x15);
  } while (got > 0);
  EXPECT_TRUE(got == 0 || errno == ECONNRESET);
}

TEST_F(TlsServerTest, AHandshakeHasTenSeconds) {
  listener_.tls = smtp::TlsMode::implicit;
  start();
  TestClient client(address());
  while (server_->connections() == 0) sweep();
  sweep();  // the thread that took it has gone on: the handshake waits
  clock_.advance(10s);
  sweep();
  EXPECT_EQ(client.reply(), "");
}

}  // namespace
}  // namespace mail
