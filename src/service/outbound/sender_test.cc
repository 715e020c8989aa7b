// Senders over real sockets, against servers that play a script.
#include "service/outbound/sender.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/outbound/test_sender.h"

namespace mail {
namespace {

using Kind = smtp::Verdict::Kind;
using Cause = smtp::Verdict::Cause;

TEST_F(SenderTest, CarriesAJobOverOneConnectionAndKeepsItForTheNext) {
  TestHop hop({});
  const auto destination = to(hop);
  std::vector<Parcel> parcels;
  for (std::uint32_t i = 0; i < 100; ++i) parcels.push_back(parcel(i));
  const auto done = send(destination, std::move(parcels));
  EXPECT_TRUE(done.untried.empty());
  EXPECT_FALSE(done.trouble);
  send(to(hop), {parcel(100)});  // another destination object that names the same place
  const auto all = events_.attempts();
  ASSERT_EQ(all.size(), 101U);
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].key.number, i);
    EXPECT_EQ(all[i].recipients.at(0).kind, Kind::accepted);
    EXPECT_EQ(all[i].connection.reused, i > 0);
    EXPECT_EQ(all[i].connection.host, "mx.yahoo.test");
    EXPECT_EQ(all[i].connection.source, "127.0.0.1");
    EXPECT_FALSE(all[i].maybe_delivered);
  }
  EXPECT_EQ(hop.connections(), 1);
  EXPECT_EQ(hop.contents().front(), kContent);
  sender_->stop();
  hop.wait_for("QUIT");
}

TEST_F(SenderTest, SlotsOfOneSiteAreOnAllThreads) {
  TestHop hop({});
  const auto destination = to(hop);
  for (std::uint32_t slot = 0; slot < 4; ++slot) {
    sender().send({7, slot, destination, {parcel(slot)}});
  }
  events_.wait_done(4);
  EXPECT_EQ(hop.connections(), 4);
  EXPECT_EQ(hop.contents().size(), 4U);
}

TEST_F(SenderTest, AConnectionCarriesAsManyMessagesAsItMay) {
  settings_.messages_per_connection = 2;
  TestHop hop({});
  send(to(hop), {parcel(1), parcel(2), parcel(3), parcel(4), parcel(5)});
  EXPECT_EQ(hop.connections(), 3);
  EXPECT_EQ(hop.contents().size(), 5U);
}

TEST_F(SenderTest, ChunksAreUsedWhereTheyAreOffered) {
  TestHop hop({},
              {{"EHLO", "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 CHUNKING"}});
  Parcel small = parcel();
  small.added_fields = "Received: by us\r\n";
  Parcel large = parcel(2, "Subject: large\r\n\r\n" + std::string(500'000, 'x') + "\r\n");
  large.options.body = BodyType::eight_bit_mime;
  send(to(hop), {small, large});
  ASSERT_EQ(hop.contents().size(), 2U);
  EXPECT_EQ(hop.contents()[0], "Received: by us\r\n" + kContent);
  EXPECT_EQ(hop.contents()[1], *large.content);
  EXPECT_EQ(hop.count("DATA"), 0U);
  EXPECT_EQ(hop.count("BDAT"), 1U + 4U);
  EXPECT_TRUE(attempt().connection.dsn);
}

TEST_F(SenderTest, ContentComesFromTheStoreInPieces) {
  TestHop hop({});
  const std::string content = "Subject: large\r\n\r\n" + std::string(300'000, '.') + "\r\n";
  Parcel large = stored(content);
  large.added_fields = "Received: by us\r\n";
  send(to(hop), {large});
  EXPECT_EQ(verdict().kind, Kind::accepted) << verdict().text;
  ASSERT_EQ(hop.contents().size(), 1U);
  EXPECT_EQ(hop.contents()[0], "Received: by us\r\n" + content);
}

TEST_F(SenderTest, ContentThatIsNotWholeIsNeverEndedByADot) {
  TestHop hop({});
  Parcel cut = stored("Subject: large\r\n\r\n" + std::string(300'000, '.'));
  cut.size += 1000;
  Parcel missing = stored("");
  missing.size = 10;
  send(to(hop), {cut, missing, parcel(3)});
  EXPECT_EQ(verdict(0).kind, Kind::deferred);
  EXPECT_EQ(verdict(0).cause, Cause::abandoned);
  EXPECT_FALSE(attempt(0).maybe_delivered);
  EXPECT_EQ(verdict(1).cause, Cause::abandoned);
  EXPECT_EQ(verdict(2).kind, Kind::accepted);
  EXPECT_EQ(hop.contents().size(), 1U);
}

TEST_F(SenderTest, TheNextHostIsTriedWhenOneIsNotThereOrTakesNoMail) {
  TestHop third({.host = "127.0.0.3"});
  TestHop busy({.host = "127.0.0.2", .port = third.port()}, {{"greeting", "421 4.3.2 busy"}});
  TestHop closed({.host = "127.0.0.4", .port = third.port()}, {{"EHLO", "hang up"}});
  TestHop refusing({.host = "127.0.0.5", .port = third.port()}, {{"greeting", "554 no mail"}});
  const auto destination =
      to({host("none", {"127.0.0.6"}), host("busy", {"127.0.0.2"}), host("closed", {"127.0.0.4"}),
          host("refusing", {"127.0.0.5"}), host("third", {"127.0.0.7", "127.0.0.3"})},
         third.port());
  const auto done = send(destination, {parcel()});
  EXPECT_FALSE(done.trouble);
  EXPECT_EQ(verdict().kind, Kind::accepted);
  EXPECT_EQ(attempt().connection.host, "third");
  EXPECT_EQ(attempt().connection.address, concat("127.0.0.3:", third.port()));
  EXPECT_EQ(busy.connections() + closed.connections() + refusing.connections(), 3);
}

TEST_F(SenderTest, WhenAllHostsAreUsedUpTheLastOnesWordsComeBackWithTheMail) {
  TestHop hop({}, {{"greeting", "554 5.7.1 go away"}});
  const auto done = send(to(hop), {parcel(1), parcel(2)});
  ASSERT_TRUE(done.trouble);
  EXPECT_EQ(done.trouble->verdict.kind, Kind::deferred);
  EXPECT_EQ(done.trouble->verdict.text, "554 5.7.1 go away");
  EXPECT_EQ(done.trouble->connection.host, "mx.yahoo.test");
  ASSERT_EQ(done.untried.size(), 2U);
  EXPECT_EQ(done.untried[1].key.number, 2U);
  EXPECT_TRUE(events_.attempts().empty());

  const auto nobody = send(to({host("none", {"127.0.0.9", "::1"})}, hop.port()), {parcel()});
  ASSERT_TRUE(nobody.trouble);
  EXPECT_EQ(nobody.trouble->verdict.enhanced, "4.4.1");
  EXPECT_NE(nobody.trouble->verdict.text.find("127.0.0.9"), std::string::npos);
  EXPECT_NE(nobody.trouble->verdict.text.find("[::1]"), std::string::npos) << "both were tried";
}

TEST_F(SenderTest, ASourceAddressAndItsNameAreUsedWhereTheRouteHasThem) {
  TestHop hop({});
  route_.source = "127.0.0.42";
  route_.helo = "out2.gmail.test";
  send(to({host("mx.yahoo.test", {"::1", "127.0.0.1"})}, hop.port()), {parcel()});
  EXPECT_EQ(attempt().connection.source, "127.0.0.42");
  EXPECT_EQ(hop.count("EHLO out2.gmail.test"), 1U);
}

TEST_F(SenderTest, TlsIsUsedWhereOfferedAndTellsWhetherTheCertificateWasTheHosts) {
  const auto context = certificate_for("mx.yahoo.test");
  TestHop hop({.tls = context}, {{"EHLO", "250-mx\r\n250 STARTTLS"}});
  send(to(hop), {parcel()});
  EXPECT_EQ(attempt(0).connection.tls, "TLSv1.3");
  EXPECT_TRUE(attempt(0).connection.verified);
  send(to({host("other.yahoo.test", {"127.0.0.1"})}, hop.port()), {parcel()});
  EXPECT_EQ(attempt(1).connection.tls, "TLSv1.3");
  EXPECT_FALSE(attempt(1).connection.verified);
  EXPECT_EQ(verdict(1).kind, Kind::accepted);
  EXPECT_EQ(hop.connections(), 2) << "the first was to another name";
}

TEST_F(SenderTest, VerifiedRoutesTakeNoOtherCertificateAndNeverGoInTheClear) {
  const auto context = certificate_for("mx.yahoo.test");
  TestHop hop({.tls = context}, {{"EHLO", "250-mx\r\n250 STARTTLS"}});
  route_.verify = true;
  const auto done = send(to({host("other.yahoo.test", {"127.0.0.1"})}, hop.port()), {parcel()});
  ASSERT_TRUE(done.trouble);
  EXPECT_EQ(done.trouble->verdict.enhanced, "4.7.5");
  EXPECT_EQ(done.trouble->verdict.kind, Kind::deferred);
  send(to(hop), {parcel()});
  EXPECT_EQ(verdict().kind, Kind::accepted);
  EXPECT_TRUE(attempt().connection.verified);
  EXPECT_EQ(hop.count("MAIL"), 1U);
}

TEST_F(SenderTest, AfterAFailedHandshakeItGoesOnceInTheClearUnlessTlsIsRequired) {
  for (const bool required : {false, true}) {
    TestHop hop({}, {{"EHLO", "250-mx\r\n250 STARTTLS"}, {"STARTTLS", "220 go on"}});
    route_.tls = required ? smtp::HopTls::require : smtp::HopTls::opportunistic;
    const auto done = send(to(hop), {parcel()});
    EXPECT_EQ(done.trouble.has_value(), required);
    EXPECT_EQ(hop.connections(), required ? 1 : 2);
    EXPECT_EQ(hop.contents().size(), required ? 0U : 1U);
  }
}

TEST_F(SenderTest, PlaintextBehindTheStartTlsReplyIsNoReasonToGoOnWithoutTls) {
  TestHop hop({}, {{"EHLO", "250-mx\r\n250 STARTTLS"}, {"STARTTLS", "220 go on\r\n250 evil"}});
  const auto done = send(to(hop), {parcel()});
  ASSERT_TRUE(done.trouble);
  EXPECT_EQ(done.trouble->verdict.enhanced, "4.7.5");
  EXPECT_EQ(hop.connections(), 1);
  EXPECT_EQ(hop.count("MAIL"), 0U);
}

TEST_F(SenderTest, RequireTlsGoesOnlyWhereAllIsThatItAsksFor) {
  const auto context = certificate_for("mx.yahoo.test");
  Parcel secret = parcel();
  secret.options.require_tls = true;
  TestHop without({.tls = context}, {{"EHLO", "250-mx\r\n250 STARTTLS"}});
  send(to(without), {secret, parcel()});
  EXPECT_EQ(verdict(0).kind, Kind::rejected);
  EXPECT_EQ(verdict(0).enhanced, "5.7.30");
  EXPECT_EQ(verdict(1).kind, Kind::accepted) << "another message may go there";

  TestHop clear({}, {{"EHLO", "250-mx\r\n250 REQUIRETLS"}});
  send(to(clear), {secret});
  EXPECT_EQ(verdict(2).enhanced, "5.7.10");

  TestHop with({.host = "127.0.0.2", .port = without.port(), .tls = context},
               {{"EHLO", "250-mx\r\n250-STARTTLS\r\n250 REQUIRETLS"}});
  send(to({host("mx.yahoo.test", {"127.0.0.1"}), host("mx.yahoo.test", {"127.0.0.2"})},
          without.port()),
       {secret});
  EXPECT_EQ(verdict(3).kind, Kind::accepted) << verdict(3).text;
  EXPECT_EQ(with.count("MAIL FROM:<tom@gmail.test> REQUIRETLS"), 1U);

  route_.kind = Route::Kind::mx;  // by MX the name must come by DNSSEC
  send(to({host("mx.yahoo.test", {"127.0.0.2"})}, without.port()), {secret});
  EXPECT_EQ(verdict(4).enhanced, "5.7.10");
  send(to({host("mx.yahoo.test", {"127.0.0.2"}, true)}, without.port()), {secret});
  EXPECT_EQ(verdict(5).kind, Kind::accepted) << verdict(5).text;

  send(to({host("mx.yahoo.test", {"127.0.0.99"}, true)}, without.port()), {secret});
  EXPECT_EQ(verdict(6).kind, Kind::deferred) << "none answered";
}

TEST_F(SenderTest, LogsInWithAPasswordOrAToken) {
  route_.tls = smtp::HopTls::none;
  route_.login.emplace();
  route_.login->user = "tom";
  route_.login->password = "secret";
  TestHop plain({}, {{"EHLO", "250-mx\r\n250 AUTH PLAIN"}});
  send(to(plain), {parcel()});
  EXPECT_EQ(plain.count("AUTH PLAIN AHRvbQBzZWNyZXQ="), 1U);
  EXPECT_EQ(verdict(0).kind, Kind::accepted);

  route_.login->password.clear();
  route_.login->token_command = {"sh", "-c", "echo asked >> \"$1\"; echo t0ken", "sh",
                                 folder_ / "asked"};
  TestHop oauth({}, {{"EHLO", "250-mx\r\n250 AUTH XOAUTH2"}});
  send(to(oauth), {parcel()});
  // user=tom^Aauth=Bearer t0ken^A^A
  EXPECT_EQ(oauth.count("AUTH XOAUTH2 dXNlcj10b20BYXV0aD1CZWFyZXIgdDBrZW4BAQ=="), 1U);
  sender().send({8, 1, to(oauth), {parcel()}});
  events_.wait_done(++jobs_);
  EXPECT_EQ(oauth.connections(), 2);
  EXPECT_EQ(std::filesystem::file_size(folder_ / "asked"), 6U) << "the token is kept";

  route_.login->token_command = {"false"};
  TestHop none({}, {{"EHLO", "250-mx\r\n250 AUTH XOAUTH2"}});
  const auto done = send(to(none), {parcel()});
  ASSERT_TRUE(done.trouble);
  EXPECT_EQ(done.trouble->verdict.cause, Cause::login);
  EXPECT_EQ(done.trouble->verdict.text, "false failed with status 1");
}

TEST_F(SenderTest, LmtpOverAUnixSocketAnswersForEachRecipient) {
  route_.kind = Route::Kind::lmtp;
  route_.unix_path = folder_ / "lmtp";
  TestHop hop({.unix_path = route_.unix_path, .lmtp = true},
              {{"RCPT TO:<b@yahoo.test>", "550 5.1.1 nobody"}});
  Parcel mail = parcel();
  mail.recipients = {"a@yahoo.test", "b@yahoo.test", "c@yahoo.test"};
  send(to(std::vector<HopHost>{}, 0), {mail, parcel()});
  const Attempt first = attempt();
  ASSERT_EQ(first.recipients.size(), 3U);
  EXPECT_EQ(first.recipients[0].kind, Kind::accepted);
  EXPECT_EQ(first.recipients[1].kind, Kind::rejected);
  EXPECT_EQ(first.recipients[2].kind, Kind::accepted);
  EXPECT_EQ(first.connection.address, route_.unix_path.string());
  EXPECT_EQ(hop.count("LHLO gmail.test"), 1U);
  EXPECT_EQ(hop.connections(), 1);
}

TEST_F(SenderTest, NoAnswerToTheFinalDotMayBeADelivery) {
  TestHop hop({}, {{".", "hang up"}});
  send(to(hop), {parcel()});
  EXPECT_EQ(verdict().kind, Kind::deferred);
  EXPECT_EQ(verdict().stage, smtp::Stage::final_dot);
  EXPECT_TRUE(attempt().maybe_delivered);
}

TEST_F(SenderTest, AServerThatIsSilentBehindTheDotIsGivenUpInTime) {
  settings_.timeouts.final_dot = 1s;
  TestHop hop({}, {{".", "mute"}});
  send(to(hop), {parcel()});
  EXPECT_EQ(verdict().cause, Cause::silence);
  EXPECT_TRUE(attempt().maybe_delivered);
}

TEST_F(SenderTest, AHostThatLosesMessageAfterMessageIsTroubleOfTheSite) {
  TestHop hop({}, {{"DATA", "hang up"}});
  const auto done = send(to(hop), {parcel(1), parcel(2), parcel(3), parcel(4)});
  EXPECT_EQ(events_.attempts().size(), 2U);
  EXPECT_EQ(done.untried.size(), 2U);
  ASSERT_TRUE(done.trouble);
  EXPECT_EQ(done.trouble->verdict.kind, Kind::deferred);
}

TEST_F(SenderTest, AServerThatEndsAReusedConnectionCostsNoMailItsTurn) {
  TestHop hop({}, {{"MAIL FROM:<second@gmail.test>", "421 4.4.2 that was enough"}});
  Parcel second = parcel(2);
  second.reverse_path = "second@gmail.test";
  send(to(hop), {parcel(1), second});
  EXPECT_EQ(hop.connections(), 2) << "the second was tried on a connection of its own";
  EXPECT_EQ(verdict(1).text, "421 4.4.2 that was enough");
  EXPECT_FALSE(attempt(1).connection.reused);
}

TEST_F(SenderTest, IdleConnectionsEndAfterAWhile) {
  settings_.keep_idle = 1s;
  TestHop hop({});
  send(to(hop), {parcel()});
  hop.wait_for("QUIT");
  send(to(hop), {parcel()});
  EXPECT_EQ(hop.connections(), 2);
}

TEST_F(SenderTest, ConnectionsBeyondTheLimitWaitForOthersToEnd) {
  settings_.max_connections = 2;  // one a thread
  TestHop hop({});
  const auto destination = to(hop);
  for (std::uint32_t slot = 0; slot < 8; ++slot) {
    sender().send({7, slot, destination, {parcel(slot)}});
  }
  events_.wait_done(8);
  EXPECT_EQ(hop.contents().size(), 8U);
}

TEST_F(SenderTest, StoppingLetsAJobComeBackAndCutsWhatDoesNotEnd) {
  TestHop hop({}, {{"DATA", "mute"}});
  sender().send({7, 0, to(hop), {parcel(1), parcel(2)}});
  hop.wait_for("DATA");
  sender_->stop(50ms);
  const auto done = events_.wait_done();
  EXPECT_EQ(events_.attempts().size(), 1U);
  EXPECT_EQ(verdict().kind, Kind::deferred);
  ASSERT_EQ(done.untried.size(), 1U);
  EXPECT_FALSE(done.trouble);
}

// Every reply of a conversation goes wrong once, all of them at the same time: each mail has one
// end, and only what the server has taken is delivered.
TEST_F(SenderTest, HostileServersAtEveryStepLeaveNoMailWithoutAnEnd) {
  settings_.timeouts = {1s, 1s, 1s, 1s, 1s, 1s, 1s};
  const auto context = certificate_for("mx.yahoo.test");
  struct Case {
    std::string name;
    std::unique_ptr<TestHop> hop;
  };
  std::vector<Case> cases;
  for (const std::string step :
       {"greeting", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", ".", "BDAT"}) {
    for (const std::string wrong :
         {"hang up", "421 4.3.2 going down", "999 what", "250-never\r\n250-ends", "550 5.0.0 no",
          "354 what", "220 a\r\n220 b"}) {
      TestHop::Script script = {{"EHLO", "250-mx\r\n250-STARTTLS\r\n250 PIPELINING"}};
      if (step == "BDAT") script["EHLO"] = "250-mx\r\n250-STARTTLS\r\n250 CHUNKING";
      script[step == "BDAT" ? "." : step] = wrong;
      cases.push_back({concat(step, ": ", wrong),
                       std::make_unique<TestHop>(TestHop::Options{.tls = context}, script)});
    }
  }
  for (std::uint32_t i = 0; i < cases.size(); ++i) {
    sender().send({i, 0, to(*cases[i].hop), {parcel(i)}});
  }
  events_.wait_done(cases.size());
  std::vector<std::size_t> ends(cases.size());
  for (std::size_t n = 1; n <= cases.size(); ++n) {
    const TestEvents::Done done = events_.wait_done(n);
    EXPECT_EQ(done.trouble.has_value(), !done.untried.empty()) << cases[done.site].name;
    ends[done.site] += done.untried.size();
  }
  for (const Attempt& each : events_.attempts()) {
    ++ends[each.key.number];
    const smtp::Verdict& verdict = each.recipients.at(0);
    if (verdict.kind != Kind::accepted) continue;
    EXPECT_EQ(verdict.code / 100, 2) << cases[each.key.number].name;
    EXPECT_EQ(cases[each.key.number].hop->contents().size(), 1U) << cases[each.key.number].name;
  }
  for (std::size_t i = 0; i < ends.size(); ++i) EXPECT_EQ(ends[i], 1U) << cases[i].name;
}

}  // namespace
}  // namespace mail
