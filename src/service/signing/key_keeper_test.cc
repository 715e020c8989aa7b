#include "service/signing/key_keeper.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "platform/os/file.h"
#include "platform/sql/database.h"
#include "service/signing/keeper_test_host.h"

namespace mail::signing {
namespace {

using std::chrono::days;
using std::chrono::seconds;

TEST_F(KeeperTest, ADomainGetsBothKeysAndSignsOnceTheyAreShown) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  EXPECT_EQ(states(), "ed25519=pending rsa=pending");
  look();
  EXPECT_EQ(signing(), 0U);
  publish_all();
  look();
  EXPECT_EQ(states(), "ed25519=active rsa=active");
  ASSERT_EQ(signing(), 2U);
  const auto& keys = keeper_->ring()->of("yahoo.test");
  EXPECT_EQ(keys[0].key->kind(), crypto::KeyKind::rsa);
  EXPECT_EQ(keys[0].selector, "20261122-rsa");
  EXPECT_EQ(keys[1].selector, "20261122-ed25519");
}

TEST_F(KeeperTest, ADomainThatIsAddedHasItsKeysOrIsNotThere) {
  const Domain domain = Domain::parse("gmail.test").value();
  const auto raw = sql::Database::open(folder_ / "control.db").value();
  ASSERT_TRUE(
      raw->run_script("CREATE TRIGGER full BEFORE INSERT ON dkim_key WHEN NEW.algorithm = "
                      "'ed25519' BEGIN SELECT RAISE(ABORT, 'no room'); END;"));
  EXPECT_FALSE(keeper_->add_domain(domain, ""));
  EXPECT_FALSE(control_->snapshot()->is_local(domain));
  EXPECT_TRUE(keeper_->keys_of("gmail.test").empty());
  ASSERT_TRUE(raw->run_script("DROP TRIGGER full;"));
  ASSERT_TRUE(keeper_->add_domain(domain, ""));
  EXPECT_TRUE(control_->snapshot()->is_local(domain));
  EXPECT_EQ(keeper_->keys_of("gmail.test").size(), 2U);
  EXPECT_EQ(keeper_->add_domain(domain, "").error().code, Errc::already_exists);
  EXPECT_EQ(keeper_->keys_of("gmail.test").size(), 2U);
}

TEST_F(KeeperTest, KeysOutliveTheProcessAndNobodyReadsThemInTheStore) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  publish_all();
  look();
  const std::string before = keeper_->ring()->of("yahoo.test")[0].key->public_octets();
  open();
  ASSERT_EQ(signing(), 2U);
  EXPECT_EQ(keeper_->ring()->of("yahoo.test")[0].key->public_octets(), before);
  for (const DkimKeyRow& key : control_->dkim_keys().value()) {
    EXPECT_EQ(key.private_key.find("PRIVATE"), std::string::npos);
  }
  const auto mode = std::filesystem::status(folder_ / "dkim.key").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(KeeperTest, RotationFromPublicationToRevocation) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  publish_all();
  look();
  clock_.advance(days(30));
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  ASSERT_TRUE(keeper_->make("yahoo.test"));  // asked twice: not doubled
  look();
  EXPECT_EQ(states(), "ed25519=active rsa=active ed25519=pending rsa=pending");
  EXPECT_EQ(keeper_->ring()->of("yahoo.test")[0].selector, "20261122-rsa");
  publish_all();
  look();
  EXPECT_EQ(states(), "ed25519=retired rsa=retired ed25519=active rsa=active");
  EXPECT_EQ(keeper_->ring()->of("yahoo.test")[0].selector, "20261222-rsa");
  clock_.advance(settings_.rotation.retired_for);
  look();
  EXPECT_EQ(states(), "ed25519=revoked rsa=revoked ed25519=active rsa=active");
  EXPECT_EQ(keeper_->keys_of("yahoo.test")[0].private_key, "");
  EXPECT_EQ(keeper_->force("yahoo.test", "20261122-rsa").error().code, Errc::not_found);
  dns_.erase("20261122-rsa._domainkey.yahoo.test").erase("20261122-ed25519._domainkey.yahoo.test");
  look();
  EXPECT_EQ(states(), "ed25519=active rsa=active");
}

TEST_F(KeeperTest, AForcedKeySignsWithoutTheDns) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  ASSERT_TRUE(keeper_->force("yahoo.test", "20261122-rsa"));
  EXPECT_EQ(states(), "ed25519=pending rsa=active");
  look();
  EXPECT_EQ(signing(), 1U);
  EXPECT_EQ(keeper_->force("yahoo.test", "none").error().code, Errc::not_found);
}

TEST_F(KeeperTest, AStoreFromBeforeThereWereKeysGetsThemAtItsFirstTick) {
  ASSERT_TRUE(control_->add_domain(Domain::parse("gmail.test").value(), ""));
  block_on(loop_, keeper_->tick());
  block_on(loop_, keeper_->tick());
  EXPECT_EQ(states(), "ed25519=pending rsa=pending");
  EXPECT_EQ(keeper_->keys_of("gmail.test").size(), 2U);
}

TEST_F(KeeperTest, ManyDomainsGetTheirsInTurnsThatEnd) {
  constexpr int kDomains = 50;
  for (int i = 0; i < kDomains; ++i) {
    ASSERT_TRUE(control_->add_domain(Domain::parse(concat("d", i, ".test")).value(), ""));
  }
  std::vector<std::size_t> after;
  for (int turn = 0; turn < 4; ++turn) {
    block_on(loop_, keeper_->tick());
    after.push_back(control_->dkim_keys().value().size());
  }
  EXPECT_EQ(after, (std::vector<std::size_t>{40, 80, 102, 102}));
}

TEST_F(KeeperTest, TheDnsIsAskedFromTimeToTime) {
  block_on(loop_, keeper_->tick());
  publish_all();
  block_on(loop_, keeper_->tick());
  EXPECT_EQ(dns_.questions(), 0U);  // not in the first minute
  clock_.advance(seconds(60));
  block_on(loop_, keeper_->tick());
  EXPECT_EQ(states(), "ed25519=active rsa=active");
  const std::size_t asked = dns_.questions();
  block_on(loop_, keeper_->tick());
  EXPECT_EQ(dns_.questions(), asked);
  clock_.advance(settings_.check_every);
  block_on(loop_, keeper_->tick());
  EXPECT_EQ(dns_.questions(), 2 * asked);
}

TEST_F(KeeperTest, TheScheduleMakesNewKeys) {
  settings_.rotation.on_schedule = true;
  settings_.rotation.rotate_after = days(90);
  keeper_->reload(settings_);
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  publish_all();
  look();
  clock_.advance(days(89));
  look();
  EXPECT_EQ(states(), "ed25519=active rsa=active");
  clock_.advance(days(1));
  look();
  look();
  EXPECT_EQ(states(), "ed25519=active rsa=active ed25519=pending rsa=pending");
}

TEST_F(KeeperTest, KeysGoWithTheirDomain) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  ASSERT_TRUE(control_->remove_domain(Domain::parse("yahoo.test").value(), true));
  ASSERT_TRUE(keeper_->refresh());
  EXPECT_EQ(states(), "");
  EXPECT_EQ(keeper_->make("yahoo.test").error().code, Errc::not_found);
  EXPECT_EQ(states(), "");
}

TEST_F(KeeperTest, WithoutTheKeyFileNothingIsSignedAndRotationHelps) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  publish_all();
  look();
  keeper_.reset();
  std::filesystem::remove(folder_ / "dkim.key");
  open();
  EXPECT_EQ(signing(), 0U);
  clock_.advance(days(1));
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  publish_all();
  look();
  EXPECT_EQ(signing(), 2U);
}

TEST_F(KeeperTest, TheNearestDomainAboveAHostSignsForIt) {
  ASSERT_TRUE(keeper_->make("yahoo.test"));
  publish_all();
  look();
  const auto ring = keeper_->ring();
  EXPECT_EQ(ring->nearest("mx.yahoo.test").size(), 2U);
  EXPECT_EQ(ring->nearest("yahoo.test").size(), 2U);
  EXPECT_TRUE(ring->nearest("notyahoo.test").empty());
  EXPECT_TRUE(ring->of("mx.yahoo.test").empty());
}

TEST_F(KeeperTest, AKeyFileIsItsOwnersAlone) {
  const std::filesystem::path path = folder_ / "own.key";
  ASSERT_TRUE(os::replace_file(path, "a phrase of thirty-two characters\n", 0600));
  const KeyFile file{.configured = path, .credentials = {}, .state = folder_};
  EXPECT_TRUE(open_key_file(file));
  ::chmod(path.c_str(), 0640);
  EXPECT_EQ(open_key_file(file).error().code, Errc::not_allowed);
  ASSERT_TRUE(os::replace_file(path, "short\n", 0600));
  EXPECT_EQ(open_key_file(file).error().code, Errc::invalid_argument);
}

TEST_F(KeeperTest, TheKeyFileThatIsNamedFirstIsTaken) {
  const std::filesystem::path credentials = folder_ / "credentials";
  KeyFile file{.configured = {}, .credentials = credentials, .state = folder_};
  EXPECT_EQ(file.path(), folder_ / "dkim.key");  // the service has no such credential
  ASSERT_TRUE(os::make_directories(credentials, 0700));
  ASSERT_TRUE(os::replace_file(credentials / "dkim.key", "another phrase of over 32 characters"));
  EXPECT_EQ(file.path(), credentials / "dkim.key");
  EXPECT_TRUE(open_key_file(file));
  file.configured = "/elsewhere/dkim.key";
  EXPECT_EQ(file.path(), "/elsewhere/dkim.key");
}

}  // namespace
}  // namespace mail::signing
