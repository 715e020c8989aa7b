// For tests: a neighbour that says what the test wants, on a real socket, and a transaction that it
// is asked about.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/text.h"
#include "platform/net/io_thread.h"
#include "service/neighbours/neighbour.h"

namespace mail {

inline constexpr std::string_view kHeader = "From: tom@gmail.test\r\nSubject: Cheese\r\n";
inline constexpr std::string_view kBody = "Hello Jerry\r\n";

// Accepts one connection and runs a script on it, on a thread of its own.
class Peer {
 public:
  class Talk {
   public:
    explicit Talk(int fd) : fd_(fd) {}
    // Reads until all that has come ends in `end`; all of it.
    std::string read_to(std::string_view end) {
      char block[65536];
      while (!heard_.ends_with(end)) {
        const ssize_t got = ::recv(fd_, block, sizeof block, 0);
        if (got <= 0) break;
        heard_.append(block, static_cast<std::size_t>(got));
      }
      return std::exchange(heard_, {});
    }
    void say(std::string_view bytes) {
      EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }

   private:
    int fd_;
    std::string heard_;
  };
  using Script = std::function<void(Talk&)>;

  explicit Peer(Script script) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size), 0);
    address = concat("127.0.0.1:", ntohs(name.sin_port));
    if (script == nullptr) return;  // it accepts, as the kernel does, and says nothing
    thread_ = std::thread([this, script = std::move(script)] {
      const int fd = ::accept(listener_, nullptr, nullptr);
      Talk talk(fd);
      script(talk);
      ::close(fd);
    });
  }
  ~Peer() {
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::string address;

 private:
  int listener_;
  std::thread thread_;
};

class Neighbours : public testing::Test {
 protected:
  Neighbours() {
    listener_.hostname = "mx.yahoo.test";
    client_.peer.address = *IpAddress::parse("192.0.2.1");
    client_.helo = "mail.gmail.test";
    transaction_.reverse_path.mailbox = *Mailbox::parse("tom@gmail.test");
    transaction_.recipients.emplace_back(*Mailbox::parse("jerry@yahoo.test"));
    settings_.roles = {smtp::Role::mx};
    settings_.max_size = 1 << 20;
    settings_.timeout = Milliseconds{20'000};
    draft_.content = concat("Received: id ", draft_.id.to_string(), "\r\n", kHeader, "\r\n", kBody);
    draft_.header_size = static_cast<std::uint32_t>(draft_.content.size() - kBody.size());
    draft_.size = draft_.content.size();
  }

  // The whole of a transaction, asked of one judge.
  Verdict judge(Judge& judge, std::string body = std::string(kBody)) {
    const Case of{listener_, client_, transaction_, evidence_};
    const std::unique_ptr<Hearing> hearing = judge.open(of);
    EXPECT_NE(hearing, nullptr);
    return net::run_task(io_, ask(*hearing, transaction_, draft_, std::move(body)));
  }
  static Task<Verdict> ask(Hearing& hearing, const smtp::Transaction& transaction, Draft& draft,
                           std::string body) {
    Verdict verdict = co_await hearing.sender(transaction.reverse_path);
    if (!std::holds_alternative<Accept>(verdict)) co_return verdict;
    verdict = co_await hearing.recipient(transaction.recipients[0]);
    if (!std::holds_alternative<Accept>(verdict)) co_return verdict;
    co_await hearing.header(kHeader);
    co_await hearing.body(body);
    verdict = co_await hearing.message(draft);
    hearing.end_transaction();
    co_return verdict;
  }

  SystemClock clock_;
  net::IoThread io_{clock_};
  smtp::SmtpListener listener_;
  smtp::Client client_;
  smtp::Transaction transaction_;
  Evidence evidence_;
  Draft draft_;
  NeighbourSettings settings_{.name = "filter", .address = {}, .roles = {}};
};

}  // namespace mail
