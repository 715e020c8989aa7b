// Tests only: a control store in a folder of its own, with yahoo.test, a DNS from a table and a
// keeper that knows both. RSA keys are small, so that tests are quick.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "service/signing/key_file.h"
#include "service/signing/key_keeper.h"
#include "service/signing/key_record.h"

namespace mail::signing {

constexpr WallTime kKeeperTestTime{Milliseconds(1'795'325'077'000)};  // Sun, 22 Nov 2026

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-keys-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    settings_.rsa_bits = 1024;
    control_ = ControlStore::open(folder_ / "control.db").value();
    EXPECT_TRUE(control_->add_domain(Domain::parse("yahoo.test").value(), ""));
    open();
  }
  ~KeeperTest() override {
    keeper_.reset();
    control_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    keeper_.reset();
    auto box = open_key_file({.configured = {}, .credentials = {}, .state = folder_});
    ASSERT_TRUE(box) << describe(box.error());
    auto keeper = KeyKeeper::open(*control_, std::move(*box), dns_, clock_, settings_);
    ASSERT_TRUE(keeper) << describe(keeper.error());
    keeper_ = std::move(*keeper);
  }
  void publish(const DkimKeyRow& key) { dns_.txt(record_name(key), record_text(key)); }
  void publish_all() {
    for (const DkimKeyRow& key : keeper_->keys_of("yahoo.test")) {
      dns_.erase(record_name(key));
      publish(key);
    }
  }
  void look() {
    const auto seen = block_on(loop_, keeper_->look("yahoo.test", clock_.mono_now()));
    EXPECT_TRUE(keeper_->settle(seen));
  }
  // "rsa=active ed25519=pending", oldest first
  std::string states() const {
    std::string out;
    for (const DkimKeyRow& key : keeper_->keys_of("yahoo.test")) {
      append(out, out.empty() ? "" : " ", to_string(key.kind), '=', to_string(key.state));
    }
    return out;
  }
  std::size_t signing() const { return keeper_->ring()->of("yahoo.test").size(); }

  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> control_;
  dns::TableResolver dns_;
  ManualClock clock_{kKeeperTestTime};
  LoopExecutor loop_;
  KeeperSettings settings_;
  std::unique_ptr<KeyKeeper> keeper_;
};

}  // namespace mail::signing
