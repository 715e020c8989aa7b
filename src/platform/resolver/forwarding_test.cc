// The resolver with forwarders that misbehave.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "platform/resolver/resolver_client.h"
#include "platform/resolver/unbound_resolver.h"

namespace mail::dns {
namespace {

using Kind = Answer::Kind;

// A forwarder that does what the test says to each datagram, on a port of the kernel's choice.
class Forwarder {
 public:
  using Script = std::function<std::string(std::string query)>;  // empty: silence
  explicit Forwarder(Script script)
      : script_(std::move(script)), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    server_ = concat("127.0.0.1:", ntohs(address.sin_port));
    EXPECT_EQ(::pipe2(stop_.data(), O_CLOEXEC), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Forwarder() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(socket_);
  }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  const std::string& server() const { return server_; }

  // The query as an answer with these flags in the third and fourth octet, and one A record for it
  // where there is no error; without the query's EDNS.
  static std::string answer(const std::string& query, std::uint16_t flags) {
    std::size_t end = 12;
    while (query[end] != 0) end += 1 + static_cast<std::uint8_t>(query[end]);
    end += 5;
    const bool found = (flags & 0xF) == 0 && query.substr(end - 4, 4) == std::string("\0\1\0\1", 4);
    std::string text = query.substr(0, 2);
    append(text, static_cast<char>(flags >> 8), static_cast<char>(flags & 0xFF),
           std::string(found ? "\0\1\0\1\0\0\0\0" : "\0\1\0\0\0\0\0\0", 8),
           query.substr(12, end - 12));
    if (found) append(text, std::string("\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4\xC0\0\2\7", 16));
    return text;
  }

 private:
  void serve() {
    for (;;) {
      std::array<pollfd, 2> files{{{socket_, POLLIN, 0}, {stop_[0], POLLIN, 0}}};
      ::poll(files.data(), files.size(), -1);
      if (files[1].revents != 0) return;
      std::string query(65536, '\0');
      sockaddr_in client{};
      socklen_t size = sizeof client;
      auto* const to = reinterpret_cast<sockaddr*>(&client);
      const ssize_t length = ::recvfrom(socket_, query.data(), query.size(), 0, to, &size);
      if (length < 12) continue;
      query.resize(static_cast<std::size_t>(length));
      const std::string reply = script_(query);
      if (!reply.empty()) ::sendto(socket_, reply.data(), reply.size(), 0, to, size);
    }
  }

  Script script_;
  int socket_;
  std::array<int, 2> stop_{};
  std::string server_;
  std::thread thread_;
};

constexpr std::uint16_t kGood = 0x8180;       // response, recursion desired and available
constexpr std::uint16_t kTruncated = 0x8380;  // ... and truncated
constexpr std::uint16_t kServfail = 0x8182;

std::string good(const std::string& query) { return Forwarder::answer(query, kGood); }

TEST(Forwarding, AsksTheServerGiven) {
  const Forwarder server(good);
  Client client(forward_to({server.server()}));
  const Answer answer = client.ask("mx.yahoo.test");
  EXPECT_EQ(answer.kind, Kind::found) << answer.why;
  EXPECT_EQ(answer.records, std::vector<std::string>{std::string("\xC0\0\2\7", 4)});
  EXPECT_FALSE(answer.secure) << "it strips DNSSEC";
}

TEST(Forwarding, OneDeadServerDoesNotStopTheOther) {
  const Forwarder dead([](const std::string&) { return std::string(); });
  const Forwarder alive(good);
  Client client(forward_to({dead.server(), alive.server()}));
  for (int i = 0; i < 20; ++i) {
    const Answer answer = client.ask(concat('h', i, ".test"));
    EXPECT_EQ(answer.kind, Kind::found) << i << ": " << answer.why;
  }
}

TEST(Forwarding, SilenceFailsAtTheDeadline) {
  const Forwarder silent([](const std::string&) { return std::string(); });
  Client client(forward_to({silent.server()}));
  const MonoTime begin = MonoTime::clock::now();
  const Answer answer = client.ask("mx.yahoo.test", Type::a, 400ms);
  const auto took = MonoTime::clock::now() - begin;
  EXPECT_EQ(answer.kind, Kind::failed);
  EXPECT_GE(took, 400ms);
  EXPECT_LE(took, 1400ms);
}

TEST(Forwarding, WhatIsNoAnswerToTheQuestionIsNeverOne) {
  const std::vector<std::pair<std::string_view, Forwarder::Script>> scripts{
      {"SERVFAIL", [](const std::string& query) { return Forwarder::answer(query, kServfail); }},
      {"another id",
       [](std::string query) {
         query[0] = static_cast<char>(query[0] ^ 1);
         return good(query);
       }},
      {"another name",
       [](std::string query) {
         std::string answer = good(query);
         answer[13] = static_cast<char>(answer[13] ^ 1);
         return answer;
       }},
      {"truncated, and no TCP there",
       [](const std::string& query) { return Forwarder::answer(query, kTruncated); }},
      {"a query", [](const std::string& query) { return query; }},
      {"cut off", [](const std::string& query) { return good(query).substr(0, 20); }},
      {"noise",
       [](const std::string& query) { return query.substr(0, 2) + std::string(60, '\xFF'); }},
  };
  for (const auto& [name, script] : scripts) {
    const Forwarder server(script);
    Client client(forward_to({server.server()}));
    const Answer answer = client.ask("mx.yahoo.test", Type::a, 500ms);
    EXPECT_EQ(answer.kind, Kind::failed) << name;
    EXPECT_TRUE(answer.records.empty()) << name;
    EXPECT_FALSE(answer.why.empty()) << name;
  }
}

TEST(Forwarding, TheProbeSaysWhenItDoesNotWork) {
  const Forwarder refusing(
      [](const std::string& query) { return Forwarder::answer(query, kServfail); });
  const Probe probe = Client(forward_to({refusing.server()})).probe();
  EXPECT_FALSE(probe.works);
  EXPECT_NE(probe.sentence.find("[dns] servers"), std::string::npos) << probe.sentence;
}

}  // namespace
}  // namespace mail::dns
