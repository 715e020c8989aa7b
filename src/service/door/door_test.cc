// The judges of the door together, as a connection asks them; the DNS is a table.
#include "service/door/door.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/base64.h"
#include "base/executor.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "platform/tls/crypto.h"

namespace mail::door {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{Milliseconds{1'795'299'348'123}};
constexpr std::string_view kBody = "Hello\r\n";

class DoorTest : public testing::Test {
 protected:
  DoorTest() {
    char pattern[] = "/tmp/mailwright-door-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    control_ = std::move(*ControlStore::open(folder_ / "control.db"));
    EXPECT_TRUE(control_->add_domain(*Domain::parse("yahoo.test"), ""));
    EXPECT_TRUE(control_->add_domain(*Domain::parse("lax.test"), ""));
    listener_.role = smtp::Role::mx;
    listener_.hostname = "mx.yahoo.test";
    client_.peer.address = IpAddress::parse("192.0.2.1").value();
    client_.helo = "mail.bank.test";
    settings_.by_domain["lax.test"] = Mode::observe;
    // A bank that asks for a refusal, sends from 192.0.2.1 and signs.
    dns_.answer_later();
    dns_.ptr("1.2.0.192.in-addr.arpa", "mail.bank.test")
        .a("mail.bank.test", "192.0.2.1")
        .txt("bank.test", "v=spf1 ip4:192.0.2.1 -all")
        .txt("_dmarc.bank.test", "v=DMARC1; p=reject")
        .txt("s._domainkey.bank.test",
             concat("v=DKIM1; k=ed25519; p=", base64_encode(key_->public_octets())));
    Executor::set_current(&loop_);
  }
  ~DoorTest() override {
    trial_.reset();
    for (int turn = 0; turn < 9; ++turn) {  // answers that nobody waited for
      bool done = false;
      loop_.post([&] { done = true; });
      loop_.run_until([&] { return done; });
    }
    Executor::set_current(nullptr);
    std::filesystem::remove_all(folder_);
  }

  void open() {
    const ExaminerTools tools{dns_, tls::kCrypto, clock_, nullptr, nullptr, "mx.yahoo.test"};
    door_ = std::make_unique<Door>(tools, *control_, std::make_shared<const Settings>(settings_),
                                   folder_);
    judges_ = door_->first();
    judges_.push_back(door_->last());
  }
  void comes_from(std::string_view address) {
    client_.peer.address = IpAddress::parse(address).value();
  }

  // Up to the last recipient; the first refusal ends it.
  Verdict envelope(std::string_view sender, const std::vector<std::string>& recipients) {
    if (door_ == nullptr) open();
    trial_ = std::make_unique<Trial>(judges_, listener_, client_, transaction_);
    transaction_ = {};
    if (!sender.empty()) transaction_.reverse_path = {Mailbox::parse(sender).value()};
    Verdict verdict = block_on(loop_, trial_->sender(transaction_.reverse_path));
    for (const std::string& each : recipients) {
      if (!std::holds_alternative<Accept>(verdict)) break;
      const Mailbox recipient = Mailbox::parse(each).value();
      verdict = block_on(loop_, trial_->recipient(recipient));
      transaction_.recipients.emplace_back(recipient);
    }
    return verdict;
  }
  // The rest; draft_ has what becomes of it.
  Verdict content(std::string_view header) {
    block_on(loop_, trial_->header(header));
    block_on(loop_, trial_->body(kBody));
    draft_ = {};
    draft_.content = concat("Received: x\r\n", header, "\r\n", kBody);
    draft_.header_size = static_cast<std::uint32_t>(draft_.content.size() - kBody.size());
    draft_.size = draft_.content.size();
    draft_.reverse_path = transaction_.reverse_path.to_string();
    draft_.events.emplace_back();
    for (const smtp::TakenRecipient& each : transaction_.recipients) {
      draft_.recipients.push_back(each.to_recipient());
      draft_.deliveries.push_back({.target = ToMailbox{AccountId{1}},
                                   .recipients = {each.to_recipient()},
                                   .reverse_path = {},
                                   .added_fields = {}});
    }
    return block_on(loop_, trial_->message(draft_));
  }
  Verdict judge(std::string_view sender, const std::vector<std::string>& recipients,
                std::string_view header) {
    Verdict verdict = envelope(sender, recipients);
    return std::holds_alternative<Accept>(verdict) ? content(header) : verdict;
  }
  std::string with_signature(std::string_view header) const {
    dkim::BodyHasher hasher(tls::kCrypto);
    hasher.update(kBody);
    return concat(dkim::sign(header, hasher.finish(), {"bank.test", "s", key_}, clock_.wall_now(),
                             tls::kCrypto)
                      .value(),
                  header);
  }
  std::string folder(std::size_t delivery = 0) const {
    return std::get<ToMailbox>(draft_.deliveries.at(delivery).target).folder;
  }
  std::string fact(std::string_view name) const {
    for (const record::Fact& each : draft_.events.front().facts) {
      if (each.name == name) return each.value;
    }
    return "";
  }
  static std::vector<std::string> tags(const Verdict& verdict) {
    return std::get<Accept>(verdict).tags;
  }

  static constexpr std::string_view kFromBank = "From: b@bank.test\r\nSubject: x\r\n";

  const std::shared_ptr<const crypto::PrivateKey> key_ =
      tls::kCrypto.read_private_key(tls::generate_key(crypto::KeyKind::ed25519, 256).value())
          .value();
  ManualClock clock_{kNow};
  LoopExecutor loop_;
  dns::TableResolver dns_;
  std::filesystem::path folder_;
  std::unique_ptr<ControlStore> control_;
  Settings settings_;
  smtp::SmtpListener listener_;
  smtp::Client client_;
  smtp::Transaction transaction_;
  std::unique_ptr<Door> door_;
  std::vector<Judge*> judges_;
  std::unique_ptr<Trial> trial_;
  Draft draft_;
};

TEST_F(DoorTest, WhatPassesIsWrittenAboveTheMessage) {
  const Verdict verdict = judge("b@bank.test", {"jerry@yahoo.test"}, with_signature(kFromBank));
  ASSERT_TRUE(std::holds_alternative<Accept>(verdict));
  EXPECT_TRUE(draft_.content.starts_with("Authentication-Results: mx.yahoo.test;"))
      << draft_.content;
  EXPECT_NE(draft_.content.find("dmarc=pass"), std::string::npos);
  EXPECT_EQ(draft_.content.substr(draft_.header_size), kBody);
  EXPECT_EQ(draft_.size, draft_.content.size());
  EXPECT_EQ(fact("spf"), "pass bank.test");
  EXPECT_EQ(fact("dkim"), "pass d=bank.test s=s");
  EXPECT_EQ(fact("dmarc"), "pass bank.test p=reject");
  EXPECT_EQ(fact("arc"), "none");
  EXPECT_EQ(folder(), "INBOX");
  EXPECT_TRUE(tags(verdict).empty());
  EXPECT_FALSE(draft_.recipients[0].notify.said);
}

TEST_F(DoorTest, ForgedResultsAreTakenOut) {
  judge("b@bank.test", {"jerry@yahoo.test"},
        concat("Authentication-Results: MX.yahoo.test; dmarc=pass\r\n",
               "Authentication-Results: other.test; dmarc=fail\r\n", kFromBank));
  EXPECT_EQ(draft_.content.find("MX.yahoo.test"), std::string::npos);
  EXPECT_NE(draft_.content.find("Authentication-Results: other.test"), std::string::npos);
  EXPECT_EQ(draft_.content.substr(draft_.header_size), kBody);
}

TEST_F(DoorTest, AForgeryIsRefusedAndItsReasonSaid) {
  comes_from("192.0.2.66");
  const Verdict verdict = judge("x@evil.test", {"jerry@yahoo.test"}, kFromBank);
  const auto* reject = std::get_if<Reject>(&verdict);
  ASSERT_NE(reject, nullptr);
  EXPECT_EQ(reject->status, "5.7.1");
  EXPECT_TRUE(reject->reply.starts_with("bank.test asks to refuse")) << reject->reply;
}

TEST_F(DoorTest, OneMessageToRecipientsOfSeveralMinds) {
  comes_from("192.0.2.66");
  const Verdict verdict = judge("x@evil.test", {"jerry@yahoo.test", "anna@lax.test"}, kFromBank);
  ASSERT_TRUE(std::holds_alternative<Accept>(verdict)) << "anna takes it";
  EXPECT_EQ(folder(0), "Junk");
  EXPECT_EQ(folder(1), "INBOX");
  EXPECT_EQ(tags(verdict), std::vector<std::string>{"dmarc=fail"});
  EXPECT_TRUE(draft_.recipients[0].notify.never()) << "security.md 20";
}

TEST_F(DoorTest, DutyAddressesRefuseNothing) {
  comes_from("192.0.2.66");
  settings_.greylist.enabled = true;
  const Verdict verdict =
      judge("x@evil.test", {"postmaster@yahoo.test", "jerry@yahoo.test"}, kFromBank);
  ASSERT_TRUE(std::holds_alternative<Accept>(verdict));
  EXPECT_EQ(folder(1), "Junk");
}

TEST_F(DoorTest, AMailingListGoesToJunkWithATag) {
  comes_from("192.0.2.50");
  client_.helo = "lists.test";
  dns_.txt("lists.test", "v=spf1 ip4:192.0.2.50 -all").a("lists.test", "192.0.2.50");
  const Verdict verdict =
      judge("list-owner@lists.test", {"jerry@yahoo.test"},
            concat("List-Id: <l.lists.test>\r\n", with_signature("From: b@bank.test\r\n"),
                   "Subject: [l] changed\r\n"));
  ASSERT_TRUE(std::holds_alternative<Accept>(verdict));
  EXPECT_EQ(folder(), "Junk");
  EXPECT_EQ(tags(verdict), std::vector<std::string>{"dmarc=fail"});
  EXPECT_EQ(fact("junk"), "dmarc fail bank.test p=reject");
}

TEST_F(DoorTest, ABlocklistedClientIsRefusedAtRcptInTheListsWords) {
  settings_.lists = {
      {.zone = "bl.test", .weight = 10, .answers = {}, .reply = "See http://bl.test/{address}"}};
  dns_.a("1.2.0.192.bl.test", "127.0.0.2");
  const Verdict verdict = envelope("b@bank.test", {"jerry@yahoo.test"});
  const auto* reject = std::get_if<Reject>(&verdict);
  ASSERT_NE(reject, nullptr);
  EXPECT_EQ(reject->reply, "See http://bl.test/192.0.2.1");
  EXPECT_EQ(reject->reason, "score 10.0: blocklist bl.test 10.0");
  const Verdict lax = envelope("b@bank.test", {"anna@lax.test"});
  EXPECT_TRUE(std::holds_alternative<Accept>(lax));
}

TEST_F(DoorTest, AListOfDomainsIsAskedAboutHeloMailAndFrom) {
  settings_.lists = {
      {.zone = "dbl.test", .weight = 10, .domains = true, .answers = {}, .reply = {}}};
  dns_.a("evil.test.dbl.test", "127.0.1.2");
  const auto score = [this] { return trial_->evidence().score(); };
  client_.helo = "evil.test";
  dns_.a("evil.test", "192.0.2.1");
  const Verdict by_helo = envelope("x@plain.test", {"jerry@yahoo.test"});
  const auto* reject = std::get_if<Reject>(&by_helo);
  ASSERT_NE(reject, nullptr);
  EXPECT_EQ(reject->reply, "evil.test is listed by dbl.test");
  client_.helo = "mail.bank.test";
  EXPECT_TRUE(std::holds_alternative<Reject>(envelope("x@evil.test", {"jerry@yahoo.test"})));
  // Once, whichever of them it has.
  EXPECT_EQ(score(), 10);
  const std::string_view from_evil = "From: x@evil.test\r\nSubject: x\r\n";
  ASSERT_TRUE(std::holds_alternative<Accept>(envelope("x@plain.test", {"jerry@yahoo.test"})));
  EXPECT_EQ(score(), 0);
  EXPECT_TRUE(std::holds_alternative<Reject>(content(from_evil)));
  EXPECT_EQ(score(), 10);
}

TEST_F(DoorTest, AnAllowlistSpeaksForAClient) {
  settings_.lists = {{.zone = "bl.test", .weight = 10, .answers = {}, .reply = {}},
                     {.zone = "wl.test", .weight = 8, .allow = true, .answers = {}, .reply = {}}};
  dns_.a("1.2.0.192.bl.test", "127.0.0.2").a("1.2.0.192.wl.test", "127.0.0.3");
  EXPECT_TRUE(std::holds_alternative<Accept>(
      judge("b@bank.test", {"jerry@yahoo.test"}, with_signature(kFromBank))));
  EXPECT_EQ(folder(), "INBOX");
}

TEST_F(DoorTest, AnOddClientCollectsPoints) {
  comes_from("192.0.2.77");
  client_.helo = "mx.yahoo.test";  // ours
  dns_.txt("plain.test", "v=spf1 -all");
  const Verdict verdict = judge("a@plain.test", {"jerry@yahoo.test"}, "From: a@plain.test\r\n");
  ASSERT_TRUE(std::holds_alternative<Accept>(verdict));
  EXPECT_EQ(folder(), "Junk");
  EXPECT_EQ(fact("junk"), "score 8.0: no reverse name 2.0, helo ours 4.0, spf fail 2.0");
  EXPECT_FALSE(draft_.recipients[0].notify.success);
  EXPECT_TRUE(draft_.recipients[0].notify.wants_failure()) << "security.md 21";
}

TEST_F(DoorTest, DnsTroubleTagsAndDefersOnlyWhatHangsOnIt) {
  comes_from("192.0.2.66");
  dns_.fail("s._domainkey.bank.test", dns::Type::txt);
  const std::string header = with_signature(kFromBank);
  const Verdict hangs = judge("x@evil.test", {"jerry@yahoo.test"}, header);
  const auto* defer = std::get_if<Defer>(&hangs);
  ASSERT_NE(defer, nullptr);
  EXPECT_EQ(defer->status, "4.4.3");
  dns_.fail("_dmarc.bank.test", dns::Type::txt);
  const Verdict taken = judge("x@evil.test", {"jerry@yahoo.test"}, header);
  ASSERT_TRUE(std::holds_alternative<Accept>(taken));
  EXPECT_EQ(tags(taken), std::vector<std::string>{"temperror"});
}

TEST_F(DoorTest, AClientThatTakesItsTimeIsJudgedAllTheSame) {
  envelope("b@bank.test", {"jerry@yahoo.test"});
  clock_.advance(120s);
  const Verdict verdict = content(with_signature(kFromBank));
  ASSERT_TRUE(std::holds_alternative<Accept>(verdict));
  EXPECT_EQ(fact("dmarc"), "pass bank.test p=reject");
}

TEST_F(DoorTest, GreylistingAsksStrangersToComeBackButNotWhomDmarcKnows) {
  settings_.greylist.enabled = true;
  EXPECT_TRUE(std::holds_alternative<Accept>(
      judge("b@bank.test", {"jerry@yahoo.test"}, with_signature(kFromBank))));
  constexpr std::string_view kPlain = "From: a@plain.test\r\n";
  const Verdict first = judge("a@plain.test", {"jerry@yahoo.test"}, kPlain);
  const auto* defer = std::get_if<Defer>(&first);
  ASSERT_NE(defer, nullptr);
  EXPECT_EQ(defer->reply, "Not seen before, come back in 300 seconds");
  EXPECT_EQ(defer->status, "4.7.1");
  clock_.advance(300s);
  EXPECT_TRUE(std::holds_alternative<Accept>(judge("a@plain.test", {"jerry@yahoo.test"}, kPlain)));
  // What was learnt is there after a restart.
  trial_.reset();
  door_.reset();
  EXPECT_TRUE(std::holds_alternative<Accept>(judge("a@plain.test", {"jerry@yahoo.test"}, kPlain)));
  EXPECT_TRUE(
      std::holds_alternative<Accept>(judge("b@bank.test", {"jerry@yahoo.test"}, kFromBank)));
}

TEST_F(DoorTest, FriendsAreNotJudged) {
  client_.peer.may_relay = true;
  comes_from("192.0.2.66");
  EXPECT_TRUE(std::holds_alternative<Accept>(
      judge("x@evil.test", {"jerry@yahoo.test"},
            concat("Authentication-Results: mx.yahoo.test; dmarc=pass\r\n", kFromBank))));
  EXPECT_EQ(draft_.content.find("Authentication-Results"), std::string::npos)
      << "but nobody forges our results";
  EXPECT_EQ(dns_.questions(), 0U);
  client_.peer.may_relay = false;
  comes_from("127.0.0.1");
  judge("x@evil.test", {"jerry@yahoo.test"}, kFromBank);
  EXPECT_EQ(dns_.questions(), 0U);
  listener_.role = smtp::Role::submission;
  trial_ = std::make_unique<Trial>(judges_, listener_, client_, transaction_);
  EXPECT_TRUE(trial_->empty());
}

TEST_F(DoorTest, AReloadCountsForThoseWhoComeAfterIt) {
  comes_from("192.0.2.66");
  open();
  settings_.mode = Mode::observe;
  door_->reload(std::make_shared<const Settings>(settings_));
  EXPECT_TRUE(
      std::holds_alternative<Accept>(judge("x@evil.test", {"jerry@yahoo.test"}, kFromBank)));
  EXPECT_EQ(folder(), "INBOX");
  EXPECT_EQ(fact("dmarc"), "fail bank.test p=reject");
}

}  // namespace
}  // namespace mail::door
