// The server over loopback: what the driver adds to the session (waiting, storing, limits, end).
#include <poll.h>

#include <chrono>

#include "base/base64.h"
#include "service/routing/test_routes.h"
#include "service/smtpd/test_server.h"

namespace mail {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kMessage =
    "From: tom@gmail.test\r\nDate: Sat, 21 Nov 2026 22:15:48 +0000\r\nSubject: hi\r\n\r\n";

std::string transaction(std::string_view recipient, std::string_view body) {
  return concat("MAIL FROM:<tom@gmail.test>\r\nRCPT TO:<", recipient, ">\r\nDATA\r\n") +
         concat("", body);
}

TEST_F(SmtpServerTest, AMessageIsInTheMailboxWhenItIsAcknowledged) {
  start();
  TestClient client(address());
  EXPECT_EQ(client.reply(), "220 mx.yahoo.test ESMTP Mailwright");
  EXPECT_TRUE(client.command("EHLO mail.gmail.test").starts_with("250-mx.yahoo.test"));
  EXPECT_EQ(client.command("MAIL FROM:<tom@gmail.test>"), "250 2.1.0 Sender taken");
  EXPECT_EQ(client.command("RCPT TO:<jerry@yahoo.test>"), "250 2.1.5 Recipient taken");
  EXPECT_TRUE(client.command("DATA").starts_with("354 "));
  const std::string reply = client.command(concat(kMessage, "Hello\r\n..dot\r\n."));
  ASSERT_TRUE(reply.starts_with("250 2.0.0 ")) << reply;
  const auto mails = inbox(jerry_);
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_NE(mails[0].find(concat("id ", reply.substr(10))), std::string::npos) << mails[0];
  EXPECT_TRUE(mails[0].ends_with(concat(kMessage, "Hello\r\n.dot\r\n"))) << mails[0];
  EXPECT_EQ(client.command("QUIT"), "221 2.0.0 Bye");
  EXPECT_EQ(client.reply(), "");
}

TEST_F(SmtpServerTest, PipelinedGroupsGetTheirRepliesInOrder) {
  start();
  TestClient client(address());
  greet(client);
  for (int i = 0; i < 3; ++i) {
    client.send(transaction("jerry@yahoo.test", ""));
    EXPECT_TRUE(client.reply().starts_with("250 2.1.0"));
    EXPECT_TRUE(client.reply().starts_with("250 2.1.5"));
    EXPECT_TRUE(client.reply().starts_with("354 "));
    // RFC 2920 §3.1: the next transaction may begin right behind the dot.
    client.send(concat(kMessage, i, "\r\n.\r\nRSET\r\nMAIL FROM:<a@gmail.test>\r\nRSET\r\n"));
    EXPECT_TRUE(client.reply().starts_with("250 2.0.0 "));
    EXPECT_EQ(client.reply(), "250 2.0.0 Reset");
    EXPECT_TRUE(client.reply().starts_with("250 2.1.0"));
    EXPECT_EQ(client.reply(), "250 2.0.0 Reset");
  }
  EXPECT_EQ(inbox(jerry_).size(), 3U);
}

TEST_F(SmtpServerTest, ABodyLargerThanMemoryMayHoldArrivesWhole) {
  start();
  TestClient client(address());
  greet(client);
  client.send(transaction("jerry@yahoo.test", ""));
  for (int i = 0; i < 3; ++i) client.reply();
  std::string body(kMessage);
  for (int line = 0; line < 20'000; ++line) append(body, "line ", line, " of a long message\r\n");
  client.send(concat(body, ".\r\n"));
  EXPECT_TRUE(client.reply().starts_with("250 2.0.0 "));
  const auto mails = inbox(jerry_);
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_TRUE(mails[0].ends_with(body));
}

TEST_F(SmtpServerTest, NoFormOfAddressOpensARelay) {
  ASSERT_TRUE(control_->add_alias("@yahoo.test", {"jerry@yahoo.test"}));
  start();
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test>");
  for (const char* recipient :
       {"victim@elsewhere.test", "@yahoo.test:victim@elsewhere.test",
        "victim%elsewhere.test@yahoo.test", "elsewhere.test!victim@yahoo.test",
        "\"victim@elsewhere.test\"@yahoo.test", "victim@[192.0.2.7]", "victim@[127.0.0.1]"}) {
    EXPECT_TRUE(client.command(concat("RCPT TO:<", recipient, ">")).starts_with("550 5.7.1"))
        << recipient;
  }
  EXPECT_EQ(client.command("RCPT TO:<anybody@yahoo.test>"), "250 2.1.5 Recipient taken");
}

TEST_F(SmtpServerTest, OnlyWhoMayRelayReachesARouteElsewhere) {
  routes_ = routes_of({{"hold.test", Route::Kind::hold}});
  listener_.role = smtp::Role::relay;
  start();
  const auto ask = [&](const char* recipient) {
    TestClient client(address());
    greet(client);
    client.command("MAIL FROM:<tom@gmail.test>");
    return client.command(concat("RCPT TO:<", recipient, ">")).substr(0, 9);
  };
  EXPECT_EQ(ask("x@hold.test"), "550 5.7.1");
  relay_networks_.push_back(*IpNetwork::parse("127.0.0.0/8"));
  ASSERT_TRUE(server_->apply({served()}));
  EXPECT_EQ(ask("x@hold.test"), "250 2.1.5");
  EXPECT_EQ(ask("x@elsewhere.test"), "250 2.1.5");  // by MX
}

TEST_F(SmtpServerTest, AFullMailboxIsToldAtRcptButPostmasterIsAlwaysTaken) {
  add_account("full@yahoo.test", 0);
  add_account("small@yahoo.test", 2000);
  start();
  TestClient client(address());
  greet(client);
  client.command("MAIL FROM:<tom@gmail.test> SIZE=1000");
  EXPECT_EQ(client.command("RCPT TO:<full@yahoo.test>"), "452 4.2.2 Mailbox full");
  EXPECT_EQ(client.command("RCPT TO:<small@yahoo.test>"), "250 2.1.5 Recipient taken");
  client.command("RSET");
  client.command("MAIL FROM:<tom@gmail.test> SIZE=3000");
  EXPECT_EQ(client.command("RCPT TO:<small@yahoo.test>"), "452 4.2.2 Mailbox full");
  EXPECT_EQ(client.command("RCPT TO:<nobody@yahoo.test>"), "550 5.1.1 No such mailbox");
  EXPECT_EQ(client.command("RCPT TO:<PostMaster>"), "250 2.1.5 Recipient taken");
}

TEST_F(SmtpServerTest, AFailedCommitIsNotAcknowledged) {
  start();
  TestClient client(address());
  greet(client);
  store_.fail_next_commit(Errc::store_unhealthy);
  client.send(transaction("jerry@yahoo.test", ""));
  for (int i = 0; i < 3; ++i) client.reply();
  EXPECT_EQ(client.command(concat(kMessage, "x\r\n.")),
            "451 4.3.0 Not possible now, try again later");
  EXPECT_TRUE(inbox(jerry_).empty());
}

TEST_F(SmtpServerTest, AStoreThatIsNotWellOrFullIsTold) {
  start();
  TestClient client(address());
  greet(client);
  store_.set_storage_low(true);
  EXPECT_EQ(client.command("MAIL FROM:<tom@gmail.test>"), "452 4.3.1 Not enough space");
  store_.set_storage_low(false);
  store_.set_healthy(false);
  EXPECT_EQ(client.command("MAIL FROM:<tom@gmail.test>"),
            "451 4.3.0 Not possible now, try again later");
  TestClient late(address());
  EXPECT_EQ(late.reply(), "421 mx.yahoo.test Service not available, closing");
  EXPECT_EQ(late.reply(), "");
}

TEST_F(SmtpServerTest, ClientsHaveLimitsButNotThoseOfRelayNetworks) {
  limits_.connections_per_client = 2;
  limits_.messages_per_minute = 1;
  start();
  {
    TestClient one(address());
    TestClient two(address());
    greet(one);
    greet(two);
    TestClient three(address());
    EXPECT_TRUE(three.reply().starts_with("421 mx.yahoo.test "));
    EXPECT_EQ(three.reply(), "");
    EXPECT_TRUE(one.command("MAIL FROM:<a@gmail.test>").starts_with("250 "));
    EXPECT_TRUE(two.command("MAIL FROM:<a@gmail.test>").starts_with("421 4.7.0"));
  }
  relay_networks_.push_back(*IpNetwork::parse("127.0.0.1"));
  ASSERT_TRUE(server_->apply({served()}));
  std::vector<std::unique_ptr<TestClient>> many;
  for (int i = 0; i < 5; ++i) {
    many.push_back(std::make_unique<TestClient>(address()));
    EXPECT_TRUE(greet(*many.back()).starts_with("220 "));
    EXPECT_TRUE(many.back()->command("MAIL FROM:<a@gmail.test>").starts_with("250 "));
  }
}

TEST_F(SmtpServerTest, TheRateOfConnectionsAndTheirNumberAreLimited) {
  limits_.connections_per_minute = 2;
  start();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(TestClient(address()).reply().starts_with("220 "));
  EXPECT_TRUE(TestClient(address()).reply().starts_with("421 "));
  clock_.advance(30s);
  EXPECT_TRUE(TestClient(address()).reply().starts_with("220 "));
  limits_.max_connections = 0;
  limits_.connections_per_minute = 1000;
  ASSERT_TRUE(server_->apply({served()}));
  EXPECT_TRUE(TestClient(address()).reply().starts_with("421 "));
}

TEST_F(SmtpServerTest, NetworksHaveLimitsBesideTheirClients) {
  limits_.connections_per_network = 2;
  limits_.network_messages_per_minute = 3;
  start();
  TestClient one(address());
  TestClient two(address());
  greet(one);
  greet(two);
  EXPECT_TRUE(TestClient(address()).reply().starts_with("421 "));
  for (TestClient* client : {&one, &two, &one}) {
    EXPECT_TRUE(client->command("MAIL FROM:<a@gmail.test>").starts_with("250 "));
    client->command("RSET");
  }
  EXPECT_TRUE(one.command("MAIL FROM:<a@gmail.test>").starts_with("421 4.7.0"));
  clock_.advance(20s);  // one more every twenty seconds
  EXPECT_TRUE(two.command("MAIL FROM:<a@gmail.test>").starts_with("250 "));
}

TEST(ClientKeys, AClientIsAnAddressOrA64AndItsNetworkA24OrA48) {
  const auto keys = [](std::string_view address) { return keys_of(*IpAddress::parse(address)); };
  EXPECT_EQ(keys("192.0.2.7").client, "192.0.2.7");
  EXPECT_EQ(keys("192.0.2.7").network, "192.0.2.0/24");
  EXPECT_EQ(keys("2001:db8:1:2:3:4:5:6").client, "2001:db8:1:2::");
  EXPECT_EQ(keys("2001:db8:1:2:3:4:5:6").network, "2001:db8:1::/48");
}

class Networks : public testing::Test {
 protected:
  using Admission = ClientTable::Admission;
  Admission admit(std::string_view address, bool exempt = false) {
    return table_.admit(keys_of(*IpAddress::parse(address)), exempt, limits_, buckets_, now_);
  }
  ClientTable table_;
  SmtpLimits limits_;
  LocalLimits buckets_;
  MonoTime now_{};
};

TEST_F(Networks, ANetworkFillsUpThoughNoClientOfItDoes) {
  limits_.connections_per_network = 2;
  EXPECT_EQ(admit("192.0.2.1"), Admission::admitted);
  EXPECT_EQ(admit("192.0.2.2"), Admission::admitted);
  EXPECT_EQ(admit("192.0.2.3"), Admission::network_full);
  EXPECT_EQ(admit("192.0.3.3"), Admission::admitted) << "another network";
  EXPECT_EQ(admit("192.0.2.4", true), Admission::admitted) << "[relay] networks are exempt";
  table_.leave(keys_of(*IpAddress::parse("192.0.2.4")));
  table_.leave(keys_of(*IpAddress::parse("192.0.2.1")));
  EXPECT_EQ(admit("192.0.2.3"), Admission::admitted);
  EXPECT_EQ(table_.connections(), 3U);
}

TEST_F(Networks, ANetworkHasARateOfConnections) {
  limits_.network_connections_per_minute = 3;
  for (const char* address : {"2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"}) {
    EXPECT_EQ(admit(address), Admission::admitted);
  }
  EXPECT_EQ(admit("2001:db8:1:4::1"), Admission::network_too_fast);
  EXPECT_EQ(admit("2001:db8:2:4::1"), Admission::admitted);
  now_ += 20s;
  EXPECT_EQ(admit("2001:db8:1:4::1"), Admission::admitted);
  EXPECT_EQ(admit("2001:db8:1:5::1"), Admission::network_too_fast);
}

TEST_F(SmtpServerTest, ABalancerSaysWhoseConnectionItIs) {
  listener_.proxy_from = {*IpNetwork::parse("127.0.0.1")};
  limits_.connections_per_client = 1;
  start();
  TestClient one(address());
  one.send("PROXY TCP4 203.0.113.1 127.0.0.1 4711 25\r\n");
  EXPECT_TRUE(one.reply().starts_with("220 "));
  TestClient two(address());  // the balancer is not limited, its clients are
  two.send("PROXY TCP4 203.0.113.2 127.0.0.1 4711 25\r\n");
  EXPECT_TRUE(two.reply().starts_with("220 "));
  TestClient again(address());
  again.send("PROXY TCP4 203.0.113.1 127.0.0.1 4712 25\r\n");
  EXPECT_TRUE(again.reply().starts_with("421 "));
}

TEST_F(SmtpServerTest, ABalancerThatSaysNothingIsNotWaitedForLong) {
  listener_.proxy_from = {*IpNetwork::parse("127.0.0.1")};
  start();
  TestClient silent(address());
  // Nobody tells when the server has begun to wait for it, so its time passes until it is over.
  pollfd closed{silent.socket(), POLLIN, 0};
  for (int i = 0; i < 100 && ::poll(&closed, 1, 50) == 0; ++i) {
    clock_.advance(11s);
    sweep();
  }
  EXPECT_EQ(silent.reply(), "");
  TestClient eager(address());
  eager.send("PROXY UNKNOWN\r\nEHLO a\r\n");
  EXPECT_TRUE(eager.reply().starts_with("554 ")) << "talk before the greeting";
}

TEST_F(SmtpServerTest, WhoTalksBeforeTheGreetingIsRefused) {
  // Both bytes and connection are there before the server runs.
  server_ = std::make_unique<SmtpServer>(
      std::vector<net::IoThread*>{&threads_[0], &threads_[1]},
      Services{store_, *control_, *authenticator_, judges_, *spool_, buckets_, clock_});
  ASSERT_TRUE(server_->apply({served()}));
  TestClient client(address());
  client.send("EHLO eager.test\r\n");
  for (auto& thread : threads_) thread.start("smtp");
  EXPECT_EQ(client.reply(), "554 mx.yahoo.test You talk before you are greeted");
  EXPECT_EQ(client.reply(), "");
}

TEST_F(SmtpServerTest, AnIdleSessionIsToldAndClosed) {
  start();
  TestClient client(address());
  greet(client);
  clock_.advance(299s);
  sweep();
  EXPECT_EQ(client.command("NOOP"), "250 2.0.0 Fine");
  clock_.advance(300s);
  sweep();
  EXPECT_EQ(client.reply(), "421 4.4.2 Waited too long, closing");
  EXPECT_EQ(client.reply(), "");
}

TEST_F(SmtpServerTest, StopTellsEverySession) {
  start();
  TestClient idle(address());
  TestClient talking(address());
  greet(idle);
  greet(talking);
  talking.command("MAIL FROM:<tom@gmail.test>");
  EXPECT_EQ(server_->connections(), 2U);
  server_->stop();
  EXPECT_EQ(idle.reply(), "421 4.3.2 Service not available, closing");
  EXPECT_EQ(talking.reply(), "421 4.3.2 Service not available, closing");
  EXPECT_EQ(idle.reply(), "");
  EXPECT_EQ(server_->connections(), 0U);
}

// Who has stopped a server may destroy it while its threads go on: the thread sanitizer's case.
TEST_F(SmtpServerTest, AServerMayGoAsSoonAsItHasStopped) {
  start();
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 8; ++i) {
      greet(*clients.emplace_back(std::make_unique<TestClient>(address())));
    }
    server_->stop();
    server_.reset();
    serve();
  }
}

TEST_F(SmtpServerTest, AReloadKeepsSocketsAndSessions) {
  start();
  const net::Address before = address();
  TestClient old(before);
  greet(old);
  listener_.hostname = "new.yahoo.test";
  ASSERT_TRUE(server_->apply({served()}));
  EXPECT_EQ(address(), before);
  EXPECT_EQ(old.command("NOOP"), "250 2.0.0 Fine");
  EXPECT_EQ(TestClient(before).reply(), "220 new.yahoo.test ESMTP Mailwright");
}

TEST_F(SmtpServerTest, AnAddressInUseChangesNothing) {
  start();
  SmtpServer other({&threads_[0]}, Services{store_, *control_, *authenticator_, judges_, *spool_,
                                            buckets_, clock_});
  listener_.address = address().text();
  const auto applied = other.apply({served()});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().detail,
            concat("cannot listen on ", address().text(), ": another process uses this address"));
  EXPECT_TRUE(other.addresses().empty());
}

std::string plain(std::string_view user, std::string_view password) {
  using namespace std::string_view_literals;
  return concat("AUTH PLAIN ", base64_encode(concat("\0"sv, user, "\0"sv, password)));
}

TEST_F(SmtpServerTest, LoginsAreCheckedAndFailuresCounted) {
  listener_.role = smtp::Role::submission;
  listener_.insecure_auth = true;
  limits_.failed_logins.per_minute = 2;
  start();
  TestClient client(address());
  greet(client);
  EXPECT_EQ(client.command("MAIL FROM:<jerry@yahoo.test>"), "530 5.7.0 Log in first");
  const std::string right = plain("jerry@yahoo.test", kPassword);
  const std::string_view refused = "535 5.7.8 User or password wrong";
  const std::string_view blocked = "421 4.7.0 Too many failed logins, come back later";
  // The same wrong password counts once: a phone that was not told the new one.
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.command(plain("jerry@yahoo.test", "old")), refused);
  }
  EXPECT_EQ(client.command(right), "235 2.7.0 Logged in");
  EXPECT_EQ(client.command("MAIL FROM:<ceo@yahoo.test>"), "550 5.7.1 That sender is not yours");
  EXPECT_EQ(client.command("MAIL FROM:<jerry@yahoo.test>"), "250 2.1.0 Sender taken");
  // From here somebody has logged in: ten times the limit for others, and none of it is Jerry's.
  TestClient attacker(address());
  greet(attacker);
  for (int i = 0; i < 19; ++i) {
    ASSERT_EQ(attacker.command(plain("ann@yahoo.test", concat(i))), refused) << i;
  }
  EXPECT_EQ(attacker.command(plain("ann@yahoo.test", "x")), blocked);
  EXPECT_EQ(attacker.reply(), "");
  TestClient again(address());
  greet(again);
  EXPECT_EQ(again.command(right), "235 2.7.0 Logged in");
}

TEST_F(SmtpServerTest, AnAccountReachesSoManyRecipientsAnHourOverAllItsConnections) {
  listener_.role = smtp::Role::submission;
  listener_.insecure_auth = true;
  limits_.recipients_per_hour = 3;
  add_account("ann@yahoo.test", std::nullopt);
  start();
  const std::string_view used_up =
      "450 4.7.0 Too many recipients from this account, come back later";
  for (int round = 0; round < 2; ++round) {
    TestClient client(address());
    greet(client);
    EXPECT_EQ(client.command(plain("jerry@yahoo.test", kPassword)), "235 2.7.0 Logged in");
    client.command("MAIL FROM:<jerry@yahoo.test>");
    EXPECT_EQ(client.command("RCPT TO:<nobody@yahoo.test>"), "550 5.1.1 No such mailbox");
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(client.command("RCPT TO:<ann@yahoo.test>"),
                round == 0 ? "250 2.1.5 Recipient taken" : used_up);
    }
    EXPECT_EQ(client.command("RCPT TO:<ann@yahoo.test>"), used_up);
  }
  TestClient ann(address());
  greet(ann);
  EXPECT_EQ(ann.command(plain("ann@yahoo.test", kPassword)), "235 2.7.0 Logged in");
  ann.command("MAIL FROM:<ann@yahoo.test>");
  EXPECT_EQ(ann.command("RCPT TO:<jerry@yahoo.test>"), "250 2.1.5 Recipient taken");
}

}  // namespace
}  // namespace mail
