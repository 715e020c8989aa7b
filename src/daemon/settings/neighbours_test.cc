#include <gtest/gtest.h>

#include "base/text.h"
#include "daemon/settings/commands.h"
#include "daemon/settings/settings.h"

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

constexpr std::string_view kAll = R"([[milter]]
address = "/run/opendkim/opendkim.sock"
[[milter]]
address = "localhost:8893"
roles = ["mx"]
timeout = "5s"
on_failure = "accept"
[clamd]
address = "/run/clamav/clamd.ctl"
[rspamd]
address = "127.0.0.1:11333"
connections = 7
max_size = "1MiB"
)";

std::shared_ptr<const Settings> accepted(std::string_view text) {
  auto settings = parse_settings(text, "test.toml");
  EXPECT_TRUE(settings.has_value()) << to_string(settings.error());
  return settings ? *settings : std::make_shared<const Settings>();
}

TEST(NeighboursOfSettings, NoneIsAskedUnlessItIsWritten) {
  const auto settings = accepted(kSmall);
  EXPECT_TRUE(settings->milters.empty());
  EXPECT_EQ(settings->clamd.address, "");
  EXPECT_EQ(settings->rspamd.address, "");
}

TEST(NeighboursOfSettings, AreAsTheFileSays) {
  const auto settings = accepted(concat(kSmall, kAll));
  ASSERT_EQ(settings->milters.size(), 2U);
  EXPECT_TRUE(settings->milters[0].roles.empty());
  EXPECT_EQ(settings->milters[0].timeout, seconds(30));
  EXPECT_EQ(settings->milters[0].on_failure, OnFailure::tempfail);
  EXPECT_EQ(settings->milters[1].roles, std::vector<std::string>{"mx"});
  EXPECT_EQ(settings->milters[1].timeout, seconds(5));
  EXPECT_EQ(settings->milters[1].on_failure, OnFailure::accept);
  EXPECT_EQ(settings->clamd.max_size, 25U << 20);
  EXPECT_EQ(settings->rspamd.connections, 7U);
  const std::string dump = config_dump(*settings);
  EXPECT_EQ(config_dump(*accepted(dump)), dump);
}

TEST(NeighboursOfSettings, WaitForARestart) {
  const auto running = accepted(concat(kSmall, kAll));
  const auto loaded = accepted(kSmall);
  const std::vector<std::string> named = changed_restart_only(*running, *loaded);
  EXPECT_EQ(named, (std::vector<std::string>{"milter", "clamd.address", "rspamd.address",
                                             "rspamd.connections", "rspamd.max_size"}));
  EXPECT_EQ(until_restart(*running, *loaded)->milters.size(), 2U);
  EXPECT_TRUE(changed_restart_only(*running, *running).empty());
}

}  // namespace
}  // namespace mail
