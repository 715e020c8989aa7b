#include "service/door/decision.h"

#include <gtest/gtest.h>

namespace mail::door {
namespace {

using mailauth::AuthorDomains;
using mailauth::Findings;

// A message of bank.test; by default nothing is known of it but its author.
struct Mail {
  Mail() {
    findings.authors = {AuthorDomains::Kind::one, 1, {"bank.test"}};
    dmarc::Outcome dmarc;
    dmarc.domain = "bank.test";
    dmarc.record_domain = "bank.test";
    findings.dmarc.push_back(dmarc);
  }
  Mail& dmarc(dmarc::Verdict verdict, dmarc::Policy policy) {
    findings.dmarc[0].verdict = verdict;
    findings.dmarc[0].policy = policy;
    return *this;
  }
  Mail& spf(spf::Verdict verdict) {
    findings.spf.verdict = verdict;
    return *this;
  }
  Mail& arc(std::vector<arc::Set> sets) {
    findings.arc.verdict = arc::Verdict::pass;
    findings.arc.sets = std::move(sets);
    return *this;
  }
  Mail& signal(std::string name, double weight, std::string reason = "") {
    signals.push_back({std::move(name), weight, std::move(reason)});
    return *this;
  }
  Evidence evidence() const { return {signals, std::make_shared<const Findings>(findings)}; }
  Findings findings;
  std::vector<Signal> signals;
};

Settings settings() {
  Settings out;
  out.trusted_forwarders = {"lists.test"};
  return out;
}
Fate fate(Mode mode, const Mail& mail) { return decide(mode, settings(), mail.evidence()).fate; }

constexpr auto kFail = dmarc::Verdict::fail;
constexpr auto kReject = dmarc::Policy::reject;

TEST(Decision, AFailedRejectByMode) {
  const Mail forged = Mail().dmarc(kFail, kReject).spf(spf::Verdict::fail);
  EXPECT_EQ(fate(Mode::observe, forged), Fate::inbox);
  EXPECT_EQ(fate(Mode::junk, forged), Fate::junk);
  EXPECT_EQ(fate(Mode::balanced, forged), Fate::refuse);
  EXPECT_EQ(fate(Mode::enforce, forged), Fate::refuse);
  // A mailing list: its own SPF passes, the author's signature is broken.
  const Mail list = Mail().dmarc(kFail, kReject).spf(spf::Verdict::pass);
  EXPECT_EQ(fate(Mode::observe, list), Fate::inbox);
  EXPECT_EQ(fate(Mode::junk, list), Fate::junk);
  EXPECT_EQ(fate(Mode::balanced, list), Fate::junk);
  EXPECT_EQ(fate(Mode::enforce, list), Fate::refuse);
}

TEST(Decision, BalancedWantsASecondSignal) {
  EXPECT_EQ(
      fate(Mode::balanced,
           Mail().dmarc(kFail, kReject).spf(spf::Verdict::pass).signal("blocklist bl.test", 1)),
      Fate::refuse);
  EXPECT_EQ(fate(Mode::balanced,
                 Mail().dmarc(kFail, kReject).spf(spf::Verdict::pass).signal("rspamd", 5)),
            Fate::refuse);
  EXPECT_EQ(fate(Mode::balanced,
                 Mail().dmarc(kFail, kReject).spf(spf::Verdict::pass).signal("rspamd", 4)),
            Fate::junk);
  EXPECT_EQ(fate(Mode::balanced, Mail().dmarc(kFail, kReject).spf(spf::Verdict::temperror)),
            Fate::junk)
      << "SPF said nothing";
}

TEST(Decision, QuarantineIsJunkAndNoneIsNothing) {
  for (const Mode mode : {Mode::junk, Mode::balanced, Mode::enforce}) {
    EXPECT_EQ(fate(mode, Mail().dmarc(kFail, dmarc::Policy::quarantine)), Fate::junk);
    EXPECT_EQ(fate(mode, Mail().dmarc(kFail, dmarc::Policy::none)), Fate::inbox);
    EXPECT_EQ(fate(mode, Mail().dmarc(dmarc::Verdict::pass, kReject)), Fate::inbox);
  }
  EXPECT_EQ(fate(Mode::observe, Mail().dmarc(kFail, dmarc::Policy::quarantine)), Fate::inbox);
}

TEST(Decision, ATrustedForwarderIsBelieved) {
  const arc::Set vouching{1, "lists.test", "lists.test; dmarc=pass header.from=bank.test"};
  const arc::Set doubting{1, "lists.test", "lists.test; dmarc=fail header.from=bank.test"};
  const arc::Set stranger{1, "evil.test", "evil.test; dmarc=pass header.from=bank.test"};
  const arc::Set behind{2, "evil.test", "evil.test; dmarc=pass header.from=bank.test"};
  const auto with = [](std::vector<arc::Set> sets) {
    return Mail().dmarc(kFail, kReject).spf(spf::Verdict::fail).arc(std::move(sets));
  };
  EXPECT_EQ(fate(Mode::enforce, with({vouching})), Fate::inbox);
  EXPECT_EQ(fate(Mode::balanced, with({doubting})), Fate::junk) << "forwarded, but failed before";
  EXPECT_EQ(fate(Mode::balanced, with({stranger})), Fate::refuse);
  EXPECT_EQ(fate(Mode::balanced, with({vouching, behind})), Fate::refuse)
      << "whoever sealed last could have changed everything";
}

TEST(Decision, DnsTroubleDefersOnlyWhatHangsOnIt) {
  constexpr auto kTrouble = dmarc::Verdict::temperror;
  // The record is known, a key is not: with it it passes, without it it would be refused.
  const Mail forged = Mail().dmarc(kTrouble, kReject).spf(spf::Verdict::fail);
  const Decision later = decide(Mode::balanced, settings(), forged.evidence());
  EXPECT_EQ(later.fate, Fate::defer);
  EXPECT_EQ(later.status, "4.4.3");
  EXPECT_EQ(fate(Mode::junk, forged), Fate::inbox);
  EXPECT_EQ(fate(Mode::observe, forged), Fate::inbox);
  EXPECT_EQ(fate(Mode::balanced, Mail().dmarc(kTrouble, kReject).spf(spf::Verdict::pass)),
            Fate::inbox);
  EXPECT_EQ(fate(Mode::enforce, Mail().dmarc(kTrouble, kReject).spf(spf::Verdict::pass)),
            Fate::defer);
  EXPECT_EQ(fate(Mode::enforce, Mail().dmarc(kTrouble, dmarc::Policy::quarantine)), Fate::inbox);
  Mail unknown = Mail().dmarc(kTrouble, dmarc::Policy::none).spf(spf::Verdict::fail);
  unknown.findings.dmarc[0].record_domain.clear();
  EXPECT_EQ(fate(Mode::balanced, unknown), Fate::inbox);
  EXPECT_EQ(fate(Mode::enforce, unknown), Fate::defer);
  EXPECT_EQ(tags_of(settings(), unknown.evidence()), std::vector<std::string>{"temperror"});
}

TEST(Decision, TheScoreMakesJunkAndRefusals) {
  const auto with = [](double weight) {
    return Mail().dmarc(dmarc::Verdict::pass, kReject).signal("rspamd", weight, "Looks like spam");
  };
  EXPECT_EQ(fate(Mode::balanced, with(4.9)), Fate::inbox);
  EXPECT_EQ(fate(Mode::balanced, with(5)), Fate::junk);
  EXPECT_EQ(fate(Mode::balanced, with(10)), Fate::refuse);
  EXPECT_EQ(fate(Mode::enforce, with(10)), Fate::refuse);
  EXPECT_EQ(fate(Mode::junk, with(10)), Fate::junk);
  EXPECT_EQ(fate(Mode::observe, with(100)), Fate::inbox);
  EXPECT_EQ(fate(Mode::balanced, with(10).signal("allowlist wl.test", -5)), Fate::junk);
}

TEST(Decision, ARefusalNamesItsReason) {
  const Evidence listed = Mail()
                              .signal("no reverse name", 2, "no name")
                              .signal("blocklist bl.test", 10, "Listed, see bl.test")
                              .evidence();
  const Decision by_score = decide(Mode::balanced, settings(), listed);
  EXPECT_EQ(by_score.reply, "Listed, see bl.test");
  EXPECT_EQ(by_score.reason, "score 12.0: no reverse name 2.0, blocklist bl.test 10.0");
  const Decision by_dmarc = decide(Mode::balanced, settings(),
                                   Mail().dmarc(kFail, kReject).spf(spf::Verdict::fail).evidence());
  EXPECT_EQ(by_dmarc.reply,
            "bank.test asks to refuse what is not from it (DMARC p=reject), and this fails; "
            "neither SPF nor a forwarder we trust vouches for it");
  EXPECT_EQ(by_dmarc.status, "5.7.1");
}

TEST(Decision, WithoutAuthorNothingPassesAndNothingIsRefused) {
  Mail nobody;
  nobody.findings.authors = {};
  nobody.findings.dmarc.clear();
  EXPECT_EQ(fate(Mode::enforce, nobody), Fate::inbox);
  EXPECT_EQ(tags_of(settings(), nobody.evidence()), std::vector<std::string>{"no-author"});
  nobody.findings.authors.kind = AuthorDomains::Kind::too_many;
  EXPECT_EQ(fate(Mode::balanced, nobody), Fate::junk);
}

TEST(Decision, WhoIsUnauthenticated) {
  EXPECT_FALSE(is_unauthenticated(Mail().findings)) << "nothing failed";
  EXPECT_TRUE(is_unauthenticated(Mail().spf(spf::Verdict::softfail).findings));
  EXPECT_FALSE(is_unauthenticated(Mail().spf(spf::Verdict::pass).findings));
  Mail signed_mail = Mail().spf(spf::Verdict::fail);
  signed_mail.findings.dkim.signatures.resize(2);
  signed_mail.findings.dkim.signatures[0].verdict = dkim::Verdict::fail;
  EXPECT_TRUE(is_unauthenticated(signed_mail.findings));
  signed_mail.findings.dkim.signatures[1].verdict = dkim::Verdict::pass;
  EXPECT_FALSE(is_unauthenticated(signed_mail.findings));
}

}  // namespace
}  // namespace mail::door
