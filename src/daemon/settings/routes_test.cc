// [routes] as it becomes what the queue goes by. What is refused is in tests/config/bad.
#include <gtest/gtest.h>

#include "base/text.h"
#include "daemon/settings/settings.h"
#include "daemon/settings/test_folder.h"

namespace mail {
namespace {

std::shared_ptr<const Settings> with_routes(std::string_view rows) {
  auto settings = parse_settings(
      concat("hostname = \"mx.example.org\"\n[[listener]]\naddress = \"127.0.0.1:2025\"\n"
             "role = \"mx\"\ntls = \"none\"\n[routes]\n",
             rows),
      "test.toml");
  EXPECT_TRUE(settings.has_value()) << to_string(settings.error());
  return settings ? *settings : std::make_shared<const Settings>();
}

// What the value of a row becomes.
Route route(const std::string& value) {
  return *with_routes(concat("\"*\" = ", value, "\n"))->routes->find("any.test", "");
}

using Kind = Route::Kind;
using smtp::HopTls;

TEST(RouteText, EachNextHopHasOneSpelling) {
  EXPECT_EQ(route(R"("smtp://MX.Example.Test")").to, "smtp://mx.example.test:25");
  EXPECT_EQ(route(R"("SMTP://mx.example.test:025/")").to, "smtp://mx.example.test:25");
  EXPECT_EQ(route(R"("smtp://[0:0::1]:2600")").to, "smtp://[::1]:2600");
  EXPECT_EQ(route(R"("smtps://mx.example.test")").to, "smtps://mx.example.test:465");
  EXPECT_EQ(route(R"("lmtp://127.0.0.1:24")").to, "lmtp://127.0.0.1:24");
  EXPECT_EQ(route(R"("lmtp:/run/store.sock")").to, "lmtp:/run/store.sock");
  for (const std::string word : {"mx", "local", "hold", "discard"}) {
    EXPECT_EQ(route(concat('"', word, '"')).to, word);
  }
}

TEST(RouteText, IsReadIntoKindHostAndPort) {
  const Route smtp = route(R"("smtp://[::1]:2600")");
  EXPECT_EQ(smtp.kind, Kind::smtp);
  EXPECT_EQ(smtp.host, "::1");
  EXPECT_EQ(smtp.port, 2600);
  EXPECT_EQ(smtp.tls, HopTls::opportunistic);
  const Route unix_socket = route(R"("lmtp:/run/store.sock")");
  EXPECT_EQ(unix_socket.kind, Kind::lmtp);
  EXPECT_EQ(unix_socket.unix_path, "/run/store.sock");
  EXPECT_TRUE(unix_socket.host.empty());
  EXPECT_EQ(unix_socket.tls, HopTls::none);
  EXPECT_EQ(route(R"("hold")").kind, Kind::hold);
}

TEST(RouteTable, SaysHowTheHopIsTalkedTo) {
  const Route big = route(
      R"({ to = "smtp://big.test", tls = "verify", source = "192.0.2.7", helo = "Out.Example.Org" })");
  EXPECT_EQ(big.tls, HopTls::require);
  EXPECT_TRUE(big.verify);
  EXPECT_EQ(big.source, "192.0.2.7");
  EXPECT_EQ(big.helo, "out.example.org");
  const Route implicit = route(R"({ to = "smtps://big.test", tls = "require" })");
  EXPECT_EQ(implicit.tls, HopTls::implicit);
  EXPECT_FALSE(implicit.verify);
  EXPECT_TRUE(route(R"({ to = "smtps://big.test", tls = "verify" })").verify);
  EXPECT_EQ(route(R"({ to = "mx", tls = "none" })").tls, HopTls::none);
  EXPECT_EQ(route(R"({ to = "mx", tls = "require" })").tls, HopTls::require);
}

TEST(RouteLogin, IsVerifiedUnlessItStaysOnThisMachine) {
  const TestFolder folder;
  write_whole(folder / "password", "open sesame\nmore\n");
  folder.chmod("password", 0600);
  const std::string login =
      concat(", login = \"me\", password_file = \"", folder.text(), "/password\"");
  const Route away = route(concat("{ to = \"smtp://big.test:587\"", login, " }"));
  EXPECT_EQ(away.tls, HopTls::require);
  EXPECT_TRUE(away.verify);
  ASSERT_TRUE(away.login.has_value());
  EXPECT_EQ(away.login->user, "me");
  EXPECT_EQ(away.login->password, "open sesame");
  EXPECT_TRUE(route(concat("{ to = \"smtps://big.test\"", login, " }")).verify);
  for (const std::string here : {"smtp://127.0.0.1:2600", "smtp://localhost", "lmtp:/run/x"}) {
    EXPECT_FALSE(route(concat("{ to = \"", here, "\"", login, " }")).verify) << here;
  }
}

TEST(RouteLogin, ATokenHasTwoWaysToBeHad) {
  const TestFolder folder;
  for (const char* name : {"refresh", "secret"}) {
    write_whole(folder / name, concat(name, "\n"));
    folder.chmod(name, 0600);
  }
  const Route command =
      route(R"({ to = "smtps://big.test", login = "me", token_command = ["/bin/token", "-x"] })");
  EXPECT_EQ(command.login->token_command, (std::vector<std::string>{"/bin/token", "-x"}));
  const Route url = route(concat(
      R"({ to = "smtps://big.test", login = "me", token_url = "https://login.test/t", client_id = "c")",
      ", refresh_token_file = \"", folder.text(), "/refresh\", client_secret_file = \"",
      folder.text(), "/secret\" }"));
  EXPECT_EQ(url.login->token_url, "https://login.test/t");
  EXPECT_EQ(url.login->refresh_token, "refresh");
  EXPECT_EQ(url.login->client_secret, "secret");
  EXPECT_EQ(url.login->client_id, "c");
}

TEST(RouteRows, RecipientThenSenderThenDefault) {
  const auto settings = with_routes(
      "\"Yahoo.Test\" = \"smtp://a.test\"\n\"*\" = \"smtp://c.test\"\n"
      "[routes.from]\n\"Gmail.Test\" = \"smtp://b.test\"\n");
  EXPECT_EQ(settings->routes->find("yahoo.test", "gmail.test")->host, "a.test");
  EXPECT_EQ(settings->routes->find("other.test", "gmail.test")->host, "b.test");
  EXPECT_EQ(settings->routes->find("other.test", "other.test")->host, "c.test");
}

TEST(RouteRows, ADomainMayBeCalledFrom) {
  const auto settings = with_routes("from = { to = \"hold\" }\n");
  EXPECT_EQ(settings->routes->find("from", "")->kind, Kind::hold);
}

}  // namespace
}  // namespace mail
