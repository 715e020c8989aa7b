#include "daemon/assembly/server.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "platform/net/connect.h"

namespace mail {
namespace {

class QuietSink final : public log::Sink {
 public:
  void write(log::Level, std::string_view, std::span<const log::Field>) override {}
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-srv-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ServerTest() override {
    server_.reset();
    log::set_sink(nullptr);
    std::filesystem::remove_all(folder_);
  }

  std::shared_ptr<const Settings> settings(const std::string& hostname,
                                           const std::vector<std::string>& listeners) {
    std::string text =
        concat("hostname = \"", hostname, "\"\nstate = \"", (folder_ / "state").native(), "\"\n");
    for (const std::string& address : listeners) {
      append(text, "[[listener]]\naddress = \"", address, "\"\nrole = \"mx\"\ntls = \"none\"\n");
    }
    auto loaded = parse_settings(text, "test.toml");
    if (loaded) return *loaded;
    ADD_FAILURE() << to_string(loaded.error());
    return nullptr;
  }
  void start(const std::shared_ptr<const Settings>& with) {
    auto server = Server::open(with, clock_, sink_);
    ASSERT_TRUE(server) << describe(server.error());
    server_ = std::move(*server);
    const Result<void> listening = server_->listen();
    ASSERT_TRUE(listening) << describe(listening.error());
  }
  std::string greeting(const std::string& address) {
    net::IoThread thread(clock_);
    return net::run_task(thread, read_greeting(thread, net::parse_address(address).value()));
  }
  static Task<std::string> read_greeting(net::IoThread& thread, net::Address address) {
    const MonoTime deadline = thread.clock().mono_now() + std::chrono::seconds(20);
    Result<net::Stream> stream = co_await net::connect(thread, address, deadline);
    if (!stream) co_return describe(stream.error());
    const Result<void> ready = co_await stream->readable(deadline);
    if (!ready) co_return describe(ready.error());
    std::array<char, 512> buffer{};
    const Result<std::size_t> got = stream->read_some(buffer);
    co_return got ? std::string(buffer.data(), *got) : describe(got.error());
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  QuietSink sink_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, GreetsOnThePortItNames) {
  start(settings("mx.yahoo.test", {"127.0.0.1:0"}));
  const ServerStatus status = server_->status();
  ASSERT_EQ(status.listeners.size(), 1U);
  EXPECT_EQ(status.listeners[0].role, "mx");
  EXPECT_TRUE(greeting(status.listeners[0].address).starts_with("220 mx.yahoo.test "))
      << status.listeners[0].address;
  EXPECT_TRUE(status.store_healthy);
}

TEST_F(ServerTest, AReloadKeepsTheSocketsOfUnchangedListeners) {
  start(settings("mx.yahoo.test", {"127.0.0.1:0"}));
  const std::string first = server_->status().listeners[0].address;
  ASSERT_TRUE(server_->reload(*settings("mx.yahoo.test", {"127.0.0.1:0", "127.0.0.2:0"})));
  const ServerStatus status = server_->status();
  ASSERT_EQ(status.listeners.size(), 2U);
  EXPECT_EQ(status.listeners[0].address, first);
  EXPECT_TRUE(greeting(status.listeners[1].address).starts_with("220 "));
  ASSERT_TRUE(server_->reload(*settings("mx.yahoo.test", {"127.0.0.2:0"})));
  EXPECT_EQ(server_->status().listeners.size(), 1U);
  EXPECT_TRUE(server_->status().restart_needed.empty());
}

TEST_F(ServerTest, WhatOnlyARestartCanChangeIsNamed) {
  start(settings("mx.yahoo.test", {"127.0.0.1:0"}));
  ASSERT_TRUE(server_->reload(*settings("other.yahoo.test", {"127.0.0.1:0"})));
  const ServerStatus status = server_->status();
  EXPECT_FALSE(status.restart_needed.empty());
  EXPECT_EQ(status.hostname, "mx.yahoo.test");
  EXPECT_TRUE(greeting(status.listeners[0].address).starts_with("220 mx.yahoo.test "));
}

TEST_F(ServerTest, AReloadThatFailsLeavesEverythingAsItWas) {
  start(settings("mx.yahoo.test", {"127.0.0.1:0"}));
  const std::string taken = server_->status().listeners[0].address;
  // An address that no machine has (RFC 5737).
  const Result<void> refused =
      server_->reload(*settings("mx.yahoo.test", {"127.0.0.1:0", "127.0.0.2:0", "192.0.2.1:0"}));
  ASSERT_FALSE(refused);
  const ServerStatus status = server_->status();
  ASSERT_EQ(status.listeners.size(), 1U);
  EXPECT_EQ(status.listeners[0].address, taken);
  EXPECT_TRUE(greeting(taken).starts_with("220 "));
}

TEST_F(ServerTest, TwoServersNeverShareAState) {
  start(settings("mx.yahoo.test", {"127.0.0.1:0"}));
  const auto second = Server::open(settings("mx.yahoo.test", {"127.0.0.1:0"}), clock_, sink_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail.find("in use"), std::string::npos) << second.error().detail;
  EXPECT_TRUE(greeting(server_->status().listeners[0].address).starts_with("220 "));
}

TEST_F(ServerTest, TheStateIsMadeForItsOwnerAlone) {
  start(settings("mx.yahoo.test", {"127.0.0.1:0"}));
  const auto permissions = std::filesystem::status(folder_ / "state").permissions();
  EXPECT_EQ(permissions & std::filesystem::perms::all, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace mail
