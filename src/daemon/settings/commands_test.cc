#include "daemon/settings/commands.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "daemon/settings/tables.h"
#include "daemon/settings/test_folder.h"

namespace mail {
namespace {

std::shared_ptr<const Settings> accepted(std::string_view text) {
  auto settings = parse_settings(text, "dump.toml");
  EXPECT_TRUE(settings.has_value()) << to_string(settings.error());
  return settings ? *settings : std::make_shared<const Settings>();
}

std::string three_roles(const TestFolder& folder) {
  return concat(R"(hostname = "mx.example.org"
[[listener]]
address = "0.0.0.0:25"
role = "mx"
from_check = false
[[listener]]
address = "127.0.0.1:2587"
role = "submission"
tls = "none"
insecure_auth = true
idle_timeout = "90s"
[[listener]]
address = "[::1]:2526"
role = "relay"
bare_lf = "normalize"
max_message_size = "65537B"
[tls]
certificate = ")",
                folder.text(), "/cert.pem\"\nkey = \"", folder.text(), R"(/key.pem"
[relay]
networks = ["127.0.0.0/8", "2001:db8::/32"]
[routes]
"*" = "hold"
"staging.example.org" = "discard"
"example.test" = { to = "smtp://MX.example.test/", tls = "require" }
[routes.from]
"shop.example.org" = { to = "mx", source = "192.0.2.7" }
[dns]
servers = ["127.0.0.1"]
[policy]
enforce = ["Bank.example"]
[[blocklist]]
zone = "BL.example."
weight = 7
answers = ["127.0.0.4/30"]
[[blocklist]]
zone = "wl.example"
allow = true
[limits]
message_rate = 12
)");
}

TEST(ConfigCheck, TellsWhatAGoodFileSetsUp) {
  const TestFolder folder;
  const std::string path = (folder / "good.toml").string();
  write_whole(path, three_roles(folder));
  const CommandText answer = config_check(path);
  EXPECT_EQ(answer.exit_status, 0);
  EXPECT_EQ(answer.text, concat(path, ": correct, 3 listeners\n"));
}

TEST(ConfigDump, LoadsToTheSameSettings) {
  const TestFolder folder;
  const std::string dump = config_dump(*accepted(three_roles(folder)));
  EXPECT_EQ(config_dump(*accepted(dump)), dump);
  for (const std::string_view line :
       {"from_check = false\n", "idle_timeout = \"90s\"\n", "bare_lf = \"normalize\"\n",
        "max_message_size = \"65537B\"\n", "networks = [\"127.0.0.0/8\", \"2001:db8::/32\"]\n",
        "\"example.test\" = { to = \"smtp://mx.example.test:25\", tls = \"require\" }\n",
        "\n[routes.from]\n\"shop.example.org\" = { to = \"mx\", source = \"192.0.2.7\" }\n",
        "servers = [\"127.0.0.1:53\"]\n", "enforce = [\"bank.example\"]\n",
        "\n[[blocklist]]\nzone = \"bl.example\"\nweight = 7\nallow = false\ndomains = false\n"
        "answers = [\"127.0.0.4/30\"]\nreply = \"\"\n"}) {
    EXPECT_NE(dump.find(line), std::string::npos) << line << "in\n" << dump;
  }
}

TEST(ConfigDump, TheTreeHoldsListenersInTheirOrder) {
  const TestFolder folder;
  const toml::Table tree = config_tree(*accepted(three_roles(folder)));
  const toml::Entry* listeners = tree.find("listener");
  ASSERT_NE(listeners, nullptr);
  ASSERT_NE(listeners->value.array(), nullptr);
  ASSERT_EQ(listeners->value.array()->size(), 3u);
  const toml::Table* second = listeners->value.array()->at(1).table();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second->find("address")->value.string(), "127.0.0.1:2587");
  EXPECT_TRUE(*second->find("insecure_auth")->value.boolean());
  EXPECT_EQ(*second->find("max_recipients")->value.integer(), 1000);
}

TEST(ConfigDump, DefaultsWithTheRequiredKeysAddedAreAConfiguration) {
  const TestFolder folder;
  std::string text = config_dump_defaults();
  EXPECT_TRUE(
      text.starts_with("# Without a default, to be written where their section stands:\n"
                       "# hostname listener.address listener.role tls.certificate "
                       "tls.key routes.DOMAIN.to blocklist.zone"));
  text =
      replaced(text, "[[listener]]\n", "[[listener]]\naddress = \"0.0.0.0:25\"\nrole = \"mx\"\n");
  text = replaced(text, "[tls]\n",
                  concat("[tls]\ncertificate = \"", folder.text(), "/cert.pem\"\nkey = \"",
                         folder.text(), "/key.pem\"\n"));
  const auto settings = accepted(concat("hostname = \"mx.example.org\"\n", text));
  EXPECT_EQ(settings->listeners.size(), 1u);
}

TEST(ConfigExplain, SaysAllThatARowDeclares) {
  const CommandText answer = config_explain("listener.max_recipients");
  EXPECT_EQ(answer.exit_status, 0);
  EXPECT_EQ(answer.text,
            "listener.max_recipients\n"
            "  Recipients per transaction; RFC 5321 §4.5.3.1.8 asks for at least 100.\n"
            "  value:   a number from 100 to 100000\n"
            "  default: 1000\n"
            "  change:  takes effect at a reload (SIGHUP)\n");
}

TEST(ConfigExplain, FindsAKeyByItsNameAloneAndASectionWhole) {
  EXPECT_EQ(config_explain("level").text, config_explain("log.level").text);
  const std::string tls = config_explain("tls").text;
  EXPECT_NE(tls.find("tls.certificate\n"), std::string::npos);
  EXPECT_NE(tls.find("listener.tls\n"), std::string::npos);
  EXPECT_NE(config_explain("routes").text.find("\"discard\""), std::string::npos);
  EXPECT_EQ(config_explain("routes.\"example.test\"").text, config_explain("routes").text);
}

TEST(ConfigExplain, HelpsWithATypingError) {
  const CommandText answer = config_explain("listener.max_recipient");
  EXPECT_EQ(answer.exit_status, 64);
  EXPECT_EQ(answer.text,
            "listener.max_recipient: is not a known key\n"
            "  did you mean listener.max_recipients?\n"
            "  remedy: \"mailwright config explain\" without a key lists every key\n");
  EXPECT_EQ(config_explain("history.keep").text, "history.keep: is not known in this version\n");
}

TEST(ConfigExplain, WithoutAKeyListsAll) {
  const std::string all = config_explain("").text;
  for (const SettingInfo& info : all_settings()) {
    EXPECT_NE(all.find(concat(info.key, " = ")), std::string::npos) << info.key;
  }
}

TEST(Rows, AreNamedOnceAndExplained) {
  std::set<std::string> keys;
  for (const SettingInfo& info : all_settings()) {
    EXPECT_TRUE(keys.insert(info.key).second) << info.key;
    EXPECT_TRUE(info.help.ends_with('.')) << info.key;
  }
}

TEST(Rows, NeverTakeZeroForUnlimited) {
  each_section([](const auto& section) {
    for (const auto& row : section.rows) {
      if (row.limits.most > 0) EXPECT_GT(row.limits.least, 0u) << row.name;
    }
  });
}

TEST(Rows, HaveAnExampleWhereTheyHaveNoDefault) {
  each_section([](const auto& section) {
    for (const auto& row : section.rows) {
      EXPECT_EQ(row.fallback == kRequired, !row.example.empty()) << row.name;
    }
  });
}

// MAIL_UPDATE_DOCS=1 writes the file anew.
TEST(GeneratedDocument, ConfigurationPageIsTheOneTheRowsMake) {
  const std::filesystem::path page =
      std::filesystem::path(MAIL_SOURCE_DIR) / "docs/configuration.md";
  if (std::getenv("MAIL_UPDATE_DOCS") != nullptr) write_whole(page, configuration_markdown());
  EXPECT_EQ(read_whole(page), configuration_markdown())
      << "renew it: MAIL_UPDATE_DOCS=1 build/release/bin/mail_daemon_settings_test";
}

}  // namespace
}  // namespace mail
