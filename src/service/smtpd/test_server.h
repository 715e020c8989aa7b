// A server on two I/O threads with a store in memory, and a blocking client, for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "platform/net/io_thread.h"
#include "platform/password/password.h"
#include "service/policy/local_limits.h"
#include "service/smtpd/smtpd.h"
#include "service/store/model_mail_store.h"

namespace mail {

// Blocks; a server that does not answer within ten seconds fails the test.
// Nothing is sent here.
struct NoNotices final : NoticePolicy {
  std::optional<record::Notice> decide(record::Notice, const Recipient&,
                                       const MailOptions&) override {
    return std::nullopt;
  }
  void due(const std::vector<MessageId>&) override {}
};
struct NoSender final : EnqueuedSink {
  void enqueued(Enqueued) override {}
};

class TestClient {
 public:
  explicit TestClient(const net::Address& address) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &name.sin_addr);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  }
  ~TestClient() { ::close(socket_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return;  // the server hung up; what it said is still to be read
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  // One whole reply, its lines joined by LF, without CRLF; "" when the server has closed.
  std::string reply() {
    std::string out;
    for (;;) {
      const std::string line = read_line();
      if (line.empty()) return out;
      out += out.empty() ? line : "\n" + line;
      if (line.size() < 4 || line[3] != '-') return out;
    }
  }
  std::string command(std::string_view line) {
    send(concat(line, "\r\n"));
    return reply();
  }
  int socket() const { return socket_; }

 private:
  std::string read_line() {
    for (;;) {
      if (const std::size_t end = read_.find("\r\n"); end != std::string::npos) {
        std::string line = read_.substr(0, end);
        read_.erase(0, end + 2);
        return line;
      }
      char bytes[4096];
      const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
      EXPECT_TRUE(got >= 0 || errno == ECONNRESET) << "the server says nothing";
      if (got <= 0) return {};
      read_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  int socket_;
  std::string read_;
};

class SmtpServerTest : public testing::Test {
 protected:
  static constexpr std::string_view kPassword = "open sesame";

  SmtpServerTest() {
    char pattern[] = "/tmp/mailwright-smtpd-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    control_ = std::move(*ControlStore::open(folder_ / "control.db"));
    EXPECT_TRUE(control_->add_domain(*Domain::parse("yahoo.test"), ""));
    jerry_ = add_account("jerry@yahoo.test", std::nullopt);
    authenticator_ = std::make_unique<Authenticator>(*control_, pool_, clock_);
    spool_ = std::make_unique<Spool>(store_, *control_, clock_, outgoing_, notices_);
    listener_.address = "127.0.0.1:0";
    listener_.hostname = "mx.yahoo.test";
    listener_.tls = smtp::TlsMode::none;
  }
  ~SmtpServerTest() override {
    server_.reset();
    for (auto& thread : threads_) thread.stop();
    for (auto& thread : threads_) thread.join();
    control_.reset();
    std::filesystem::remove_all(folder_);
  }

  AccountId add_account(std::string_view address, std::optional<std::uint64_t> quota) {
    static const std::string hash = password::hash(std::string(kPassword)).value();
    return control_->add_account(*Mailbox::parse(address), hash, quota).value();
  }
  ServedListener served() {
    return {std::make_shared<const smtp::SmtpListener>(listener_),
            std::make_shared<const Routes>(routes_),
            std::make_shared<const std::vector<IpNetwork>>(relay_networks_), tls_, limits_};
  }
  void start() {
    serve();
    for (auto& thread : threads_) thread.start("smtp");
  }
  void serve() {
    server_ = std::make_unique<SmtpServer>(
        std::vector<net::IoThread*>{&threads_[0], &threads_[1]},
        Services{store_, *control_, *authenticator_, judges_, *spool_, buckets_, clock_});
    const auto applied = server_->apply({served()});
    ASSERT_TRUE(applied) << describe(applied.error());
  }
  net::Address address() const { return server_->addresses().at(0); }
  // Runs what is posted to both threads, and the sweep of deadlines.
  void sweep() {
    for (auto& thread : threads_) {
      thread.sweep_now();
      std::promise<void> swept;
      thread.post([&] { swept.set_value(); });
      swept.get_future().wait();
    }
  }
  static std::string greet(TestClient& client) {
    std::string greeting = client.reply();
    client.command("EHLO mail.gmail.test");
    return greeting;
  }
  // The messages in an account's INBOX, as they are stored.
  std::vector<std::string> inbox(AccountId account) {
    LoopExecutor loop;
    std::vector<std::string> out;
    for (const auto& box : block_on(loop, store_.mailboxes(account)).value()) {
      for (const auto& entry : block_on(loop, store_.entries(box.id, Uid{0}, 1000)).value()) {
        const auto envelope = block_on(loop, store_.envelope(entry.message)).value();
        std::string content = entry.added_fields;
        while (content.size() < entry.added_fields.size() + envelope.size) {
          content += block_on(loop, store_.read_body(envelope.body,
                                                     content.size() - entry.added_fields.size()))
                         .value();
        }
        out.push_back(std::move(content));
      }
    }
    return out;
  }

  ManualClock clock_{WallTime{Milliseconds{1'795'299'348'123}}};
  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> control_;
  AccountId jerry_;
  ModelMailStore store_{clock_};
  std::vector<Judge*> judges_;
  WorkerPool pool_{1, 16};
  LocalLimits buckets_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Spool> spool_;
  net::IoThread threads_[2] = {net::IoThread(clock_), net::IoThread(clock_)};
  smtp::SmtpListener listener_;
  Routes routes_;
  NoSender outgoing_;
  NoNotices notices_;
  std::vector<IpNetwork> relay_networks_;
  std::shared_ptr<const tls::ServerContext> tls_;
  SmtpLimits limits_;
  std::unique_ptr<SmtpServer> server_;
};

}  // namespace mail
