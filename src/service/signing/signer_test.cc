#include "service/signing/signer.h"

#include <gtest/gtest.h>

#include "codec/mailauth/arc.h"
#include "codec/mailauth/dkim.h"
#include "platform/tls/crypto.h"
#include "service/signing/keeper_test_host.h"
#include "service/signing/sender_rewriting.h"

namespace mail::signing {
namespace {

constexpr std::string_view kHeader =
    "From: Jerry <jerry@yahoo.test>\r\nTo: tom@gmail.test\r\nSubject: Cheese\r\n"
    "Date: Sun, 22 Nov 2026 05:24:37 +0000\r\nMessage-ID: <1@yahoo.test>\r\n";
constexpr std::string_view kTrace = "Received: from here\r\n\tby mx.yahoo.test; now\r\n";
constexpr std::string_view kBody = "Hello  Tom \r\n\r\n.\r\n\r\n\r\n";

class SignerTest : public KeeperTest {
 protected:
  SignerTest() : signer_(*keeper_, *control_, clock_, nullptr) {
    EXPECT_TRUE(control_->add_account(Mailbox::parse("jerry@yahoo.test").value(), "", {}));
    EXPECT_TRUE(keeper_->make("yahoo.test"));
    publish_all();
    look();
    listener_.role = smtp::Role::submission;
    listener_.hostname = "mx.yahoo.test";
    client_.login = "jerry@yahoo.test";
    transaction_.reverse_path.mailbox = Mailbox::parse("jerry@yahoo.test").value();
    to("tom@gmail.test");
  }

  void to(std::string_view recipient) {
    transaction_.recipients = {smtp::TakenRecipient(Mailbox::parse(recipient).value())};
  }

  // What is added in front of the message; it is heard as a session gives it, and kept in draft_.
  std::string hear(std::string_view header = kHeader) {
    const std::unique_ptr<Hearing> hearing = signer_.open(case_);
    block_on(loop_, hearing->header(header));
    for (const char octet : kBody) block_on(loop_, hearing->body({&octet, 1}));
    draft_.content = concat(kTrace, header, "\r\n", kBody);
    draft_.header_size = static_cast<std::uint32_t>(kTrace.size() + header.size() + 2);
    Verdict verdict = block_on(loop_, hearing->message(draft_));
    hearing->end_transaction();
    return std::get<Accept>(verdict).added_fields;
  }

  template <typename Verifier>
  auto verify(std::string_view content) {
    const std::size_t end = content.find("\r\n\r\n") + 4;
    Verifier verifier(content.substr(0, end), clock_.wall_now(), tls::kCrypto);
    verifier.body(content.substr(end));
    verifier.end();
    while (!verifier.questions().empty()) {
      std::vector<dns::Answer> answers;
      for (const auto& question : verifier.questions()) {
        answers.push_back(block_on(loop_, dns_.ask(question.name, question.type, {})));
      }
      verifier.answer(std::move(answers));
    }
    return verifier.outcome();
  }
  // "rsa-sha256 yahoo.test pass; ed25519-sha256 yahoo.test pass"
  std::string signatures_of(std::string_view content) {
    std::string out;
    for (const auto& signature : verify<dkim::Verifier>(content).signatures) {
      append(out, out.empty() ? "" : "; ", signature.algorithm, ' ', signature.domain, ' ',
             dkim::to_string(signature.verdict));
    }
    return out;
  }

  static constexpr std::string_view kBoth =
      "rsa-sha256 yahoo.test pass; ed25519-sha256 yahoo.test pass";

  Signer signer_;
  smtp::SmtpListener listener_;
  smtp::Client client_;
  smtp::Transaction transaction_;
  Evidence evidence_;
  Case case_{listener_, client_, transaction_, evidence_};
  Draft draft_;
};

TEST_F(SignerTest, WhatALoginSendsIsSignedTwice) {
  const std::string added = hear();
  EXPECT_EQ(signatures_of(added + draft_.content), kBoth);
}

TEST_F(SignerTest, SeveralMessagesOfOneConnectionAreSignedEach) {
  const std::unique_ptr<Hearing> hearing = signer_.open(case_);
  for (const std::string_view body : {"one\r\n", "two\r\n"}) {
    block_on(loop_, hearing->header(kHeader));
    block_on(loop_, hearing->body(body));
    draft_.content = concat(kHeader, "\r\n", body);
    draft_.header_size = static_cast<std::uint32_t>(kHeader.size() + 2);
    const Verdict verdict = block_on(loop_, hearing->message(draft_));
    hearing->end_transaction();
    EXPECT_EQ(signatures_of(std::get<Accept>(verdict).added_fields + draft_.content), kBoth);
  }
}

TEST_F(SignerTest, MailFromRelayNetworksIsSigned) {
  listener_.role = smtp::Role::relay;
  client_.login.clear();
  client_.peer.may_relay = true;
  transaction_.reverse_path.mailbox = Mailbox::parse("printer@elsewhere.test").value();
  EXPECT_EQ(signatures_of(hear() + draft_.content), kBoth);
}

TEST_F(SignerTest, MailOfStrangersIsNot) {
  listener_.role = smtp::Role::mx;
  client_.login.clear();
  EXPECT_EQ(hear(), "");
  client_.peer.may_relay = true;  // at a door that does not relay
  EXPECT_EQ(hear(), "");
}

TEST_F(SignerTest, AuthorsElsewhereAreNotSignedFor) {
  EXPECT_EQ(hear("From: tom@gmail.test\r\n"), "");
  EXPECT_EQ(hear("From: jerry@sub.yahoo.test\r\n"), "");
  EXPECT_EQ(hear("Subject: none\r\n"), "");
}

TEST_F(SignerTest, ALoginOfOneDomainCannotSignForAnother) {
  ASSERT_TRUE(control_->add_domain(Domain::parse("gmail.test").value(), ""));
  ASSERT_TRUE(keeper_->make("gmail.test"));
  for (const DkimKeyRow& key : keeper_->keys_of("gmail.test")) publish(key);
  const auto seen = block_on(loop_, keeper_->look("gmail.test", clock_.mono_now()));
  ASSERT_TRUE(keeper_->settle(seen));
  constexpr std::string_view kForged = "From: tom@gmail.test\r\n";
  EXPECT_EQ(hear(kForged), "");
  ASSERT_TRUE(control_->grant(Mailbox::parse("jerry@yahoo.test").value(), {"tom@gmail.test"}));
  EXPECT_EQ(signatures_of(hear(kForged) + draft_.content),
            "rsa-sha256 gmail.test pass; ed25519-sha256 gmail.test pass");
}

TEST_F(SignerTest, WithoutAKeyInTheDnsItLeavesUnsigned) {
  for (const DkimKeyRow& key : keeper_->keys_of("yahoo.test")) dns_.erase(record_name(key));
  look();
  EXPECT_EQ(hear(), "");
  EXPECT_EQ(draft_.content, concat(kTrace, kHeader, "\r\n", kBody));
}

TEST_F(SignerTest, OurNoticesAreSignedByTheDomainOfTheHost) {
  draft_.content = concat("From: Mail Delivery System <postmaster@mx.yahoo.test>\r\n\r\n", kBody);
  draft_.header_size = static_cast<std::uint32_t>(draft_.content.size() - kBody.size());
  draft_.size = draft_.content.size();
  signer_.sign(draft_);
  EXPECT_EQ(signatures_of(draft_.content), kBoth);
  EXPECT_EQ(draft_.size, draft_.content.size());
  EXPECT_EQ(draft_.content.substr(draft_.header_size), kBody);
}

class SealingTest : public SignerTest {
 protected:
  SealingTest() {
    EXPECT_TRUE(control_->add_alias("friends@yahoo.test", {"tom@gmail.test", "jerry@yahoo.test"}));
    listener_.role = smtp::Role::mx;
    client_.login.clear();
    transaction_.reverse_path.mailbox = Mailbox::parse("ann@other.test").value();
    to("friends@yahoo.test");
    Delivery away{.target = ToRoute{.queue = {"mx", "gmail.test", ""}, .due = {}},
                  .recipients = {},
                  .reverse_path = "SRS0=AAAA=BB=other.test=ann@yahoo.test",
                  .added_fields = {}};
    Delivery here{.target = ToMailbox{},
                  .recipients = {},
                  .reverse_path = "ann@other.test",
                  .added_fields = {}};
    draft_.deliveries = {away, here};
  }
  static std::shared_ptr<const mailauth::Findings> examined() {
    auto findings = std::make_shared<mailauth::Findings>();
    findings->spf.verdict = spf::Verdict::pass;
    findings->spf.domain = "other.test";
    return findings;
  }
  static constexpr std::string_view kForeign = "From: ann@other.test\r\nSubject: hello\r\n";
};

TEST_F(SealingTest, WhatAnAliasSendsOnIsSealed) {
  evidence_.findings = examined();
  EXPECT_EQ(hear(kForeign), "");
  EXPECT_EQ(draft_.deliveries[1].added_fields, "");  // who reads it here needs no seal
  const std::string& sealed = draft_.deliveries[0].added_fields;
  EXPECT_NE(sealed.find("ARC-Authentication-Results: i=1; mx.yahoo.test"), std::string::npos)
      << sealed;
  EXPECT_NE(sealed.find("spf=pass"), std::string::npos) << sealed;
  const arc::Outcome outcome = verify<arc::Verifier>(sealed + draft_.content);
  EXPECT_EQ(outcome.verdict, arc::Verdict::pass) << outcome.reason;
  ASSERT_EQ(outcome.sets.size(), 1U);
  EXPECT_EQ(outcome.sets[0].sealer, "yahoo.test");
}

TEST_F(SealingTest, AChainGoesOn) {
  evidence_.findings = examined();
  hear(kForeign);
  const std::string once = draft_.deliveries[0].added_fields + std::string(kForeign);
  auto findings = std::make_shared<mailauth::Findings>(*examined());
  findings->arc = verify<arc::Verifier>(concat(once, "\r\n", kBody));
  ASSERT_EQ(findings->arc.verdict, arc::Verdict::pass);
  evidence_.findings = findings;
  draft_.deliveries[0].added_fields.clear();
  hear(once);
  const arc::Outcome outcome =
      verify<arc::Verifier>(draft_.deliveries[0].added_fields + draft_.content);
  EXPECT_EQ(outcome.verdict, arc::Verdict::pass) << outcome.reason;
  EXPECT_EQ(outcome.sets.size(), 2U);
}

TEST_F(SealingTest, WhatNobodyExaminedOrMayNotBeSealedIsNot) {
  hear(kForeign);
  EXPECT_EQ(draft_.deliveries[0].added_fields, "");
  auto findings = std::make_shared<mailauth::Findings>(*examined());
  findings->arc.may_be_sealed = false;
  evidence_.findings = findings;
  hear(kForeign);
  EXPECT_EQ(draft_.deliveries[0].added_fields, "");
}

}  // namespace
}  // namespace mail::signing
