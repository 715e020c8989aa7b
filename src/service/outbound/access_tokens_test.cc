// Tokens from a real https server on loopback, and from a program.
#include "service/outbound/access_tokens.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include "base/executor.h"
#include "base/text.h"
#include "platform/net/io_thread.h"
#include "platform/net/listener.h"
#include "platform/tls/context.h"
#include "platform/tls/self_signed.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

class Issuer : public testing::Test {
 protected:
  Issuer() {
    char pattern[] = "/tmp/mailwright-issuer-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    const auto pair = tls::make_self_signed("127.0.0.1").value();
    std::ofstream(folder_ / "ca.pem") << pair.certificate;
    tls_ = *tls::ServerContext::from_pem(pair, tls::Suites::aead, "issuer");
    net::IoThread* const threads[] = {&io_};
    listener_ = std::move(*net::Listener::tcp(threads, net::Address{"127.0.0.1", 0}));
    listener_->start(
        [this](std::size_t, net::Stream stream) { tasks_.spawn(serve(std::move(stream))); });
    io_.start("issuer");
    login_.user = "tom";
    login_.token_url = concat("https://", listener_->address().text(), "/token");
    login_.client_id = "id";
    login_.client_secret = "a&b";
    login_.refresh_token = "refresh";
  }
  ~Issuer() override {
    listener_->stop();
    std::promise<void> idle;
    io_.post([&] { wait_idle(&idle); });
    idle.get_future().wait();
    io_.stop();
    io_.join();
    std::filesystem::remove_all(folder_);
  }
  Result<std::string> token(AccessTokens& tokens, const RouteLogin& login) {
    LoopExecutor loop;
    return block_on(loop, tokens.token(login));
  }

  std::string answer_ = R"({"access_token":"t0ken","expires_in":3600})";
  std::string status_ = "200 OK";
  std::string heard_;
  int asked_ = 0;
  std::filesystem::path folder_;
  RouteLogin login_;
  ManualClock clock_{WallTime{}};

 private:
  Task<void> serve(net::Stream stream) { (void)(co_await converse(stream)).has_value(); }
  Task<Result<void>> converse(net::Stream& stream) {
    const MonoTime deadline = real_.mono_now() + 1h;
    MAIL_CO_TRY(auto cipher, tls_->accept(stream.native_handle()));
    MAIL_CO_TRY(co_await stream.secure(std::move(cipher), deadline));
    std::string request;
    char bytes[4096];
    while (request.find("refresh_token=refresh") == std::string::npos) {
      MAIL_CO_TRY(const std::size_t got, stream.read_some(bytes));
      if (got == 0) MAIL_CO_TRY(co_await stream.readable(deadline));
      request.append(bytes, got);
    }
    heard_ = request;
    ++asked_;
    const std::string reply = concat("HTTP/1.1 ", status_, "\r\nContent-Length: ", answer_.size(),
                                     "\r\nConnection: close\r\n\r\n", answer_);
    co_return co_await stream.write_all(reply, deadline);
  }
  void wait_idle(std::promise<void>* idle) {
    if (tasks_.size() == 0) return idle->set_value();
    io_.post([this, idle] { wait_idle(idle); });
  }

  SystemClock real_;
  std::shared_ptr<const tls::ServerContext> tls_;
  TaskSet tasks_;
  net::IoThread io_{real_};
  std::unique_ptr<net::Listener> listener_;
};

TEST_F(Issuer, ChangesARefreshTokenAndItsTokenIsKeptUntilItEnds) {
  AccessTokens tokens(clock_, folder_ / "ca.pem");
  const auto first = token(tokens, login_);
  ASSERT_TRUE(first) << describe(first.error());
  EXPECT_EQ(*first, "t0ken");
  EXPECT_NE(heard_.find("grant_type=refresh_token"), std::string::npos) << heard_;
  EXPECT_NE(heard_.find("client_secret=a%26b"), std::string::npos) << heard_;
  clock_.advance(3539s);
  EXPECT_TRUE(token(tokens, login_));
  EXPECT_EQ(asked_, 1);
  clock_.advance(2s);
  EXPECT_TRUE(token(tokens, login_));
  EXPECT_EQ(asked_, 2) << "a minute before its end";
  tokens.forget(login_);
  EXPECT_TRUE(token(tokens, login_));
  EXPECT_EQ(asked_, 3);
}

TEST_F(Issuer, SaysNoAndIsQuoted) {
  status_ = "400 Bad Request";
  answer_ = R"({"error":"invalid_grant"})";
  AccessTokens tokens(clock_, folder_ / "ca.pem");
  const auto refused = token(tokens, login_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail,
            concat(login_.token_url, ": the issuer gave no token: status 400, invalid_grant"));
  answer_ = std::string(100'000, 'x');
  EXPECT_EQ(token(tokens, login_).error().code, Errc::too_large);
}

TEST_F(Issuer, IsBelievedOnlyWithItsCertificateAndByHttps) {
  AccessTokens tokens(clock_, {});
  EXPECT_EQ(token(tokens, login_).error().code, Errc::tls_failed);
  login_.token_url.erase(4, 1);  // http:
  EXPECT_EQ(token(tokens, login_).error().code, Errc::invalid_argument);
}

TEST(IssuedToken, IsReadStrictly) {
  EXPECT_EQ(parse_issued_token(200, R"({"access_token":"a"})")->token, "a");
  EXPECT_EQ(parse_issued_token(200, R"({"access_token":"a","expires_in":-5})")->lasts, 0s);
  for (const char* bad : {"", "[]", R"({"access_token":""})", R"({"access_token":5})",
                          R"({"access_token":"a","error":"x"})"}) {
    EXPECT_FALSE(parse_issued_token(200, bad)) << bad;
  }
}

}  // namespace
}  // namespace mail
