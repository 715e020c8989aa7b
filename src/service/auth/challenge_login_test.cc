// SCRAM-SHA-256 and CRAM-MD5 against a control store, with our own client on the other side.
#include "service/auth/challenge_login.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/text.h"
#include "platform/idn/idn.h"
#include "platform/password/password.h"
#include "platform/tls/digest.h"
#include "service/auth/client_mechanisms.h"
#include "service/auth/credentials.h"

namespace mail {
namespace {

using sasl::Mechanism;

class ChallengeLoginTest : public testing::Test {
 protected:
  ChallengeLoginTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mail-auth-XXXXXX").native();
    folder_ = ::mkdtemp(pattern.data());
    store_ = ControlStore::open(folder_ / "control.db").value();
    EXPECT_TRUE(store_->add_domain(Domain::parse("yahoo.test").value(), ""));
    for (const char* text : {"jerry@yahoo.test", "old@yahoo.test"}) {
      add_account(text,
                  make_credential(store_->login_secret(), text, "secret", CramMd5::yes).value());
    }
    add_account("imported@yahoo.test", password::hash("secret").value());
    EXPECT_TRUE(store_->set_disabled(mailbox("old@yahoo.test"), true));
    authenticator_ = std::make_unique<Authenticator>(*store_, pool_, clock_);
  }
  ~ChallengeLoginTest() override {
    authenticator_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  static Mailbox mailbox(std::string_view text) { return Mailbox::parse(text).value(); }
  void add_account(std::string_view text, const Credential& credential) {
    EXPECT_TRUE(store_->add_account(mailbox(text), credential, std::nullopt));
  }

  std::unique_ptr<ChallengeLogin> begin(Mechanism mechanism) {
    return authenticator_->begin(mechanism, {{}, {}, IpAddress::parse("192.0.2.1").value(), {}},
                                 "mx.yahoo.test");
  }
  ChallengeLogin::Next say(ChallengeLogin& server, std::optional<std::string> response) {
    return block_on(loop_, server.respond(std::move(response)));
  }

  // The whole of it, with our own client.
  Authenticator::Answer log_in(std::string_view mechanism, const std::string& user,
                               const std::string& password) {
    const std::string_view offered[] = {mechanism};
    auto client = choose_client_mechanism({user, password}, offered, true).value();
    const auto server = begin(sasl::find_mechanism(mechanism).value_or(Mechanism::plain));
    ChallengeLogin::Next said = say(
        *server, client->sends_first() ? std::optional(client->step("").value()) : std::nullopt);
    challenges_.clear();
    while (said.challenge) {
      challenges_.push_back(*said.challenge);
      const auto response = client->step(*said.challenge);
      EXPECT_TRUE(response) << describe(response.error());
      if (!response) return {LoginResult::malformed, {}};
      said = say(*server, *response);
    }
    if (said.answer.result == LoginResult::accept) {
      EXPECT_TRUE(client->is_complete());
    }
    return said.answer;
  }
  LoginResult scram(const std::string& user, const std::string& password) {
    return log_in("SCRAM-SHA-256", user, password).result;
  }
  LoginResult cram(const std::string& user, const std::string& password) {
    return log_in("CRAM-MD5", user, password).result;
  }

  ManualClock clock_{WallTime{}};
  LoopExecutor loop_;
  WorkerPool pool_{1, 8};
  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> store_;
  std::unique_ptr<Authenticator> authenticator_;
  std::vector<std::string> challenges_;
};

TEST_F(ChallengeLoginTest, TheRightPasswordLetsInWhateverTheCaseOfTheAddress) {
  for (const char* mechanism : {"SCRAM-SHA-256", "CRAM-MD5"}) {
    const Authenticator::Answer answer = log_in(mechanism, "Jerry@Yahoo.test", "secret");
    EXPECT_EQ(answer.result, LoginResult::accept) << mechanism;
    EXPECT_EQ(answer.account, "jerry@yahoo.test") << mechanism;
  }
}

TEST_F(ChallengeLoginTest, WrongPasswordUnknownUserAndDisabledAccountLookTheSame) {
  for (const char* user : {"jerry@yahoo.test", "nobody@yahoo.test", "old@yahoo.test", "jerry"}) {
    const bool jerry = std::string_view(user) == "jerry@yahoo.test";
    EXPECT_EQ(scram(user, jerry ? "wrong" : "secret"), LoginResult::wrong) << user;
    EXPECT_EQ(challenges_.size(), 1u) << user;
    EXPECT_EQ(cram(user, jerry ? "wrong" : "secret"), LoginResult::wrong) << user;
    clock_.advance(Milliseconds{60'000});
  }
}

TEST_F(ChallengeLoginTest, AnAccountBeyondAsciiLogsInInEverySpelling) {
  ASSERT_TRUE(store_->add_domain(Domain::parse("xn--bcher-kva.test").value(), ""));
  const Mailbox juergen =
      Mailbox::parse("j\u00FCrgen@xn--bcher-kva.test", &idn::kFunctions).value();
  ASSERT_TRUE(store_->add_account(
      juergen,
      make_credential(store_->login_secret(), juergen.key(), "secret", CramMd5::yes).value(),
      std::nullopt));
  for (const char* user : {"j\u00FCrgen@b\u00FCcher.test", "J\u00DCRGEN@B\u00DCCHER.TEST",
                           "ju\u0308rgen@xn--bcher-kva.test"}) {
    EXPECT_EQ(scram(user, "secret"), LoginResult::accept) << user;
    EXPECT_EQ(cram(user, "secret"), LoginResult::accept) << user;
    EXPECT_EQ(scram(user, "wrong"), LoginResult::wrong) << user;
  }
}

TEST_F(ChallengeLoginTest, AStrangerBeyondAsciiHasOneSaltInEverySpellingAsAnAccountHas) {
  std::vector<std::string> salts;
  for (const char* user : {"j\u00F6rg@b\u00FCcher.test", "J\u00D6RG@xn--bcher-kva.test"}) {
    EXPECT_EQ(scram(user, "secret"), LoginResult::wrong);
    const std::size_t at = challenges_.at(0).find(",s=");
    salts.push_back(challenges_[0].substr(at, challenges_[0].find(",i=") - at));
  }
  EXPECT_EQ(salts[0], salts[1]);
}

// RFC 5802 §9: who asks twice must not see by the salt that nobody is there.
TEST_F(ChallengeLoginTest, ASaltIsTheSameEachTimeForThoseWhoAreThereAndForThoseWhoAreNot) {
  const auto salt_of = [this](const std::string& user) {
    (void)scram(user, "wrong");
    clock_.advance(Milliseconds{60'000});
    const std::string& challenge = challenges_.at(0);
    return challenge.substr(challenge.find(",s="));
  };
  for (const char* user : {"jerry@yahoo.test", "nobody@yahoo.test"}) {
    EXPECT_EQ(salt_of(user), salt_of(user)) << user;
    EXPECT_TRUE(salt_of(user).ends_with(",i=10000")) << user;
  }
  EXPECT_NE(salt_of("jerry@yahoo.test"), salt_of("nobody@yahoo.test"));
  const std::string before = salt_of("imported@yahoo.test");
  const Login login{"imported@yahoo.test", "secret", IpAddress::parse("192.0.2.1").value(), {}};
  EXPECT_EQ(block_on(loop_, authenticator_->check(login)).result, LoginResult::accept);
  EXPECT_EQ(scram("imported@yahoo.test", "secret"), LoginResult::accept);
  EXPECT_EQ(salt_of("imported@yahoo.test"), before);
}

TEST_F(ChallengeLoginTest, FailuresAreThrottledWhateverTheMechanism) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(scram("jerry@yahoo.test", "wrong"), LoginResult::wrong);
    EXPECT_EQ(cram("jerry@yahoo.test", "wrong"), LoginResult::wrong);
  }
  EXPECT_EQ(scram("jerry@yahoo.test", "secret"), LoginResult::throttled);
  EXPECT_EQ(cram("jerry@yahoo.test", "secret"), LoginResult::throttled);
  clock_.advance(Milliseconds{60'000});
  EXPECT_EQ(scram("jerry@yahoo.test", "secret"), LoginResult::accept);
}

TEST_F(ChallengeLoginTest, WhatIsNoExchangeIsMalformedAndNobodysFailure) {
  for (int i = 0; i < 20; ++i) {
    const auto first = begin(Mechanism::scram_sha_256);
    EXPECT_EQ(say(*first, "hello").answer.result, LoginResult::malformed);
    const auto second = begin(Mechanism::cram_md5);
    ASSERT_TRUE(say(*second, std::nullopt).challenge);
    EXPECT_EQ(say(*second, "jerry@yahoo.test").answer.result, LoginResult::malformed);
  }
  EXPECT_EQ(scram("jerry@yahoo.test", "secret"), LoginResult::accept);
}

TEST_F(ChallengeLoginTest, ADigestIsOfOneChallengeOnly) {
  const auto first = begin(Mechanism::cram_md5);
  const std::string challenge = say(*first, std::nullopt).challenge.value_or("");
  EXPECT_TRUE(challenge.ends_with("@mx.yahoo.test>")) << challenge;
  auto client = sasl::cram_md5_client({"jerry@yahoo.test", "secret"}, tls::hmac_md5);
  const std::string response = client->step(challenge).value();
  EXPECT_EQ(say(*first, response).answer.result, LoginResult::accept);
  EXPECT_EQ(say(*first, response).answer.result, LoginResult::malformed);
  const auto second = begin(Mechanism::cram_md5);
  EXPECT_NE(say(*second, std::nullopt).challenge.value_or(challenge), challenge);
  EXPECT_EQ(say(*second, response).answer.result, LoginResult::wrong);
}

TEST_F(ChallengeLoginTest, CramMd5IsForThoseWhoHaveACredentialForIt) {
  EXPECT_TRUE(authenticator_->offers_cram_md5());
  for (const char* user : {"jerry@yahoo.test", "old@yahoo.test"}) {
    ASSERT_TRUE(store_->set_password(
        mailbox(user),
        make_credential(store_->login_secret(), user, "secret", CramMd5::no).value()));
  }
  EXPECT_FALSE(authenticator_->offers_cram_md5());
  EXPECT_EQ(cram("jerry@yahoo.test", "secret"), LoginResult::wrong);
  EXPECT_EQ(scram("jerry@yahoo.test", "secret"), LoginResult::accept);
}

TEST_F(ChallengeLoginTest, AnAppPasswordIsNamedInTheUser) {
  const Mailbox jerry = mailbox("jerry@yahoo.test");
  const auto made =
      make_app_password(store_->login_secret(), jerry, "Phone", {true, false}).value();
  const auto reader =
      make_app_password(store_->login_secret(), jerry, "reader", {false, true}).value();
  ASSERT_TRUE(store_->add_app_password(jerry, made.row, clock_.wall_now()));
  ASSERT_TRUE(store_->add_app_password(jerry, reader.row, clock_.wall_now()));
  const Authenticator::Answer answer =
      log_in("SCRAM-SHA-256", "jerry@yahoo.test/phone", made.password);
  EXPECT_EQ(answer.result, LoginResult::accept);
  EXPECT_EQ(answer.account, "jerry@yahoo.test");
  EXPECT_EQ(store_->app_passwords(jerry).value().at(0).last_used, clock_.wall_now());
  EXPECT_EQ(scram("jerry@yahoo.test", made.password), LoginResult::wrong);
  EXPECT_EQ(scram("jerry@yahoo.test/reader", reader.password), LoginResult::wrong);
  EXPECT_EQ(scram("jerry@yahoo.test/phone", "secret"), LoginResult::wrong);
  EXPECT_EQ(cram("jerry@yahoo.test/phone", "secret"), LoginResult::wrong);
}

TEST_F(ChallengeLoginTest, OurProofIsAcknowledgedWithNothing) {
  const std::string_view offered[] = {"SCRAM-SHA-256"};
  auto client = choose_client_mechanism({"jerry@yahoo.test", "secret"}, offered, true).value();
  const auto server = begin(Mechanism::scram_sha_256);
  EXPECT_EQ(say(*server, std::nullopt).challenge, "");
  const auto first = say(*server, client->step("").value());
  const auto proof = say(*server, client->step(first.challenge.value_or("")).value());
  ASSERT_TRUE(proof.challenge);
  EXPECT_EQ(say(*server, "more").answer.result, LoginResult::malformed);
}

TEST_F(ChallengeLoginTest, AnAccountDisabledBetweenTwoStepsIsNotLetIn) {
  const std::string_view offered[] = {"SCRAM-SHA-256"};
  auto client = choose_client_mechanism({"jerry@yahoo.test", "secret"}, offered, true).value();
  const auto server = begin(Mechanism::scram_sha_256);
  const auto first = say(*server, client->step("").value());
  ASSERT_TRUE(store_->set_disabled(mailbox("jerry@yahoo.test"), true));
  const auto end = say(*server, client->step(first.challenge.value_or("")).value());
  EXPECT_FALSE(end.challenge);
  EXPECT_EQ(end.answer.result, LoginResult::wrong);
}

TEST(ClientMechanisms, TheStrongestIsChosen) {
  using Words = std::vector<std::string_view>;
  const auto chosen = [](const Words& offered, bool encrypted, bool token) {
    const auto made = choose_client_mechanism({"u", "p", token}, offered, encrypted);
    return std::string(made ? (*made)->name() : "none");
  };
  const Words all = {"login", "Plain", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"};
  EXPECT_EQ(chosen(all, true, false), "SCRAM-SHA-256");
  EXPECT_EQ(chosen(all, true, true), "OAUTHBEARER");
  EXPECT_EQ(chosen({"XOAUTH2", "PLAIN"}, true, true), "XOAUTH2");
  EXPECT_EQ(chosen({"LOGIN", "CRAM-MD5", "PLAIN"}, true, false), "PLAIN");
  EXPECT_EQ(chosen({"LOGIN", "CRAM-MD5", "PLAIN"}, false, false), "CRAM-MD5");
  EXPECT_EQ(chosen({"LOGIN"}, true, false), "LOGIN");
  EXPECT_EQ(chosen({"CRAM-MD5"}, true, false), "CRAM-MD5");
  EXPECT_EQ(chosen({"SCRAM-SHA-256-PLUS", "GSSAPI"}, true, false), "none");
  EXPECT_EQ(chosen({}, true, false), "none");
}

}  // namespace
}  // namespace mail
