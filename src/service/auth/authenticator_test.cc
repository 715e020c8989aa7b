#include "service/auth/authenticator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <semaphore>
#include <vector>

#include "base/text.h"
#include "platform/idn/idn.h"
#include "platform/password/password.h"
#include "service/auth/credentials.h"

namespace mail {
namespace {

class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-auth-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    store_ = ControlStore::open(folder_ / "control.db").value();
    EXPECT_TRUE(store_->add_domain(Domain::parse("yahoo.test").value(), ""));
    const std::string hash = password::hash("secret").value();
    for (const char* text : {"jerry@yahoo.test", "old@yahoo.test"}) {
      EXPECT_TRUE(store_->add_account(Mailbox::parse(text).value(), hash, std::nullopt));
    }
    EXPECT_TRUE(store_->set_disabled(Mailbox::parse("old@yahoo.test").value(), true));
  }
  ~AuthenticatorTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  Authenticator::Answer check(WorkerPool& pool, const std::string& user,
                              const std::string& password) {
    Authenticator authenticator(*store_, pool, clock_);
    return check(authenticator, user, password);
  }

  Authenticator::Answer check(Authenticator& authenticator, const std::string& user,
                              const std::string& password) {
    Login login{user, password, IpAddress::parse("192.0.2.1").value(), {}};
    return block_on(loop_, authenticator.check(std::move(login)));
  }

  ManualClock clock_{WallTime{}};
  LoopExecutor loop_;
  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> store_;
};

TEST_F(AuthenticatorTest, TheRightPasswordLetsInWhateverTheCaseOfTheAddress) {
  WorkerPool pool(1, 8);
  const Authenticator::Answer answer = check(pool, "Jerry@Yahoo.test", "secret");
  EXPECT_EQ(answer.result, LoginResult::accept);
  EXPECT_EQ(answer.account, "jerry@yahoo.test");
}

TEST_F(AuthenticatorTest, WrongPasswordUnknownUserAndDisabledAccountLookTheSame) {
  WorkerPool pool(1, 8);
  using namespace std::string_literals;
  for (const auto& [user, password] : std::initializer_list<std::pair<std::string, std::string>>{
           {"jerry@yahoo.test", "Secret"},
           {"jerry@yahoo.test", ""},
           {"jerry@yahoo.test", "secret\0x"s},
           {"jerry@yahoo.test", std::string(5000, 'x')},
           {"jerry", "secret"},
           {"", ""},
           {"nobody@yahoo.test", "secret"},
           {"old@yahoo.test", "secret"}}) {
    const Authenticator::Answer answer = check(pool, user, password);
    EXPECT_EQ(answer.result, LoginResult::wrong) << user << ' ' << password;
    EXPECT_EQ(answer.account, "") << user;
  }
}

// Nobody is answered without having gone through the pool, so nobody is answered sooner; that the
// decoy costs what a stored hash costs is a claim of platform/password.
TEST_F(AuthenticatorTest, EveryKindOfLoginWaitsForThePool) {
  std::binary_semaphore started(0);
  std::binary_semaphore go_on(0);
  WorkerPool pool(1, 1);  // ends first: its thread uses them
  ASSERT_TRUE(pool.try_post([&] {
    started.release();
    go_on.acquire();
  }));
  started.acquire();                  // the only thread is busy
  ASSERT_TRUE(pool.try_post([] {}));  // and the only place to wait is taken
  for (const char* user : {"jerry@yahoo.test", "nobody@yahoo.test", "old@yahoo.test", "",
                           "jerry@yahoo.test/phone", "nobody@yahoo.test/phone"}) {
    EXPECT_EQ(check(pool, user, "secret").result, LoginResult::busy) << user;
    EXPECT_EQ(check(pool, user, "wrong").result, LoginResult::busy) << user;
  }
  go_on.release();
}

// What is hashed, not how long it took: one hash of the kind that accounts have here, whoever
// fails.
class CountedHashes : public AuthenticatorTest {
 protected:
  std::vector<std::string> hashed_for(const std::string& user, const std::string& password) {
    hashed_.clear();
    EXPECT_EQ(check(authenticator_, user, password).result, LoginResult::wrong) << user;
    return hashed_;
  }
  void import(const char* address, const std::string& hash) {
    ASSERT_TRUE(store_->set_password(Mailbox::parse(address).value(), hash));
  }

  static constexpr const char* kImported =
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$gD4tDx2lbw6dhihTNvaQohV8rrawibJn98w7J3q3THo";
  std::vector<std::string> hashed_;
  WorkerPool pool_{1, 8};
  Authenticator authenticator_{*store_, pool_, clock_,
                               [this](const std::string&, const std::string& stored) {
                                 hashed_.push_back(stored);
                                 return false;
                               }};
};

TEST_F(CountedHashes, EveryFailureCostsOneHashOfTheSameKind) {
  for (const char* user : {"jerry@yahoo.test", "old@yahoo.test", "nobody@yahoo.test", "jerry", "",
                           "jerry@yahoo.test/phone", "nobody@yahoo.test/phone"}) {
    for (const char* password : {"wrong", "", "secret"}) {
      clock_.advance(std::chrono::hours(25));  // nobody is throttled
      const auto hashed = hashed_for(user, password);
      ASSERT_EQ(hashed.size(), 1U) << user;
      EXPECT_TRUE(password::is_current(hashed[0])) << user << ": " << hashed[0];
    }
  }
}

TEST_F(CountedHashes, WithoutAccountsAStrangerCostsOneToo) {
  ASSERT_TRUE(store_->remove_domain(Domain::parse("yahoo.test").value(), true));
  EXPECT_EQ(hashed_for("nobody@yahoo.test", "x"), std::vector{password::decoy_hash()});
}

TEST_F(CountedHashes, AStrangerCostsWhatSomeAccountCostsAlwaysTheSame) {
  import("jerry@yahoo.test", kImported);  // and old@yahoo.test has one of ours
  std::size_t imported = 0;
  for (int i = 0; i < 200; ++i) {
    clock_.advance(std::chrono::hours(25));
    const std::string name = concat("nobody", i, "@yahoo.test");
    const auto hashed = hashed_for(name, "x");
    ASSERT_EQ(hashed.size(), 1U);
    imported += hashed[0] == kImported ? 1 : 0;
    EXPECT_EQ(hashed_for(concat("Nobody", i, "@YAHOO.test"), "y"), hashed) << "the same time";
  }
  EXPECT_GT(imported, 60U) << "half of the accounts";
  EXPECT_LT(imported, 140U);
}

TEST_F(CountedHashes, ADisabledAccountCostsWhatItCostBefore) {
  import("old@yahoo.test", kImported);
  EXPECT_EQ(hashed_for("old@yahoo.test", "wrong"), std::vector<std::string>{kImported});
  ASSERT_TRUE(store_->set_disabled(Mailbox::parse("old@yahoo.test").value(), false));
  EXPECT_EQ(hashed_for("old@yahoo.test", "wrong"), std::vector<std::string>{kImported});
}

TEST_F(AuthenticatorTest, AnAccountBeyondAsciiLogsInInEverySpelling) {
  WorkerPool pool(1, 8);
  ASSERT_TRUE(store_->add_domain(Domain::parse("xn--bcher-kva.test").value(), ""));
  const Mailbox juergen =
      Mailbox::parse("j\u00FCrgen@xn--bcher-kva.test", &idn::kFunctions).value();
  ASSERT_TRUE(store_->add_account(juergen, password::hash("secret").value(), std::nullopt));
  for (const char* user : {"j\u00FCrgen@b\u00FCcher.test", "J\u00DCRGEN@B\u00DCCHER.TEST",
                           "ju\u0308rgen@xn--bcher-kva.test"}) {
    EXPECT_EQ(check(pool, user, "secret").result, LoginResult::accept) << user;
  }
  EXPECT_EQ(check(pool, "j\u00FCrgen@\xFF", "secret").result, LoginResult::wrong);
}

TEST_F(AuthenticatorTest, AnImportedHashLetsInAndIsMadeOursByTheFirstLogin) {
  WorkerPool pool(1, 8);
  const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
  const std::string imported =
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$gD4tDx2lbw6dhihTNvaQohV8rrawibJn98w7J3q3THo";
  ASSERT_TRUE(store_->set_password(jerry, imported));
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "wrong").result, LoginResult::wrong);
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->password_hash, imported);
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "mouse hole").result, LoginResult::accept);
  const std::string now = store_->snapshot()->account("jerry@yahoo.test")->password_hash;
  EXPECT_TRUE(password::is_current(now)) << now;
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "mouse hole").result, LoginResult::accept);
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->password_hash, now);
}

TEST_F(AuthenticatorTest, AfterTenFailuresNothingIsTriedForAMinuteNotEvenTheRightPassword) {
  WorkerPool pool(1, 8);
  Authenticator authenticator(*store_, pool, clock_);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(check(authenticator, "jerry@yahoo.test", concat(i)).result, LoginResult::wrong);
  }
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::throttled);
  clock_.advance(Milliseconds{60'000});
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::accept);
}

TEST_F(AuthenticatorTest, ALoginThatCouldNotBeCheckedIsNoFailure) {
  std::binary_semaphore started(0);
  std::binary_semaphore go_on(0);
  WorkerPool pool(1, 1);
  Authenticator authenticator(*store_, pool, clock_);
  ASSERT_TRUE(pool.try_post([&] {
    started.release();
    go_on.acquire();
  }));
  started.acquire();
  ASSERT_TRUE(pool.try_post([] {}));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(check(authenticator, "jerry@yahoo.test", concat(i)).result, LoginResult::busy);
  }
  go_on.release();
}

TEST_F(AuthenticatorTest, AChangeHoldsForTheNextLogin) {
  WorkerPool pool(1, 8);
  const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
  ASSERT_TRUE(store_->set_password(jerry, password::hash("other").value()));
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "secret").result, LoginResult::wrong);
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "other").result, LoginResult::accept);
  ASSERT_TRUE(store_->set_disabled(jerry, true));
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "other").result, LoginResult::wrong);
  ASSERT_TRUE(store_->set_disabled(jerry, false));
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "other").result, LoginResult::accept);
}

TEST_F(AuthenticatorTest, TheFirstLoginMakesScramKeysWhereThereAreNone) {
  WorkerPool pool(1, 8);
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->scram, "");
  const std::string hash = store_->snapshot()->account("jerry@yahoo.test")->password_hash;
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "wrong").result, LoginResult::wrong);
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->scram, "");
  EXPECT_EQ(check(pool, "jerry@yahoo.test", "secret").result, LoginResult::accept);
  EXPECT_TRUE(
      store_->snapshot()->account("jerry@yahoo.test")->scram.starts_with("SCRAM-SHA-256$10000:"));
  EXPECT_EQ(store_->snapshot()->account("jerry@yahoo.test")->password_hash, hash);
}

class AppPasswords : public AuthenticatorTest {
 protected:
  AppPasswords() {
    phone_ = add("phone", {true, false});
    reader_ = add("reader", {false, true});
  }
  std::string add(std::string_view name, Rights rights) {
    const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
    auto made = make_app_password(store_->login_secret(), jerry, name, rights).value();
    EXPECT_TRUE(store_->add_app_password(jerry, made.row, clock_.wall_now()));
    return made.password;
  }
  std::optional<WallTime> last_used(std::string_view name) {
    const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
    for (const AppPasswordUse& use : store_->app_passwords(jerry).value()) {
      if (use.row.name == name) return use.last_used;
    }
    return std::nullopt;
  }
  WorkerPool pool_{1, 8};
  std::string phone_;
  std::string reader_;
};

TEST_F(AppPasswords, LetInBesideTheAccountsOwn) {
  EXPECT_EQ(phone_.size(), 27u);
  EXPECT_NE(phone_, reader_);
  for (const char* user : {"jerry@yahoo.test", "Jerry@yahoo.test/Phone"}) {
    const Authenticator::Answer answer = check(pool_, user, phone_);
    EXPECT_EQ(answer.result, LoginResult::accept) << user;
    EXPECT_EQ(answer.account, "jerry@yahoo.test") << user;
  }
  EXPECT_EQ(check(pool_, "jerry@yahoo.test", "secret").result, LoginResult::accept);
}

TEST_F(AppPasswords, OpenWhatTheyAreForAndNothingElse) {
  EXPECT_EQ(check(pool_, "jerry@yahoo.test", reader_).result, LoginResult::wrong);
  EXPECT_EQ(check(pool_, "jerry@yahoo.test/reader", reader_).result, LoginResult::wrong);
  EXPECT_EQ(check(pool_, "jerry@yahoo.test/reader", phone_).result, LoginResult::wrong);
  EXPECT_EQ(check(pool_, "jerry@yahoo.test/phone", "secret").result, LoginResult::wrong);
  EXPECT_EQ(check(pool_, "jerry@yahoo.test/none", phone_).result, LoginResult::wrong);
  EXPECT_EQ(check(pool_, "old@yahoo.test", phone_).result, LoginResult::wrong);
  Authenticator authenticator(*store_, pool_, clock_);
  Login login{
      "jerry@yahoo.test", reader_, IpAddress::parse("192.0.2.1").value(), {}, LoginFor::read};
  EXPECT_EQ(block_on(loop_, authenticator.check(login)).result, LoginResult::accept);
}

TEST_F(AppPasswords, AreGoneWhenTheyAreRemovedOrTheAccountIsDisabled) {
  const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
  ASSERT_TRUE(store_->set_disabled(jerry, true));
  EXPECT_EQ(check(pool_, "jerry@yahoo.test", phone_).result, LoginResult::wrong);
  ASSERT_TRUE(store_->set_disabled(jerry, false));
  EXPECT_EQ(check(pool_, "jerry@yahoo.test", phone_).result, LoginResult::accept);
  ASSERT_TRUE(store_->remove_app_password(jerry, "phone"));
  EXPECT_EQ(check(pool_, "jerry@yahoo.test", phone_).result, LoginResult::wrong);
}

TEST_F(AppPasswords, TheirLastUseIsWrittenAtMostOnceInTenMinutes) {
  Authenticator authenticator(*store_, pool_, clock_);
  EXPECT_FALSE(last_used("phone"));
  clock_.advance(Milliseconds{1'000});
  const WallTime first = clock_.wall_now();
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", phone_).result, LoginResult::accept);
  EXPECT_EQ(last_used("phone"), first);
  clock_.advance(Milliseconds{599'000});
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", phone_).result, LoginResult::accept);
  EXPECT_EQ(last_used("phone"), first);
  clock_.advance(Milliseconds{1'000});
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", phone_).result, LoginResult::accept);
  EXPECT_EQ(last_used("phone"), clock_.wall_now());
  EXPECT_FALSE(last_used("reader"));
}

// The pool is full: who was right a while ago needs no hash, all others do.
TEST_F(AuthenticatorTest, ALoginThatWasRightNeedsNoHashForTenMinutes) {
  std::binary_semaphore started(0);
  std::binary_semaphore go_on(0);
  WorkerPool pool(1, 1);
  Authenticator authenticator(*store_, pool, clock_);
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::accept);
  ASSERT_TRUE(pool.try_post([&] {
    started.release();
    go_on.acquire();
  }));
  started.acquire();
  ASSERT_TRUE(pool.try_post([] {}));
  EXPECT_EQ(check(authenticator, "Jerry@yahoo.test", "secret").result, LoginResult::accept);
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "Secret").result, LoginResult::busy);
  EXPECT_EQ(check(authenticator, "old@yahoo.test", "secret").result, LoginResult::busy);
  const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
  ASSERT_TRUE(store_->set_disabled(jerry, true));
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::busy);
  ASSERT_TRUE(store_->set_disabled(jerry, false));
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::accept);
  clock_.advance(Milliseconds{600'000});
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::busy);
  go_on.release();
}

TEST_F(AuthenticatorTest, AChangedPasswordIsNoKnownLogin) {
  WorkerPool pool(1, 8);
  Authenticator authenticator(*store_, pool, clock_);
  const Mailbox jerry = Mailbox::parse("jerry@yahoo.test").value();
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::accept);
  ASSERT_TRUE(store_->set_password(jerry, password::hash("other").value()));
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "secret").result, LoginResult::wrong);
  ASSERT_TRUE(store_->set_password(jerry, password::hash("secret").value()));
  EXPECT_EQ(check(authenticator, "jerry@yahoo.test", "other").result, LoginResult::wrong);
}

}  // namespace
}  // namespace mail
