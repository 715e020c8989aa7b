// Control stores as earlier programs left them, which open with all they hold (security.md 67). The
// text of a version is never edited: files like it are out there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "platform/sql/database.h"
#include "service/directory/control_store.h"

namespace mail {
namespace {

constexpr std::string_view kTablesOfOne = R"sql(
CREATE TABLE domain (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL
) STRICT;
CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain TEXT NOT NULL REFERENCES domain (name),
  address TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  quota_bytes INTEGER
) STRICT;
CREATE INDEX account_by_domain ON account (domain);
CREATE TABLE alias (
  address TEXT PRIMARY KEY,
  domain TEXT NOT NULL REFERENCES domain (name) ON DELETE CASCADE
) STRICT;
CREATE INDEX alias_by_domain ON alias (domain);
CREATE TABLE alias_member (
  alias TEXT NOT NULL REFERENCES alias (address) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  member TEXT NOT NULL,
  PRIMARY KEY (alias, position)
) STRICT;
)sql";
constexpr std::string_view kRowsOfOne = R"sql(
INSERT INTO domain VALUES (1, 'yahoo.test', 'jerry@yahoo.test');
INSERT INTO account VALUES (7, 'yahoo.test', 'jerry@yahoo.test', '$y$hash', 1, 1000);
INSERT INTO alias VALUES ('team@yahoo.test', 'yahoo.test');
INSERT INTO alias_member VALUES ('team@yahoo.test', 0, 'jerry@yahoo.test');
)sql";

constexpr std::string_view kTablesOfTwo = R"sql(
CREATE TABLE send_as (
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  pattern TEXT NOT NULL,
  PRIMARY KEY (account, pattern)
) STRICT, WITHOUT ROWID;
)sql";
constexpr std::string_view kRowsOfTwo = R"sql(
INSERT INTO send_as VALUES (7, '*@gmail.test');
)sql";

constexpr std::string_view kTablesOfThree = R"sql(
ALTER TABLE account ADD COLUMN scram TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN cram_md5 TEXT NOT NULL DEFAULT '';
CREATE TABLE app_password (
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  scram TEXT NOT NULL,
  may_submit INTEGER NOT NULL,
  may_read INTEGER NOT NULL,
  created INTEGER NOT NULL,
  last_used INTEGER,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
ALTER TABLE alias ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE TABLE secret (
  purpose TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";
constexpr std::string_view kRowsOfThree = R"sql(
UPDATE account SET scram = 'keys', cram_md5 = 'state';
INSERT INTO app_password VALUES (7, 'phone', 'digest', 'more keys', 1, 0, 1700000000000, NULL);
UPDATE alias SET owner = 'jerry@yahoo.test';
INSERT INTO secret VALUES
  ('login', '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
)sql";

class ControlFixture : public testing::TestWithParam<int> {
 protected:
  ControlFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-control-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    std::string script = concat(kTablesOfOne, kRowsOfOne);
    if (GetParam() >= 2) append(script, kTablesOfTwo, kRowsOfTwo);
    if (GetParam() >= 3) append(script, kTablesOfThree, kRowsOfThree);
    append(script, "PRAGMA user_version = ", GetParam(), ";");
    const Result<std::unique_ptr<sql::Database>> raw = sql::Database::open(file());
    const Result<void> made = (*raw)->run_script(script.c_str());
    EXPECT_TRUE(made) << describe(made.error());
  }
  ~ControlFixture() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file() const { return folder_ / "control.db"; }
  std::filesystem::path folder_;
};

TEST_P(ControlFixture, OpensWithAllItHolds) {
  for (int round = 0; round < 2; ++round) {  // the second time it is up to date
    const Result<std::unique_ptr<ControlStore>> store = ControlStore::open(file());
    ASSERT_TRUE(store) << describe(store.error());
    const std::shared_ptr<const Directory> now = (*store)->snapshot();
    ASSERT_EQ(now->domains().size(), 1U);
    EXPECT_EQ(now->domains()[0].owner, "jerry@yahoo.test");
    const AccountRow* jerry = now->account("jerry@yahoo.test");
    ASSERT_NE(jerry, nullptr);
    EXPECT_EQ(jerry->id, AccountId{7});
    EXPECT_EQ(jerry->password_hash, "$y$hash");
    EXPECT_TRUE(jerry->disabled);
    EXPECT_EQ(jerry->quota_bytes, 1000U);
    EXPECT_EQ(jerry->send_as.size(), GetParam() >= 2 || round == 1 ? 1U : 0U);
    EXPECT_EQ(jerry->scram, GetParam() >= 3 ? "keys" : "");
    EXPECT_EQ(jerry->cram_md5, GetParam() >= 3 ? "state" : "");
    ASSERT_EQ(jerry->app_passwords.size(), GetParam() >= 3 ? 1U : 0U);
    if (GetParam() >= 3) {
      EXPECT_EQ(jerry->app_passwords[0].name, "phone");
      EXPECT_EQ(jerry->app_passwords[0].rights, (Rights{true, false}));
      EXPECT_EQ((*store)->login_secret()[31], std::byte{0x1F});
    }
    const AliasRow* team = now->alias("team@yahoo.test");
    ASSERT_NE(team, nullptr);
    EXPECT_EQ(team->members, std::vector<std::string>{"jerry@yahoo.test"});
    EXPECT_EQ(team->is_list(), GetParam() >= 3);
    EXPECT_TRUE((*store)->check());
    ASSERT_TRUE((*store)->grant(Mailbox::parse("jerry@yahoo.test").value(), {"*@gmail.test"}));
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, ControlFixture, testing::Values(1, 2, 3));

}  // namespace
}  // namespace mail
