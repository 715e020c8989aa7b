#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "platform/sql/database.h"
#include "service/directory/control_store.h"

namespace mail {
namespace {

constexpr WallTime kThen{Milliseconds(1'795'325'077'000)};

class ControlKeysTest : public testing::Test {
 protected:
  ControlKeysTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-keys-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    reopen();
    EXPECT_TRUE(store_->add_domain(Domain::parse("yahoo.test").value(), ""));
  }
  ~ControlKeysTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void reopen() {
    store_.reset();
    store_ = ControlStore::open(folder_ / "control.db").value();
  }
  static DkimKeyRow key(std::string domain, std::string selector) {
    DkimKeyRow row;
    row.domain = std::move(domain);
    row.selector = std::move(selector);
    row.kind = crypto::KeyKind::ed25519;
    row.made = kThen;
    row.changed = kThen + Milliseconds(5);
    row.private_key = "sealed";
    row.public_key = "AAAA";
    return row;
  }

  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> store_;
};

TEST_F(ControlKeysTest, KeysAreKeptWithAllThatIsKnownOfThem) {
  ASSERT_TRUE(store_->write_dkim_keys({key("yahoo.test", "a"), key("yahoo.test", "b")}));
  DkimKeyRow changed = key("yahoo.test", "b");
  changed.state = DkimKeyState::retired;
  changed.forced = true;
  changed.private_key.clear();
  ASSERT_TRUE(store_->write_dkim_keys({changed}));
  reopen();
  const auto rows = store_->dkim_keys();
  ASSERT_TRUE(rows && rows->size() == 2);
  EXPECT_EQ(rows->at(0).selector, "a");
  EXPECT_EQ(rows->at(0).kind, crypto::KeyKind::ed25519);
  EXPECT_EQ(rows->at(0).state, DkimKeyState::pending);
  EXPECT_EQ(rows->at(0).made, kThen);
  EXPECT_EQ(rows->at(0).changed, kThen + Milliseconds(5));
  EXPECT_EQ(rows->at(0).private_key, "sealed");
  EXPECT_EQ(rows->at(0).public_key, "AAAA");
  EXPECT_EQ(rows->at(1).state, DkimKeyState::retired);
  EXPECT_TRUE(rows->at(1).forced);
  EXPECT_EQ(rows->at(1).private_key, "");
}

TEST_F(ControlKeysTest, AllOrNoneAreWritten) {
  const auto written = store_->write_dkim_keys({key("yahoo.test", "a"), key("gmail.test", "a")});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::not_found);
  EXPECT_TRUE(store_->dkim_keys()->empty());
}

TEST_F(ControlKeysTest, ADomainComesWithAllItsKeysOrNotAtAll) {
  const Domain domain = Domain::parse("gmail.test").value();
  const std::vector<DkimKeyRow> keys = {key("gmail.test", "a"), key("gmail.test", "b")};
  const auto raw = sql::Database::open(folder_ / "control.db").value();
  ASSERT_TRUE(
      raw->run_script("CREATE TRIGGER full BEFORE INSERT ON dkim_key WHEN NEW.selector = "
                      "'b' BEGIN SELECT RAISE(ABORT, 'no room'); END;"));
  EXPECT_FALSE(store_->add_domain(domain, "", keys));
  EXPECT_FALSE(store_->snapshot()->is_local(domain));
  reopen();
  EXPECT_FALSE(store_->snapshot()->is_local(domain));
  EXPECT_TRUE(store_->dkim_keys()->empty());
  ASSERT_TRUE(raw->run_script("DROP TRIGGER full;"));
  EXPECT_TRUE(store_->add_domain(domain, "", keys));
  EXPECT_TRUE(store_->snapshot()->is_local(domain));
  EXPECT_EQ(store_->dkim_keys()->size(), 2U);
}

TEST_F(ControlKeysTest, KeysGoAloneAndWithTheirDomain) {
  ASSERT_TRUE(store_->write_dkim_keys({key("yahoo.test", "a"), key("yahoo.test", "b")}));
  ASSERT_TRUE(store_->remove_dkim_key("yahoo.test", "a"));
  EXPECT_EQ(store_->dkim_keys()->size(), 1U);
  ASSERT_TRUE(store_->remove_domain(Domain::parse("yahoo.test").value(), false));
  EXPECT_TRUE(store_->dkim_keys()->empty());
}

TEST_F(ControlKeysTest, ASecretIsMadeOnceForEachPurpose) {
  const std::string srs = store_->secret("srs").value();
  EXPECT_EQ(srs.size(), 64U);
  EXPECT_NE(store_->secret("other").value(), srs);
  reopen();
  EXPECT_EQ(store_->secret("srs").value(), srs);
}

// "back=SENDER" stands for SENDER.
class PlainForwarding final : public Forwarding {
 public:
  std::optional<std::string> rewrite(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
  std::optional<std::string> sender_behind(const Mailbox& recipient) const override {
    if (!recipient.local_part.starts_with("back=")) return std::nullopt;
    std::string sender = recipient.local_part.substr(5);
    sender[sender.find('=')] = '@';
    return sender;
  }
};

TEST_F(ControlKeysTest, ANoticeFindsTheSenderThatWasRewritten) {
  const auto resolve = [this](std::string_view address) {
    return store_->snapshot()->resolve(Mailbox::parse(address).value());
  };
  EXPECT_EQ(resolve("back=Tom=gmail.test@yahoo.test").kind, Resolution::Kind::unknown_user);
  ASSERT_TRUE(store_->set_forwarding(std::make_shared<PlainForwarding>()));
  ASSERT_TRUE(store_->add_account(Mailbox::parse("jerry@yahoo.test").value(), "", {}));
  const Resolution found = resolve("back=Tom=gmail.test@yahoo.test");
  EXPECT_EQ(found.kind, Resolution::Kind::taken);
  EXPECT_TRUE(found.rewritten && found.expanded);
  ASSERT_EQ(found.members.size(), 1U);
  EXPECT_EQ(found.members[0].address, "Tom@gmail.test");
  EXPECT_FALSE(found.members[0].account.has_value());
  // A sender of ours gets it here.
  EXPECT_TRUE(resolve("back=jerry=yahoo.test@yahoo.test").members.at(0).account.has_value());
  // Elsewhere it is somebody else's.
  EXPECT_EQ(resolve("back=Tom=gmail.test@gmail.test").kind, Resolution::Kind::not_local);
  // Who is here by that name goes before; a catch-all does not.
  ASSERT_TRUE(store_->add_alias("@yahoo.test", {"jerry@yahoo.test"}));
  EXPECT_TRUE(resolve("back=Tom=gmail.test@yahoo.test").rewritten);
  ASSERT_TRUE(
      store_->add_account(Mailbox::parse("back=tom=gmail.test@yahoo.test").value(), "", {}));
  EXPECT_FALSE(resolve("back=Tom=gmail.test@yahoo.test").rewritten);
}

}  // namespace
}  // namespace mail
