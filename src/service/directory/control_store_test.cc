#include "service/directory/control_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "platform/sql/database.h"

namespace mail {
namespace {

Domain domain(std::string_view text) { return Domain::parse(text).value(); }
Mailbox address(std::string_view text) { return Mailbox::parse(text).value(); }

class ControlStoreTest : public testing::Test {
 protected:
  ControlStoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-control-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ / "control.db";
    reopen();
  }
  ~ControlStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void reopen() {
    store_.reset();
    Result<std::unique_ptr<ControlStore>> opened = ControlStore::open(file_);
    ASSERT_TRUE(opened) << describe(opened.error());
    store_ = std::move(*opened);
  }
  void add_domain(std::string_view name, const std::string& owner = "") {
    const Result<void> added = store_->add_domain(domain(name), owner);
    ASSERT_TRUE(added) << describe(added.error());
  }
  AccountId add_account(std::string_view text) {
    const Result<AccountId> added = store_->add_account(address(text), "$y$hash", std::nullopt);
    EXPECT_TRUE(added) << describe(added.error());
    return added.value_or(AccountId{});
  }
  std::string owner_of(std::string_view name) const {
    for (const DomainRow& row : store_->snapshot()->domains()) {
      if (row.name == name) return row.owner;
    }
    return "no such domain";
  }
  template <typename T>
  static void expect_error(const Result<T>& result, Errc code, std::string_view sentence) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_NE(result.error().detail.find(sentence), std::string::npos) << result.error().detail;
  }

  std::filesystem::path folder_;
  std::filesystem::path file_;
  std::unique_ptr<ControlStore> store_;
};

TEST_F(ControlStoreTest, WhatWasAddedIsInTheNextSnapshotAndAfterReopening) {
  add_domain("Yahoo.test");
  ASSERT_TRUE(store_->add_account(address("Jerry@yahoo.test"), "$y$hash", 1000));
  add_account("ann@yahoo.test");
  ASSERT_TRUE(store_->add_alias("Team@yahoo.test", {"ann@yahoo.test", "JERRY@yahoo.test"}));
  for (int round = 0; round < 2; ++round) {
    const std::shared_ptr<const Directory> now = store_->snapshot();
    ASSERT_EQ(now->domains().size(), 1u);
    EXPECT_EQ(now->domains()[0].name, "yahoo.test");
    const AccountRow* jerry = now->account("jerry@yahoo.test");
    ASSERT_NE(jerry, nullptr);
    EXPECT_EQ(jerry->password_hash, "$y$hash");
    EXPECT_TRUE(jerry->has_quota);
    EXPECT_EQ(jerry->quota_bytes, 1000u);
    EXPECT_FALSE(now->account("ann@yahoo.test")->has_quota);
    const AliasRow* team = now->alias("team@yahoo.test");
    ASSERT_NE(team, nullptr);
    EXPECT_EQ(team->members, (std::vector<std::string>{"ann@yahoo.test", "jerry@yahoo.test"}));
    reopen();
  }
}

TEST_F(ControlStoreTest, ASnapshotInUseNeverChanges) {
  const std::shared_ptr<const Directory> before = store_->snapshot();
  add_domain("yahoo.test");
  EXPECT_TRUE(before->domains().empty());
  EXPECT_TRUE(store_->snapshot()->is_local(domain("yahoo.test")));
}

TEST_F(ControlStoreTest, RefusalsSayWhatToDoAndChangeNothing) {
  expect_error(store_->add_account(address("tom@yahoo.test"), "h", {}), Errc::not_found,
               "no domain yahoo.test here: add it first with 'mailwright domain add yahoo.test'");
  expect_error(store_->add_domain(domain("[192.0.2.1]"), ""), Errc::invalid_argument, "yahoo.test");
  expect_error(store_->add_domain(domain("a.test"), "x@b.test"), Errc::not_found, "no account");
  expect_error(store_->add_domain(domain("a.test"), "no address"), Errc::invalid_argument,
               "'no address' is no mail address");
  expect_error(store_->remove_domain(domain("a.test"), true), Errc::not_found, "domain list");
  expect_error(store_->set_password(address("a@a.test"), "h"), Errc::not_found, "account list");
  expect_error(store_->set_disabled(address("a@a.test"), true), Errc::not_found, "account list");
  expect_error(store_->remove_account(address("a@a.test")), Errc::not_found, "account list");
  expect_error(store_->remove_alias("a@a.test"), Errc::not_found, "alias list");
  EXPECT_TRUE(store_->snapshot()->domains().empty());
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  expect_error(store_->add_domain(domain("YAHOO.test"), ""), Errc::already_exists, "already");
  expect_error(store_->add_account(address("JERRY@yahoo.test"), "h", {}), Errc::already_exists,
               "account passwd");
  expect_error(store_->add_account({"postmaster", {}}, "h", {}), Errc::invalid_argument,
               "whole address");
  expect_error(store_->add_account(address("big@yahoo.test"), "h", ~0ULL), Errc::invalid_argument,
               "quota");
  EXPECT_EQ(store_->snapshot()->accounts().size(), 1u);
}

TEST_F(ControlStoreTest, BadAliasesAreRefused) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  const std::vector<std::string> jerry{"jerry@yahoo.test"};
  expect_error(store_->add_alias("a@gmail.test", jerry), Errc::not_found, "domain add gmail.test");
  expect_error(store_->add_alias("@gmail.test", jerry), Errc::not_found, "domain add gmail.test");
  expect_error(store_->add_alias("@", jerry), Errc::invalid_argument, "catch-all");
  expect_error(store_->add_alias("a b", jerry), Errc::invalid_argument, "no mail address");
  expect_error(store_->add_alias("jerry@yahoo.test", jerry), Errc::already_exists, "is an account");
  expect_error(store_->add_alias("a@yahoo.test", {}), Errc::invalid_argument,
               "at least one member");
  expect_error(store_->add_alias("a@yahoo.test", {"gerry@yahoo.test"}), Errc::not_found,
               "the member gerry@yahoo.test is nobody here");
  expect_error(store_->add_alias("a@yahoo.test", {"A@yahoo.test"}), Errc::invalid_argument,
               "its own member");
  EXPECT_TRUE(store_->snapshot()->aliases().empty());
  ASSERT_TRUE(store_->add_alias("a@yahoo.test", jerry));
  expect_error(store_->add_alias("A@yahoo.test", jerry), Errc::already_exists, "alias remove");
  expect_error(store_->add_account(address("a@yahoo.test"), "h", {}), Errc::already_exists,
               "alias remove a@yahoo.test");
}

TEST_F(ControlStoreTest, AnAliasHasEachMemberOnceAndMayPointElsewhere) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  ASSERT_TRUE(store_->add_alias(
      "@yahoo.test", {"Tom@GMAIL.test", "jerry@yahoo.test", "Tom@gmail.test", "JERRY@yahoo.test"}));
  EXPECT_EQ(store_->snapshot()->alias("@yahoo.test")->members,
            (std::vector<std::string>{"Tom@gmail.test", "jerry@yahoo.test"}))
      << "case is ours to ignore only in our own addresses (RFC 5321 §2.4)";
  ASSERT_TRUE(store_->remove_alias("@YAHOO.test"));
  EXPECT_TRUE(store_->snapshot()->aliases().empty());
}

TEST_F(ControlStoreTest, PasswordAndStateOfAnAccountChange) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  ASSERT_TRUE(store_->set_password(address("JERRY@yahoo.test"), "$y$other"));
  ASSERT_TRUE(store_->set_disabled(address("jerry@yahoo.test"), true));
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->password_hash, "$y$other");
  EXPECT_TRUE(store_->snapshot()->account("jerry@yahoo.test")->disabled);
  ASSERT_TRUE(store_->set_disabled(address("jerry@yahoo.test"), false));
  EXPECT_FALSE(store_->snapshot()->account("jerry@yahoo.test")->disabled);
}

TEST_F(ControlStoreTest, AHashIsReplacedOnlyWhereItIsStillTheOneThatWasChecked) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  ASSERT_TRUE(store_->refresh_password("jerry@yahoo.test", "$y$other", "$y$new"));
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->password_hash, "$y$hash");
  ASSERT_TRUE(store_->refresh_password("jerry@yahoo.test", "$y$hash", "$y$new"));
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->password_hash, "$y$new");
}

TEST_F(ControlStoreTest, KeysOfAPasswordGoWithItAndAreKeptWhereItOnlyChangesItsForm) {
  add_domain("yahoo.test");
  Credential first("$y$first");
  first.scram = "keys";
  first.cram_md5 = "state";
  ASSERT_TRUE(store_->add_account(address("jerry@yahoo.test"), first, std::nullopt));
  const auto jerry = [this] { return *store_->snapshot()->account("jerry@yahoo.test"); };
  EXPECT_EQ(jerry().scram, "keys");
  EXPECT_EQ(jerry().cram_md5, "state");
  EXPECT_TRUE(store_->snapshot()->has_cram_md5());
  ASSERT_TRUE(store_->refresh_password("jerry@yahoo.test", "$y$first", "$y$again"));
  EXPECT_EQ(jerry().scram, "keys");
  Credential keyed("$y$again");
  keyed.scram = "new keys";
  ASSERT_TRUE(store_->refresh_password("jerry@yahoo.test", "$y$again", keyed));
  EXPECT_EQ(jerry().scram, "new keys");
  EXPECT_EQ(jerry().cram_md5, "state");
  ASSERT_TRUE(store_->set_password(address("jerry@yahoo.test"), "$6$imported"));
  EXPECT_EQ(jerry().scram, "");
  EXPECT_EQ(jerry().cram_md5, "");
  EXPECT_FALSE(store_->snapshot()->has_cram_md5());
}

TEST_F(ControlStoreTest, AppPasswordsComeAndGoWithTheirNamesAndTheirAccount) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  add_account("ann@yahoo.test");
  const Mailbox jerry = address("jerry@yahoo.test");
  const WallTime made{Milliseconds{1'000}};
  ASSERT_TRUE(store_->add_app_password(jerry, {"Phone", "d1", "k1", {true, false}}, made));
  ASSERT_TRUE(store_->add_app_password(jerry, {"laptop", "d2", "k2", {}}, made));
  expect_error(store_->add_app_password(jerry, {"phone", "d3", "k3", {}}, made),
               Errc::already_exists, "phone of jerry@yahoo.test is here already");
  for (const char* bad : {"", "a/b", "a b", "a@b", "123456789012345678901234567890123"}) {
    expect_error(store_->add_app_password(jerry, {bad, "d", "k", {}}, made), Errc::invalid_argument,
                 "is no name for an app password");
  }
  expect_error(store_->add_app_password(address("no@yahoo.test"), {"x", "d", "k", {}}, made),
               Errc::not_found, "no account");
  reopen();
  const AccountRow row = *store_->snapshot()->account("jerry@yahoo.test");
  ASSERT_EQ(row.app_passwords.size(), 2u);
  EXPECT_EQ(row.app_passwords[0].name, "laptop");
  EXPECT_EQ(row.app_passwords[1].name, "phone");
  EXPECT_EQ(row.app_passwords[1].digest, "d1");
  EXPECT_EQ(row.app_passwords[1].scram, "k1");
  EXPECT_EQ(row.app_passwords[1].rights, (Rights{true, false}));

  ASSERT_TRUE(store_->note_app_password_used(row.id, "phone", WallTime{Milliseconds{5'000}}));
  const std::vector<AppPasswordUse> uses = store_->app_passwords(jerry).value();
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_FALSE(uses[0].last_used);
  EXPECT_EQ(uses[1].created, made);
  EXPECT_EQ(uses[1].last_used, WallTime{Milliseconds{5'000}});

  ASSERT_TRUE(store_->remove_app_password(jerry, "PHONE"));
  expect_error(store_->remove_app_password(jerry, "phone"), Errc::not_found, "no app password");
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->app_passwords.size(), 1u);
  ASSERT_TRUE(store_->remove_account(jerry));
  add_account("jerry@yahoo.test");
  EXPECT_TRUE(store_->snapshot()->account("jerry@yahoo.test")->app_passwords.empty());
}

TEST_F(ControlStoreTest, TheSecretForLoginsStaysTheSame) {
  const auto before = std::vector(store_->login_secret().begin(), store_->login_secret().end());
  EXPECT_NE(before, std::vector<std::byte>(32));
  reopen();
  EXPECT_TRUE(std::ranges::equal(store_->login_secret(), before));
}

TEST_F(ControlStoreTest, AListHasAnOwnerWhoIsThere) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  add_account("ann@yahoo.test");
  ASSERT_TRUE(store_->add_alias("team@yahoo.test", {"ann@yahoo.test"}, "Jerry@Yahoo.test"));
  ASSERT_TRUE(store_->add_alias("far@yahoo.test", {"ann@yahoo.test"}, "Owner@elsewhere.test"));
  ASSERT_TRUE(store_->add_alias("plain@yahoo.test", {"ann@yahoo.test"}));
  reopen();
  const auto alias = [this](const char* text) { return *store_->snapshot()->alias(text); };
  EXPECT_EQ(to_lower(alias("team@yahoo.test").owner), "jerry@yahoo.test");
  EXPECT_EQ(alias("far@yahoo.test").owner, "Owner@elsewhere.test");
  EXPECT_FALSE(alias("plain@yahoo.test").is_list());
  expect_error(store_->add_alias("x@yahoo.test", {"ann@yahoo.test"}, "x@yahoo.test"),
               Errc::invalid_argument, "cannot own itself");
  expect_error(store_->add_alias("x@yahoo.test", {"ann@yahoo.test"}, "no@yahoo.test"),
               Errc::not_found, "owner no@yahoo.test is nobody here");
  expect_error(store_->add_alias("@yahoo.test", {"ann@yahoo.test"}, "ann@yahoo.test"),
               Errc::invalid_argument, "cannot be a list");
  expect_error(store_->add_alias("x@yahoo.test", {"ann@yahoo.test"}, "nonsense"),
               Errc::invalid_argument, "is no mail address");
}

TEST_F(ControlStoreTest, TheFirstAccountOwnsItsDomainWhereNobodyIsNamed) {
  add_domain("yahoo.test");
  EXPECT_EQ(owner_of("yahoo.test"), "");
  add_account("jerry@yahoo.test");
  add_account("ann@yahoo.test");
  EXPECT_EQ(owner_of("yahoo.test"), "jerry@yahoo.test");
}

TEST_F(ControlStoreTest, TheOwnerNamedStaysTheOwner) {
  add_domain("yahoo.test", "Ann@yahoo.test");  // her account comes later
  add_account("jerry@yahoo.test");
  add_account("ann@yahoo.test");
  add_domain("gmail.test", "ann@yahoo.test");
  add_account("tom@gmail.test");
  EXPECT_EQ(owner_of("yahoo.test"), "ann@yahoo.test");
  EXPECT_EQ(owner_of("gmail.test"), "ann@yahoo.test");
}

TEST_F(ControlStoreTest, ADomainPassesToItsOldestAccountLeft) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  add_account("ann@yahoo.test");
  add_account("zoe@yahoo.test");
  add_domain("empty.test", "jerry@yahoo.test");
  ASSERT_TRUE(store_->remove_account(address("jerry@yahoo.test")));
  EXPECT_EQ(owner_of("yahoo.test"), "ann@yahoo.test");
  EXPECT_EQ(owner_of("empty.test"), "");
}

TEST_F(ControlStoreTest, TheLastAccountStays) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  add_domain("gmail.test");
  add_account("tom@gmail.test");
  expect_error(store_->remove_account(address("jerry@yahoo.test")), Errc::invalid_argument,
               "postmaster must reach somebody");
  EXPECT_NE(store_->snapshot()->account("jerry@yahoo.test"), nullptr);
}

// An account is put into the snapshot there is; all else reads the tables again.
TEST_F(ControlStoreTest, ASnapshotThatGrewIsTheOneThatWouldBeRead) {
  add_domain("yahoo.test");
  add_domain("owned.test", "boss@owned.test");
  add_domain("empty.test");
  for (int i = 0; i < 300; ++i) {
    const std::string domain = i % 3 == 0 ? "owned.test" : "yahoo.test";
    Credential credential("$y$hash");
    credential.scram = i % 5 == 0 ? "keys" : "";
    credential.cram_md5 = i == 250 ? "state" : "";
    ASSERT_TRUE(store_->add_account(address(concat("user", i, '@', domain)), credential,
                                    i % 2 == 0 ? std::optional<std::uint64_t>(i) : std::nullopt,
                                    {"z@a.test", "*@b.test", "z@a.test"}));
    EXPECT_EQ(store_->snapshot()->has_cram_md5(), i >= 250);
  }
  EXPECT_EQ(owner_of("owned.test"), "boss@owned.test");
  add_account("boss@owned.test");
  const std::shared_ptr<const Directory> grown = store_->snapshot();
  reopen();
  const std::shared_ptr<const Directory> read = store_->snapshot();
  ASSERT_EQ(grown->accounts().size(), read->accounts().size());
  for (const AccountRow& row : read->accounts()) {
    const AccountRow* same = grown->account(row.address);
    ASSERT_NE(same, nullptr) << row.address;
    EXPECT_EQ(grown->account(row.id), same);
    EXPECT_EQ(std::tie(same->id.value, same->password_hash, same->disabled, same->quota_bytes,
                       same->has_quota, same->send_as, same->scram, same->cram_md5),
              std::tie(row.id.value, row.password_hash, row.disabled, row.quota_bytes,
                       row.has_quota, row.send_as, row.scram, row.cram_md5));
  }
  for (const char* domain : {"yahoo.test", "owned.test"}) {
    const Mailbox postmaster = address(concat("postmaster@", domain));
    EXPECT_EQ(grown->resolve(postmaster).members.at(0).address,
              read->resolve(postmaster).members.at(0).address);
  }
  EXPECT_EQ(read->resolve(address("postmaster@owned.test")).members[0].address, "boss@owned.test");
}

TEST_F(ControlStoreTest, AnIdIsNeverUsedAgain) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  const AccountId ann = add_account("ann@yahoo.test");
  EXPECT_EQ(store_->remove_account(address("ann@yahoo.test")), ann);
  reopen();
  EXPECT_NE(add_account("ann@yahoo.test"), ann) << "she would read the mail of the other Ann";
}

TEST_F(ControlStoreTest, ADomainGoesWithItsAccountsOnlyWhenThatIsSaid) {
  add_domain("yahoo.test");
  const AccountId jerry = add_account("jerry@yahoo.test");
  const AccountId ann = add_account("ann@yahoo.test");
  ASSERT_TRUE(store_->add_alias("team@yahoo.test", {"ann@yahoo.test"}));
  add_domain("sub.yahoo.test", "ann@yahoo.test");
  add_account("kid@sub.yahoo.test");
  expect_error(store_->remove_domain(domain("yahoo.test"), false), Errc::invalid_argument,
               "still has 2 accounts");
  EXPECT_EQ(store_->snapshot()->accounts().size(), 3u);
  EXPECT_EQ(store_->remove_domain(domain("yahoo.test"), true),
            (std::vector<AccountId>{jerry, ann}));
  const std::shared_ptr<const Directory> now = store_->snapshot();
  EXPECT_FALSE(now->is_local(domain("yahoo.test")));
  EXPECT_EQ(now->accounts().size(), 1u);
  EXPECT_TRUE(now->aliases().empty());
  EXPECT_EQ(owner_of("sub.yahoo.test"), "kid@sub.yahoo.test");
}

TEST_F(ControlStoreTest, ANewerFileIsRefusedAndLeftAsItIs) {
  add_domain("yahoo.test");
  std::int64_t ours = 0;
  store_.reset();
  {
    Result<std::unique_ptr<sql::Database>> raw = sql::Database::open(file_);
    ours = (*raw)->user_version().value();
    ASSERT_TRUE((*raw)->set_user_version(1000));
  }
  expect_error(ControlStore::open(file_), Errc::store_newer, "a newer Mailwright has written it");
  Result<std::unique_ptr<sql::Database>> raw = sql::Database::open(file_);
  EXPECT_EQ((*raw)->user_version(), 1000);
  ASSERT_TRUE((*raw)->set_user_version(ours));
  raw->reset();
  reopen();
  EXPECT_TRUE(store_->snapshot()->is_local(domain("yahoo.test")));
}

TEST_F(ControlStoreTest, GrantsComeAndGoAndStayWithTheirAccount) {
  add_domain("yahoo.test");
  using Patterns = std::vector<std::string>;
  const auto granted = [this](std::string_view account) {
    return store_->snapshot()->account(account)->send_as;
  };
  add_account("jerry@yahoo.test");
  ASSERT_TRUE(store_->add_account(address("ann@yahoo.test"), "$y$hash", std::nullopt,
                                  {"Team@Yahoo.test", "*@GMAIL.test", "team@yahoo.test"}));
  EXPECT_EQ(granted("ann@yahoo.test"), (Patterns{"*@gmail.test", "team@yahoo.test"}));
  EXPECT_EQ(granted("jerry@yahoo.test"), Patterns{});
  ASSERT_TRUE(store_->grant(address("Jerry@yahoo.test"), {"z@a.test", "a@z.test", "z@a.test"}));
  ASSERT_TRUE(store_->grant(address("jerry@yahoo.test"), {"a@z.test"})) << "granted already";
  reopen();
  EXPECT_EQ(granted("jerry@yahoo.test"), (Patterns{"a@z.test", "z@a.test"}));
  expect_error(store_->revoke(address("jerry@yahoo.test"), {"a@z.test", "b@z.test"}),
               Errc::not_found, "b@z.test is not granted to jerry@yahoo.test");
  EXPECT_EQ(granted("jerry@yahoo.test"), (Patterns{"a@z.test", "z@a.test"}));
  ASSERT_TRUE(store_->revoke(address("jerry@yahoo.test"), {"A@z.test"}));
  EXPECT_EQ(granted("jerry@yahoo.test"), Patterns{"z@a.test"});
  ASSERT_TRUE(store_->remove_account(address("ann@yahoo.test")));
  add_account("ann@yahoo.test");
  EXPECT_EQ(granted("ann@yahoo.test"), Patterns{}) << "grants went with the other Ann";
}

TEST_F(ControlStoreTest, BadGrantsAreRefusedAndChangeNothing) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  const Mailbox jerry = address("jerry@yahoo.test");
  for (const char* bad : {"", "*", "@gmail.test", "gmail.test", "*@", "je*@gmail.test",
                          "**@gmail.test", "*@*", "*@*.gmail.test", "postmaster"}) {
    expect_error(store_->grant(jerry, {"fine@gmail.test", bad}), Errc::invalid_argument,
                 "is no sender to grant");
    expect_error(store_->add_account(address("x@yahoo.test"), "$y$hash", std::nullopt, {bad}),
                 Errc::invalid_argument, "is no sender to grant");
  }
  expect_error(store_->grant(address("no@yahoo.test"), {"a@b.test"}), Errc::not_found,
               "no account");
  expect_error(store_->revoke(address("no@yahoo.test"), {"a@b.test"}), Errc::not_found,
               "no account");
  EXPECT_TRUE(store_->snapshot()->account("jerry@yahoo.test")->send_as.empty());
  EXPECT_EQ(store_->snapshot()->account("x@yahoo.test"), nullptr);
}

TEST_F(ControlStoreTest, TheDatabaseOfAnotherProgramIsRefused) {
  const std::filesystem::path other = folder_ / "other.db";
  {
    Result<std::unique_ptr<sql::Database>> raw = sql::Database::open(other);
    ASSERT_TRUE((*raw)->run("CREATE TABLE song (title TEXT)"));
  }
  expect_error(ControlStore::open(other), Errc::invalid_argument, "another program");
}

TEST_F(ControlStoreTest, ABackupIsAControlStoreOfThatMoment) {
  add_domain("yahoo.test");
  add_account("jerry@yahoo.test");
  ASSERT_TRUE(store_->backup(folder_ / "copy.db"));
  add_account("ann@yahoo.test");
  Result<std::unique_ptr<ControlStore>> copy = ControlStore::open(folder_ / "copy.db");
  ASSERT_TRUE(copy);
  EXPECT_EQ((*copy)->snapshot()->accounts().size(), 1u);
  EXPECT_TRUE((*copy)->check());
  EXPECT_TRUE(store_->check());
}

}  // namespace
}  // namespace mail
