// Sessions that end elsewhere, with a scripted next hop on loopback; time is injected.
#include <gtest/gtest.h>

#include <cerrno>

#include "service/end_to_end/next_hops.h"
#include "service/outbound/test_hop.h"
#include "service/smtpd/test_server.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

struct NoDns final : dns::Resolver {
  Task<dns::Answer> ask(std::string, dns::Type, MonoTime) override { co_return dns::Answer{}; }
};
// What null MX (RFC 7505) looks like.
struct NullMx final : dns::Resolver {
  Task<dns::Answer> ask(std::string name, dns::Type type, MonoTime) override {
    dns::Answer answer;
    answer.kind = dns::Answer::Kind::no_data;
    answer.canonical_name = std::move(name);
    if (type == dns::Type::mx) {
      answer.kind = dns::Answer::Kind::found;
      answer.records = {std::string("\0\0\0", 3)};
    }
    co_return answer;
  }
};

struct OneMind final : Judge {
  explicit OneMind(Verdict the_verdict) : verdict(std::move(the_verdict)) {}
  std::unique_ptr<Hearing> open(const Case&) override { return std::make_unique<Voice>(verdict); }
  struct Voice final : Hearing {
    explicit Voice(const Verdict& said_now) : said(said_now) {}
    Task<Verdict> message(Draft&) override { co_return said; }
    const Verdict& said;
  };
  Verdict verdict;
};

class EndToEnd : public SmtpServerTest {
 protected:
  EndToEnd() {
    listener_.role = smtp::Role::relay;
    listener_.mode = smtp::Mode::end_to_end;
    relay_networks_ = {*IpNetwork::parse("127.0.0.0/8")};
  }
  ~EndToEnd() override {
    server_.reset();
    sender_.reset();
  }
  void start_with(const TestHop* hop, dns::Resolver& resolver) {
    if (hop != nullptr) {
      auto route = std::make_shared<Route>();
      route->kind = Route::Kind::smtp;
      route->host = "127.0.0.1";
      route->port = hop->port();
      routes_ = Routes({{"away.test", std::move(route)}}, {});
    }
    hops_ = std::make_unique<NextHops>(resolver, random_, clock_,
                                       std::make_shared<const mx::MxWorld>());
    std::vector<net::IoThread*> threads{&threads_[0], &threads_[1]};
    SenderSettings settings;
    settings.hostname = "mx.yahoo.test";
    sender_ = std::move(*Sender::make(threads, store_, clock_, courier_events_, settings));
    hops_->start(*sender_, 1000);
    server_ = std::make_unique<SmtpServer>(
        std::move(threads), Services{store_, *control_, *authenticator_, judges_, *spool_, buckets_,
                                     clock_, hops_.get()});
    const auto applied = server_->apply({served()});
    ASSERT_TRUE(applied) << describe(applied.error());
    for (auto& thread : threads_) thread.start("smtp");
  }
  void start_with(const TestHop& hop) { start_with(&hop, no_dns_); }

  // Up to 354.
  static void begin(TestClient& client, std::string_view recipient = "bob@away.test") {
    EXPECT_TRUE(client.command("MAIL FROM:<tom@gmail.test>").starts_with("250 "));
    EXPECT_EQ(client.command(concat("RCPT TO:<", recipient, ">")), "250 2.1.5 ok");
    EXPECT_TRUE(client.command("DATA").starts_with("354 "));
  }
  static std::string send_one(TestClient& client) {
    begin(client);
    return client.command("From: tom@gmail.test\r\nSubject: hi\r\n\r\nhello\r\n.");
  }
  static bool says_nothing(const TestClient& client) {
    char byte = 0;
    return ::recv(client.socket(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
  }
  std::vector<record::Event> events() {
    LoopExecutor loop;
    std::vector<record::Event> out;
    const auto rows = block_on(loop, store_.events_after(EventSeq{0}, 1000)).value();
    for (const SequencedEvent& each : rows) out.push_back(each.event);
    return out;
  }

  NoDns no_dns_;
  SystemRandom random_;
  TestEvents courier_events_;
  std::unique_ptr<NextHops> hops_;
  std::unique_ptr<Sender> sender_;
};

TEST_F(EndToEnd, TheHopsWordIsTheClientsAndCountsAsDelivered) {
  TestHop hop({});
  start_with(hop);
  TestClient client(address());
  greet(client);
  EXPECT_EQ(send_one(client), "250 2.0.0 taken");
  ASSERT_EQ(hop.contents().size(), 1U);
  EXPECT_TRUE(hop.contents()[0].starts_with("Received: from mail.gmail.test"));
  const auto told = events();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].kind, record::EventKind::received);
  EXPECT_EQ(told[1].kind, record::EventKind::delivered);
  EXPECT_EQ(told[1].recipient, "bob@away.test");
  const Counters counters = store_.counters();
  EXPECT_EQ(counters.accepted, 1);
  EXPECT_EQ(counters.delivered, 1);
}

TEST_F(EndToEnd, AHopThatIsSilentBehindTheDotIsGivenUpAfterFiveMinutes) {
  TestHop hop({}, {{".", "mute"}});
  start_with(hop);
  TestClient client(address());
  greet(client);
  begin(client);
  client.send("From: tom@gmail.test\r\n\r\nhello\r\n.\r\n");
  hop.wait_for_contents(1);
  clock_.advance(299s);
  sweep();
  EXPECT_TRUE(says_nothing(client));
  clock_.advance(2s);
  sweep();
  EXPECT_TRUE(client.reply().starts_with("451 4.4.2 "));
  EXPECT_TRUE(events().empty());
  EXPECT_EQ(store_.counters(), Counters{});
}

TEST_F(EndToEnd, AHopThatIsSilentAtRcptIsNotReached) {
  TestHop hop({}, {{"RCPT", "mute"}});
  start_with(hop);
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test>");
  client.send("RCPT TO:<bob@away.test>\r\n");
  hop.wait_for("RCPT");
  clock_.advance(61s);
  sweep();
  EXPECT_TRUE(client.reply().starts_with("451 4.4.1 "));
}

TEST_F(EndToEnd, WhatAJudgeSaysIsSaidBeforeTheHopHearsOfContent) {
  OneMind judge{Reject{"spam"}};
  judges_ = {&judge};
  TestHop hop({});
  start_with(hop);
  TestClient client(address());
  greet(client);
  EXPECT_TRUE(send_one(client).starts_with("550 5.7.1 "));
  judge.verdict = Defer{"busy"};
  EXPECT_TRUE(send_one(client).starts_with("451 4.3.0 "));
  judge.verdict = Hold{"look at it"};  // nothing can be held: the client keeps it
  EXPECT_TRUE(send_one(client).starts_with("451 4.3.0 "));
  EXPECT_TRUE(events().empty());
  judge.verdict = Discard{"a loop of reports"};
  EXPECT_TRUE(send_one(client).starts_with("250 2.0.0 "));
  EXPECT_EQ(store_.counters().discarded, 1);
  EXPECT_EQ(hop.count("DATA"), 0U);
  judge.verdict = Accept{.added_fields = "X-Judge: fine\r\n", .tags = {}, .folder = ""};
  EXPECT_EQ(send_one(client), "250 2.0.0 taken");
  EXPECT_TRUE(hop.contents().at(0).starts_with("X-Judge: fine\r\nReceived: "));
  EXPECT_EQ(hop.connections(), 1);
  EXPECT_EQ(hop.count("RSET"), 4U);
}

TEST_F(EndToEnd, ARecordThatFailsDoesNotUnsayTheHopsWord) {
  TestHop hop({});
  start_with(hop);
  TestClient client(address());
  greet(client);
  begin(client);
  store_.fail_next_commit(Errc::store_unhealthy);
  EXPECT_EQ(client.command("From: tom@gmail.test\r\n\r\nhello\r\n."), "250 2.0.0 taken");
  EXPECT_TRUE(events().empty());
}

TEST_F(EndToEnd, ALargeMessageIsStagedAndGone) {
  TestHop hop({});
  start_with(hop);
  TestClient client(address());
  greet(client);
  begin(client);
  std::string content = "From: tom@gmail.test\r\n\r\n";
  while (content.size() < 3 * smtp::kStageChunk + 1000) content += "0123456789abcdef\r\n";
  client.send(content);
  EXPECT_EQ(client.command("."), "250 2.0.0 taken");
  EXPECT_TRUE(hop.contents().at(0).ends_with(content));
  LoopExecutor loop;
  const auto envelope = block_on(loop, store_.envelope(events().at(0).message)).value();
  EXPECT_TRUE(std::holds_alternative<record::NoBody>(envelope.body));
  EXPECT_EQ(envelope.size, hop.contents()[0].size());
  EXPECT_FALSE(block_on(loop, store_.read_staged(envelope.id, 1)));
}

TEST_F(EndToEnd, ADomainThatTakesNoMailIsRefusedForGood) {
  NullMx null_mx;
  start_with(nullptr, null_mx);
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test>");
  EXPECT_TRUE(client.command("RCPT TO:<bob@away.test>").starts_with("550 5.1.10 "));
}

TEST_F(EndToEnd, WhatDnsDoesNotKnowNowMayGoLater) {
  start_with(nullptr, no_dns_);
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test>");
  EXPECT_TRUE(client.command("RCPT TO:<bob@away.test>").starts_with("451 4.4.1 "));
}

TEST_F(EndToEnd, AStopDoesNotWaitForAHopForEver) {
  TestHop hop({}, {{".", "mute"}});
  start_with(hop);
  TestClient client(address());
  greet(client);
  begin(client);
  client.send("From: tom@gmail.test\r\n\r\nhello\r\n.\r\n");
  hop.wait_for_contents(1);
  server_->stop(Milliseconds{0});  // cuts what is left
  EXPECT_TRUE(events().empty());
}

}  // namespace
}  // namespace mail
