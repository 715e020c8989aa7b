#include "daemon/ctl/domain_survey.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/base64.h"
#include "base/executor.h"
#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/table_resolver.h"

namespace mail::ctl {
namespace {

using dns::Type;
using signing::SeenKey;
using signing::Sight;

constexpr WallTime kNow{Milliseconds(1'795'325'077'000)};

class DomainSurveyTest : public testing::Test {
 protected:
  DomainSurveyTest() {
    dns_.a("mx.yahoo.test", "192.0.2.1").ptr("1.2.0.192.in-addr.arpa", "mx.yahoo.test");
    dns_.mx("yahoo.test", 10, "mx.yahoo.test");
  }
  std::vector<RecordRow> rows(std::vector<SeenKey> keys = {}, std::string domain = "yahoo.test") {
    const SurveyWorld world{.resolver = dns_,
                            .hostname = "mx.yahoo.test",
                            .own_names = {"mx.yahoo.test"},
                            .submission = {{587, false}, {465, true}},
                            .now = kNow,
                            .deadline = {}};
    return block_on(loop_, survey(world, std::move(domain), std::move(keys)));
  }
  RecordRow survey_of(std::string domain, std::string_view what) {
    for (RecordRow& each : rows({}, std::move(domain))) {
      if (each.what == what) return std::move(each);
    }
    return {};
  }
  RecordRow row(std::string_view what, std::vector<SeenKey> keys = {}) {
    for (RecordRow& each : rows(std::move(keys))) {
      if (each.what == what) return std::move(each);
    }
    ADD_FAILURE() << "no row " << what;
    return {};
  }
  std::string verdict(std::string_view what) { return std::string(to_string(row(what).verdict)); }
  std::string srv(std::uint16_t port, std::string_view target) {
    std::string rdata("\0\0\0\1", 4);
    rdata.push_back(static_cast<char>(port >> 8));
    rdata.push_back(static_cast<char>(port & 0xFF));
    return rdata + dns::to_wire(target).value();
  }
  static SeenKey key(DkimKeyState state, Sight sight) {
    SeenKey seen;
    seen.key.domain = "yahoo.test";
    seen.key.selector = "s1";
    seen.key.kind = crypto::KeyKind::ed25519;
    seen.key.state = state;
    seen.key.changed = kNow;
    seen.key.public_key = "AAAA";
    seen.sight = sight;
    return seen;
  }

  dns::TableResolver dns_;
  LoopExecutor loop_;
};

TEST_F(DomainSurveyTest, AnMxIsOursByNameOrByAddress) {
  EXPECT_EQ(verdict("MX"), "ok");
  dns_.erase("yahoo.test")
      .mx("yahoo.test", 10, "mail.yahoo.test")
      .a("mail.yahoo.test", "192.0.2.1");
  EXPECT_EQ(verdict("MX"), "ok");
  dns_.erase("yahoo.test").mx("yahoo.test", 10, "mx.other.test").a("mx.other.test", "192.0.2.9");
  EXPECT_EQ(verdict("MX"), "wrong");
  dns_.erase("yahoo.test").mx("yahoo.test", 0, ".");
  EXPECT_EQ(verdict("MX"), "wrong");
  dns_.erase("yahoo.test");
  EXPECT_EQ(verdict("MX"), "missing");
  EXPECT_EQ(row("MX").publish, "10 mx.yahoo.test.");
  dns_.fail("yahoo.test", Type::mx);
  EXPECT_EQ(verdict("MX"), "unknown");
}

TEST_F(DomainSurveyTest, AnMxThatIsNoneOfOursIsToldApart) {
  dns_.erase("yahoo.test").mx("yahoo.test", 0, ".");
  EXPECT_NE(row("MX").remedy.find("no mail at all"), std::string::npos);
  // RFC 5321 §5.1: without an MX the address of the domain counts.
  dns_.erase("yahoo.test").a("yahoo.test", "192.0.2.1");
  EXPECT_EQ(verdict("MX"), "optional");
  dns_.erase("yahoo.test").mx("yahoo.test", 5, "slow.test").fail("slow.test", Type::a);
  EXPECT_EQ(verdict("MX"), "unknown");
  dns_.mx("yahoo.test", 10, "mx.yahoo.test");
  EXPECT_EQ(verdict("MX"), "ok");
  EXPECT_EQ(row("MX").publish, "10 mx.yahoo.test.");
  const std::string zone = zone_text("yahoo.test", rows());
  EXPECT_NE(zone.find("MX 5 slow.test.\nyahoo.test. MX 10 mx.yahoo.test.\n"), std::string::npos)
      << zone;
}

TEST_F(DomainSurveyTest, AliasesAreNamedWhereTheyMayNotBe) {  // RFC 2181 §10.3
  dns_.erase("yahoo.test").mx("yahoo.test", 10, "mail.yahoo.test");
  dns_.cname("mail.yahoo.test", "mx.yahoo.test");
  EXPECT_EQ(verdict("MX"), "wrong");
  EXPECT_NE(row("MX").remedy.find("alias"), std::string::npos);
  dns_.erase("mx.yahoo.test").cname("mx.yahoo.test", "host.test").a("host.test", "192.0.2.1");
  EXPECT_EQ(verdict("Host"), "wrong");
  EXPECT_NE(row("Host").remedy.find("host.test"), std::string::npos);
  dns_.erase("yahoo.test").cname("yahoo.test", "other.test").mx("other.test", 10, "mx.yahoo.test");
  EXPECT_EQ(verdict("Alias"), "wrong");
  EXPECT_EQ(row("Alias").now, std::vector<std::string>{"other.test."});
  // Policies and keys may be looked up elsewhere.
  dns_.cname("_dmarc.yahoo.test", "dmarc.other.test").txt("dmarc.other.test", "v=DMARC1; p=reject");
  EXPECT_EQ(verdict("DMARC"), "ok");
}

TEST_F(DomainSurveyTest, SpfThatIsBrokenOrLetsEverybodySend) {
  dns_.txt("yahoo.test", "v=spf10 a");  // RFC 7208 §4.5: no SPF record
  EXPECT_EQ(verdict("SPF"), "missing");
  dns_.erase("yahoo.test").txt("yahoo.test", "v=spf1 a:");
  EXPECT_EQ(verdict("SPF"), "wrong");
  EXPECT_EQ(row("SPF").publish, "v=spf1 mx -all");
  EXPECT_NE(row("SPF").remedy.find("cannot be evaluated"), std::string::npos);
  dns_.erase("yahoo.test").txt("yahoo.test", "v=spf1 ip4:192.0.2.1 all");
  EXPECT_EQ(verdict("SPF"), "wrong");
  EXPECT_NE(row("SPF").remedy.find("everybody"), std::string::npos);
  dns_.txt("yahoo.test", "v=spf1 mx -all");
  EXPECT_NE(row("SPF").remedy.find("Several"), std::string::npos);
  EXPECT_EQ(row("SPF of the host").verdict, RecordVerdict::missing);
}

TEST_F(DomainSurveyTest, SpfIsEvaluatedForOurAddresses) {
  EXPECT_EQ(verdict("SPF"), "missing");
  dns_.txt("yahoo.test", "v=spf1 include:ours.test -all")
      .txt("ours.test", "v=spf1 ip4:192.0.2.0/30");
  EXPECT_EQ(verdict("SPF"), "ok");
  dns_.erase("ours.test").txt("ours.test", "v=spf1 ip4:198.51.100.1");
  EXPECT_EQ(verdict("SPF"), "wrong");
  EXPECT_EQ(row("SPF").publish, "v=spf1 a:mx.yahoo.test include:ours.test -all");
  dns_.fail("ours.test", Type::txt);
  EXPECT_EQ(verdict("SPF"), "unknown");
  dns_.txt("yahoo.test", "v=spf1 mx -all");
  EXPECT_EQ(verdict("SPF"), "wrong");  // there are two
  // While mail comes in elsewhere, "mx" would name others.
  dns_.erase("yahoo.test").mx("yahoo.test", 10, "mx.other.test");
  EXPECT_EQ(row("SPF").publish, "v=spf1 a:mx.yahoo.test -all");
}

TEST_F(DomainSurveyTest, TheHostNeedsAnAddressAndTheAddressTheHost) {
  EXPECT_EQ(verdict("Host"), "ok");
  EXPECT_EQ(verdict("PTR"), "ok");
  dns_.erase("1.2.0.192.in-addr.arpa").ptr("1.2.0.192.in-addr.arpa", "host-1.provider.test");
  EXPECT_EQ(verdict("PTR"), "wrong");
  dns_.erase("1.2.0.192.in-addr.arpa");
  EXPECT_EQ(verdict("PTR"), "missing");
  EXPECT_NE(row("PTR").remedy.find("192.0.2.1"), std::string::npos);
  dns_.fail("1.2.0.192.in-addr.arpa", Type::ptr, "no answer in time");
  EXPECT_EQ(verdict("PTR"), "unknown");
  EXPECT_NE(row("PTR").remedy.find("no answer in time"), std::string::npos);
  dns_.erase("mx.yahoo.test");
  EXPECT_EQ(verdict("Host"), "missing");
  dns_.fail("mx.yahoo.test", Type::a);
  EXPECT_EQ(verdict("Host"), "unknown");
}

TEST_F(DomainSurveyTest, KeysByStateAndSight) {
  const auto verdict_of = [this](DkimKeyState state, Sight sight) {
    return std::string(to_string(row("DKIM", {key(state, sight)}).verdict));
  };
  using State = DkimKeyState;
  EXPECT_EQ(verdict_of(State::pending, Sight::absent), "missing");
  EXPECT_EQ(verdict_of(State::active, Sight::shown), "ok");
  EXPECT_EQ(verdict_of(State::active, Sight::other), "wrong");
  EXPECT_EQ(verdict_of(State::active, Sight::unknown), "unknown");
  EXPECT_EQ(verdict_of(State::retired, Sight::shown), "ok");
  EXPECT_EQ(verdict_of(State::retired, Sight::absent), "optional");
  EXPECT_EQ(verdict_of(State::revoked, Sight::shown), "obsolete");
  EXPECT_EQ(row("DKIM", {key(State::pending, Sight::absent)}).publish,
            "v=DKIM1; k=ed25519; p=AAAA");
}

TEST_F(DomainSurveyTest, PoliciesAreReadNotOnlySeen) {
  EXPECT_EQ(verdict("DMARC"), "missing");
  dns_.txt("_dmarc.yahoo.test", "v=DMARC1; p=none");
  EXPECT_EQ(verdict("DMARC"), "ok");
  EXPECT_NE(row("DMARC").remedy, "");  // it only watches
  dns_.txt("_dmarc.yahoo.test", "v=DMARC1; p=reject");
  EXPECT_EQ(verdict("DMARC"), "wrong");
  dns_.erase("_dmarc.yahoo.test").txt("_dmarc.yahoo.test", "v=DMARC1; p=sometimes");
  EXPECT_EQ(verdict("DMARC"), "wrong");
  EXPECT_EQ(verdict("MTA-STS"), "optional");
  dns_.txt("_mta-sts.yahoo.test", "v=STSv1; id=1");
  EXPECT_EQ(verdict("MTA-STS"), "ok");
  dns_.txt("_mta-sts.yahoo.test", "v=STSv1; id=2");
  EXPECT_EQ(verdict("MTA-STS"), "wrong");  // RFC 8461 §3.1
  dns_.erase("_mta-sts.yahoo.test").txt("_mta-sts.yahoo.test", "v=STSv1; id=a-b");
  EXPECT_EQ(verdict("MTA-STS"), "wrong");
  EXPECT_EQ(verdict("TLS-RPT"), "optional");
  dns_.txt("_smtp._tls.yahoo.test", "v=TLSRPTv1; rua=https://reports.test/tls");
  EXPECT_EQ(verdict("TLS-RPT"), "ok");
  dns_.erase("_smtp._tls.yahoo.test").txt("_smtp._tls.yahoo.test", "v=TLSRPTv1");
  EXPECT_EQ(verdict("TLS-RPT"), "wrong");
  for (const std::string_view name : {"_dmarc", "_mta-sts", "_smtp._tls"}) {
    dns_.fail(concat(name, ".yahoo.test"), Type::txt);
  }
  for (const std::string_view what : {"DMARC", "MTA-STS", "TLS-RPT"}) {
    EXPECT_EQ(verdict(what), "unknown");
  }
}

TEST_F(DomainSurveyTest, APolicyAboveCountsForDomainsBelow) {
  dns_.txt("_dmarc.yahoo.test", "v=DMARC1; p=reject");
  EXPECT_EQ(survey_of("mail.shop.yahoo.test", "DMARC").verdict, RecordVerdict::optional);
  EXPECT_NE(survey_of("mail.shop.yahoo.test", "DMARC").remedy.find("_dmarc.yahoo.test"),
            std::string::npos);
  EXPECT_EQ(survey_of("shop.other.test", "DMARC").verdict, RecordVerdict::missing);
}

TEST_F(DomainSurveyTest, ServicesLeadHere) {
  EXPECT_EQ(row("SRV").publish, "0 1 587 mx.yahoo.test.");
  EXPECT_EQ(verdict("SRV"), "optional");
  dns_.add("_submission._tcp.yahoo.test", Type::srv, srv(587, "MX.yahoo.test"));
  EXPECT_EQ(verdict("SRV"), "ok");
  dns_.erase("_submission._tcp.yahoo.test")
      .add("_submission._tcp.yahoo.test", Type::srv, srv(25, "mx.yahoo.test"));
  EXPECT_EQ(verdict("SRV"), "wrong");
  dns_.erase("_submission._tcp.yahoo.test")
      .add("_submission._tcp.yahoo.test", Type::srv, srv(0, "."));
  EXPECT_EQ(verdict("SRV"), "wrong");
  EXPECT_NE(row("SRV").remedy.find("no such service"), std::string::npos);  // RFC 2782
  dns_.fail("_submission._tcp.yahoo.test", Type::srv);
  EXPECT_EQ(verdict("SRV"), "unknown");
}

TEST_F(DomainSurveyTest, TheZoneHasWhatIsDueAndTheRestAsComments) {
  SeenKey long_key = key(DkimKeyState::pending, Sight::absent);
  long_key.key.public_key = std::string(300, 'A');
  const std::string zone = zone_text("yahoo.test", rows({long_key}));
  EXPECT_NE(zone.find("\nyahoo.test. MX 10 mx.yahoo.test.\n"), std::string::npos) << zone;
  EXPECT_NE(zone.find("\nyahoo.test. TXT \"v=spf1 mx -all\"\n"), std::string::npos);
  EXPECT_NE(zone.find("AAA\" \"AAA"), std::string::npos) << zone;  // 255 octets a string
  EXPECT_NE(zone.find("\n; 1.2.0.192.in-addr.arpa. PTR mx.yahoo.test.\n"), std::string::npos)
      << zone;
  EXPECT_NE(zone.find("\n; _mta-sts.yahoo.test. TXT "), std::string::npos);
  EXPECT_NE(zone.find("\n_submissions._tcp.yahoo.test. SRV 0 1 465 mx.yahoo.test.\n"),
            std::string::npos);
}

}  // namespace
}  // namespace mail::ctl
