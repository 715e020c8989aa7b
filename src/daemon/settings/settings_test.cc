#include "daemon/settings/settings.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "daemon/settings/tables.h"
#include "daemon/settings/test_folder.h"
#include "daemon/settings/values.h"

namespace mail {
namespace {

using std::chrono::seconds;

constexpr std::string_view kSmall = R"(
hostname = "mx.example.org"
[[listener]]
address = "127.0.0.1:2025"
role = "mx"
tls = "none"
)";

std::shared_ptr<const Settings> accepted(std::string_view text) {
  auto settings = parse_settings(text, "test.toml");
  EXPECT_TRUE(settings.has_value()) << to_string(settings.error());
  return settings ? *settings : std::make_shared<const Settings>();
}

std::string refusal(std::string_view text) {
  const auto settings = parse_settings(text, "test.toml");
  return settings ? "accepted" : to_string(settings.error());
}

TEST(Settings, WhatIsNotWrittenHasItsDefault) {
  const auto settings = accepted(kSmall);
  EXPECT_EQ(settings->state, "/var/lib/mailwright");
  EXPECT_FALSE(settings->tls.present());
  EXPECT_TRUE(settings->relay.networks.empty());
  EXPECT_EQ(settings->limits.max_connections, 10'000u);
  EXPECT_EQ(settings->limits.connections_per_client, 50u);
  EXPECT_EQ(settings->limits.connection_rate, 60u);
  EXPECT_EQ(settings->limits.message_rate, 300u);
  EXPECT_EQ(settings->limits.recipients_per_hour, 1'000u);
  EXPECT_EQ(settings->limits.failed_logins_per_minute, 10u);
  EXPECT_EQ(settings->limits.failed_logins_per_day, 50u);
  EXPECT_EQ(settings->log.level, log::Level::info);
  EXPECT_EQ(settings->outbound.retry_for, std::chrono::hours(120));
  EXPECT_EQ(settings->outbound.retry_min, seconds(60));
  EXPECT_EQ(settings->outbound.retry_max, std::chrono::hours(4));
  EXPECT_EQ(settings->outbound.connections_per_site, 20u);
  EXPECT_EQ(settings->outbound.messages_per_connection, 1000u);
  EXPECT_FALSE(settings->outbound.allow_private.has_value());
  EXPECT_TRUE(settings->dns.servers.addresses.empty());
  EXPECT_FALSE(settings->dns.is_private());
  ASSERT_EQ(settings->listeners.size(), 1u);
  EXPECT_EQ(settings->listeners[0]->hostname, "mx.example.org");
  EXPECT_EQ(settings->listeners[0]->max_message_size, (50_MiB).value);
}

// The defaults of the rows and of the struct the session is tested with must be the same.
TEST(Settings, ListenerDefaultsAreThoseOfTheSession) {
  const smtp::SmtpListener plain;
  for (const auto& row : kListenerSettings) {
    if (row.fallback == kRequired) continue;
    std::visit(
        [&](auto member) {
          const auto& value = plain.*member;
          EXPECT_EQ(file_text(write_value(value)), file_text(fallback_value(value, row.fallback)))
              << row.name;
        },
        row.member);
  }
}

constexpr std::string_view kFull = R"(
hostname = "mx.example.org"
state = "/tmp/state-of-mail"
[[listener]]
address = "[::1]:2526"
role = "relay"
tls = "none"
insecure_auth = true
hostname = "relay.example.org"
max_message_size = "100MiB"
max_recipients = 200
max_errors = 5
max_junk_commands = 50
idle_timeout = "2m"
stressed_timeout = "5s"
bare_lf = "normalize"
[[listener]]
address = "0.0.0.0:25"
role = "mx"
tls = "none"
from_check = false
[relay]
networks = ["127.0.0.0/8", "2001:db8::/32", "192.0.2.1"]
[routes]
"Archive.Example.ORG" = "hold"
"*" = "discard"
[routes.from]
"shop.example.org" = { to = "mx" }
[outbound]
retry_for = "2d"
retry_min = "30s"
retry_max = "1h"
delay_notice_after = "2h"
connections_per_site = 5
messages_per_connection = 50
connect_timeout = "10s"
allow_private = false
[dns]
servers = ["127.0.0.1", "[::1]:5353"]
[limits]
max_connections = 200
connections_per_client = 10
connection_rate = 5
message_rate = 7
[log]
level = "debug"
)";

TEST(Settings, EveryValueArrivesWhereItBelongs) {
  const auto settings = accepted(kFull);
  ASSERT_EQ(settings->listeners.size(), 2u);
  const smtp::SmtpListener& relay = *settings->listeners[0];
  EXPECT_EQ(relay.address, "[::1]:2526");
  EXPECT_EQ(relay.role, smtp::Role::relay);
  EXPECT_EQ(relay.tls, smtp::TlsMode::none);
  EXPECT_TRUE(relay.insecure_auth);
  EXPECT_EQ(relay.hostname, "relay.example.org");
  EXPECT_EQ(relay.max_message_size, (100_MiB).value);
  EXPECT_EQ(relay.max_recipients, 200u);
  EXPECT_EQ(relay.max_errors, 5u);
  EXPECT_EQ(relay.max_junk_commands, 50u);
  EXPECT_EQ(relay.idle_timeout, seconds(120));
  EXPECT_EQ(relay.stressed_timeout, seconds(5));
  EXPECT_EQ(relay.bare_lf, smtp::BareLf::normalize);
  EXPECT_FALSE(settings->listeners[1]->from_check);
  EXPECT_EQ(settings->state, "/tmp/state-of-mail");
  ASSERT_EQ(settings->relay.networks.size(), 3u);
  EXPECT_TRUE(settings->relay.networks[0].contains(*IpAddress::parse("127.9.9.9")));
  EXPECT_FALSE(settings->relay.networks[2].contains(*IpAddress::parse("192.0.2.2")));
  EXPECT_EQ(settings->routes->by_recipient().at("archive.example.org")->kind, Route::Kind::hold);
  EXPECT_EQ(settings->routes->by_recipient().at("*")->kind, Route::Kind::discard);
  EXPECT_EQ(settings->routes->by_sender().at("shop.example.org")->to, "mx");
  EXPECT_EQ(settings->outbound.retry_for, std::chrono::hours(48));
  EXPECT_EQ(settings->outbound.retry_min, seconds(30));
  EXPECT_EQ(settings->outbound.retry_max, seconds(3600));
  EXPECT_EQ(settings->outbound.delay_notice_after, seconds(7200));
  EXPECT_EQ(settings->outbound.connections_per_site, 5u);
  EXPECT_EQ(settings->outbound.messages_per_connection, 50u);
  EXPECT_EQ(settings->outbound.connect_timeout, seconds(10));
  EXPECT_EQ(settings->outbound.allow_private, std::optional(false));
  EXPECT_FALSE(settings->dns.servers.system);
  ASSERT_EQ(settings->dns.servers.addresses.size(), 2u);
  EXPECT_EQ(settings->dns.servers.addresses[0].port, 53);
  EXPECT_EQ(settings->dns.servers.addresses[1].port, 5353);
  EXPECT_TRUE(settings->dns.is_private());
  EXPECT_EQ(settings->limits.max_connections, 200u);
  EXPECT_EQ(settings->limits.connections_per_client, 10u);
  EXPECT_EQ(settings->limits.connection_rate, 5u);
  EXPECT_EQ(settings->limits.message_rate, 7u);
  EXPECT_EQ(settings->log.level, log::Level::debug);
}

TEST(Settings, AddressesAreKeptInTheirShortestForm) {
  const auto settings = accepted(replaced(std::string(kSmall), "127.0.0.1:2025", "[0:0::1]:025"));
  EXPECT_EQ(settings->listeners[0]->address, "[::1]:25");
}

TEST(Settings, AnyNumberOfListenersMayTakeAFreePort) {
  const std::string free = replaced(std::string(kSmall), ":2025", ":0");
  const std::string two = free + free.substr(free.find("[[listener]]"));
  EXPECT_EQ(accepted(two)->listeners.size(), 2u);
}

TEST(Settings, BothFamiliesMayListenOnOnePort) {
  const std::string v4 = replaced(std::string(kSmall), "127.0.0.1:2025", "0.0.0.0:25");
  const std::string v6 = replaced(v4, "0.0.0.0:25", "[::]:25");
  EXPECT_EQ(accepted(v4 + v6.substr(v6.find("[[listener]]")))->listeners.size(), 2u);
}

TEST(Settings, ALineThatOnlyRepeatsTheDefaultIsNoMistake) {
  accepted(concat(kSmall, "insecure_auth = false\nbare_lf = \"reject\"\nfrom_check = true\n"));
}

TEST(Settings, TlsAndRelayMayStandWhereNoListenerUsesThem) {
  accepted(concat(kSmall,
                  "[tls]\ncertificate = \"/nowhere/cert.pem\"\nkey = \"/nowhere/key.pem\"\n",
                  "[relay]\nnetworks = [\"10.0.0.0/8\", \"fc00::/7\", \"fe80::/10\"]\n"));
}

TEST(Settings, AFileThatIsNotThereSaysSo) {
  const auto settings = load_settings("/nowhere/mailwright.toml");
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(to_string(settings.error()),
            "/nowhere/mailwright.toml: cannot be read: No such file or directory\n"
            "  remedy: write it (two examples lie in examples/), or name another with --config "
            "FILE\n");
}

TEST(Settings, AFolderIsNoConfiguration) {
  const TestFolder folder;
  const auto settings = load_settings(folder.text());
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().at(0).what, "cannot be read: Is a directory");
}

TEST(Settings, AnEndlessFileIsRefused) {
  const auto settings = load_settings("/dev/zero");
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().at(0).what, "the file is longer than 1 MiB");
}

std::string with_tls(const TestFolder& folder) {
  return concat(replaced(std::string(kSmall), "\"none\"", "\"starttls\""),
                "[tls]\ncertificate = \"", folder.text(), "/cert.pem\"\nkey = \"", folder.text(),
                "/key.pem\"\n");
}

TEST(TlsFilesOfSettings, AreAcceptedWhenTheKeyIsItsOwnersAlone) {
  const TestFolder folder;
  for (const mode_t mode : {0600u, 0400u, 0700u}) {
    folder.chmod("key.pem", mode);
    EXPECT_TRUE(accepted(with_tls(folder))->tls.present()) << mode;
  }
}

TEST(TlsFilesOfSettings, AKeyOpenToOthersIsRefused) {
  const TestFolder folder;
  for (const mode_t mode : {0640u, 0604u, 0644u, 0620u, 0610u}) {
    folder.chmod("key.pem", mode);
    EXPECT_NE(refusal(with_tls(folder)).find("is open to group or others"), std::string::npos)
        << mode;
  }
  folder.chmod("key.pem", 0640);
  EXPECT_EQ(replaced(refusal(with_tls(folder)), folder.text(), ""),
            "test.toml:9:1: tls.key: \"/key.pem\" is open to group or others (mode 0640)\n"
            "  remedy: chmod 600 /key.pem\n");
}

TEST(TlsFilesOfSettings, AnOpenKeyIsRefusedEvenWhereNobodyUsesIt) {
  const TestFolder folder;
  folder.chmod("key.pem", 0644);
  const std::string unused = replaced(with_tls(folder), "\"starttls\"", "\"none\"");
  EXPECT_NE(refusal(unused).find("tls.key: "), std::string::npos);
}

TEST(TlsFilesOfSettings, EachMissingFileIsNamed) {
  const TestFolder folder;
  std::filesystem::remove(folder / "cert.pem");
  std::filesystem::remove(folder / "key.pem");
  const std::string said = refusal(with_tls(folder));
  EXPECT_NE(said.find("tls.certificate: "), std::string::npos);
  EXPECT_NE(said.find("tls.key: "), std::string::npos);
}

TEST(Examples, AreAcceptedWithTheirFilesInPlace) {
  const TestFolder folder;
  const std::filesystem::path root = std::filesystem::path(MAIL_SOURCE_DIR) / "examples";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.path().extension() != ".toml") continue;
    ++count;
    SCOPED_TRACE(entry.path().filename());
    const auto settings =
        accepted(replaced(read_whole(entry.path()), "/etc/mailwright", folder.text()));
    EXPECT_FALSE(settings->listeners.empty());
  }
  EXPECT_GE(count, 2u);
}

TEST(Reload, NothingIsNamedWhenNothingRestartOnlyChanged) {
  const auto running = accepted(kSmall);
  const auto loaded = accepted(concat(kSmall, "max_errors = 5\n[log]\nlevel = \"debug\"\n"));
  EXPECT_TRUE(changed_restart_only(*running, *loaded).empty());
  const auto merged = until_restart(*running, *loaded);
  EXPECT_EQ(merged->log.level, log::Level::debug);
  EXPECT_EQ(merged->listeners[0]->max_errors, 5u);
}

TEST(Reload, RestartOnlyKeysAreNamedAndKeepTheirOldValue) {
  const auto running = accepted(kSmall);
  const auto loaded = accepted(replaced(concat("state = \"/other\"\n", kSmall, "max_errors = 5\n"),
                                        "mx.example.org", "new.example.org"));
  EXPECT_EQ(changed_restart_only(*running, *loaded),
            (std::vector<std::string>{"hostname", "state"}));
  const auto merged = until_restart(*running, *loaded);
  EXPECT_EQ(merged->hostname, "mx.example.org");
  EXPECT_EQ(merged->state, "/var/lib/mailwright");
  EXPECT_EQ(merged->listeners[0]->hostname, "mx.example.org");
  EXPECT_EQ(merged->listeners[0]->max_errors, 5u);
}

TEST(Reload, AListenersOwnNameIsRestartOnlyUnlessTheListenerIsNew) {
  const auto running = accepted(kSmall);
  const std::string named = concat(kSmall, "hostname = \"in.example.org\"\n");
  EXPECT_EQ(changed_restart_only(*running, *accepted(named)),
            (std::vector<std::string>{"listener.hostname (127.0.0.1:2025)"}));
  const std::string elsewhere = replaced(named, ":2025", ":2026");
  EXPECT_TRUE(changed_restart_only(*running, *accepted(elsewhere)).empty());
}

}  // namespace
}  // namespace mail
