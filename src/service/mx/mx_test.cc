#include "service/mx/mx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/executor.h"
#include "base/text.h"
#include "codec/dns/table_resolver.h"

namespace mail::mx {
namespace {

using dns::Type;
using Kind = MxAnswer::Kind;
using std::chrono::seconds;

// Gives 0, 1, 2, ... so that every order of equals comes up.
class CountingRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    std::ranges::fill(out, std::byte{0});
    out[0] = static_cast<std::byte>(next_++);
  }

 private:
  std::uint8_t next_ = 0;
};

class FindHosts : public testing::Test {
 protected:
  FindHosts() {
    world_.own_names = {"mx.Ours.test"};
    world_.own_addresses = {IpAddress::parse("198.51.100.7").value()};
  }
  MxAnswer find(std::string_view domain) {
    return block_on(loop_,
                    find_hosts(dns_, Domain::parse(domain).value(), MonoTime{}, random_, world_));
  }
  MxAnswer find_fixed(std::string host) {
    return block_on(loop_, find_host(dns_, std::move(host), MonoTime{}));
  }
  static std::string hosts(const MxAnswer& answer) {
    std::string text;
    for (const MxHost& host : answer.hosts) {
      append(text, text.empty() ? "" : " ", host.preference, ':', host.name);
    }
    return text;
  }
  static std::string addresses(const MxHost& host) {
    std::string text;
    for (const IpAddress& address : host.addresses) {
      append(text, text.empty() ? "" : " ", address.to_string());
    }
    return text;
  }
  static void expect(const MxAnswer& answer, Kind kind, std::string_view enhanced,
                     std::string_view part_of_why) {
    EXPECT_EQ(answer.kind, kind);
    EXPECT_EQ(answer.enhanced, enhanced);
    EXPECT_NE(answer.why.find(part_of_why), std::string::npos) << answer.why;
    EXPECT_TRUE(answer.hosts.empty());
  }

  dns::TableResolver dns_;
  LoopExecutor loop_;
  CountingRandom random_;
  MxWorld world_;
};

TEST_F(FindHosts, TheLowestPreferenceComesFirst) {
  dns_.mx("yahoo.test", 20, "b.yahoo.test").mx("yahoo.test", 10, "A.Yahoo.Test");
  dns_.a("a.yahoo.test", "203.0.113.1").a("b.yahoo.test", "203.0.113.2");
  const MxAnswer answer = find("yahoo.test");
  EXPECT_EQ(answer.kind, Kind::found);
  EXPECT_EQ(hosts(answer), "10:a.yahoo.test 20:b.yahoo.test");
  EXPECT_EQ(answer.ttl, seconds(60)) << "the negative AAAA answers are the shortest-lived";
  EXPECT_EQ(answer.enhanced, "");
}

TEST_F(FindHosts, EqualsComeInEveryOrderAndNeverBeforeTheirBetters) {
  for (const std::string_view host : {"a.test", "b.test", "c.test"}) {
    dns_.mx("yahoo.test", 10, host).a(host, "203.0.113.1");
  }
  dns_.mx("yahoo.test", 5, "best.test").a("best.test", "203.0.113.5");
  std::set<std::string> orders;
  for (int i = 0; i < 200; ++i) orders.insert(hosts(find("yahoo.test")));
  EXPECT_EQ(orders.size(), 6U);
  for (const std::string& order : orders) EXPECT_TRUE(order.starts_with("5:best.test ")) << order;
}

TEST_F(FindHosts, WithoutMxTheDomainItselfIsTheHost) {
  dns_.a("plain.test", "203.0.113.1");
  EXPECT_EQ(hosts(find("plain.test")), "0:plain.test");
}

TEST_F(FindHosts, WithMxTheAddressOfTheDomainIsNeverUsed) {
  dns_.mx("yahoo.test", 10, "mx.yahoo.test").empty("mx.yahoo.test").a("yahoo.test", "203.0.113.1");
  expect(find("yahoo.test"), Kind::permanent, "5.4.4", "mx.yahoo.test");
}

TEST_F(FindHosts, AFailedMxQuestionNeverFallsBackToTheAddress) {
  dns_.a("yahoo.test", "203.0.113.1").fail("yahoo.test", Type::mx, "no answer");
  expect(find("yahoo.test"), Kind::temporary, "4.4.3", "no answer");
  EXPECT_EQ(dns_.questions("yahoo.test", Type::a), 0U);
}

TEST_F(FindHosts, ACnameAtTheDomainIsFollowed) {
  dns_.cname("alias.test", "yahoo.test").mx("yahoo.test", 10, "mx.yahoo.test");
  dns_.a("mx.yahoo.test", "203.0.113.1");
  EXPECT_EQ(hosts(find("alias.test")), "10:mx.yahoo.test");
  dns_.cname("alias2.test", "plain.test").a("plain.test", "203.0.113.1");
  EXPECT_EQ(hosts(find("alias2.test")), "0:plain.test")
      << "processed as if it were the initial name";
}

TEST_F(FindHosts, NullMxIsPermanent) {
  dns_.mx("null.test", 0, ".").a("null.test", "203.0.113.1");
  expect(find("null.test"), Kind::permanent, "5.1.10", "takes no mail");
}

TEST_F(FindHosts, ARootHostBesideRealOnesIsPassedOver) {
  dns_.mx("odd.test", 0, ".").mx("odd.test", 10, "mx.odd.test").a("mx.odd.test", "203.0.113.1");
  EXPECT_EQ(hosts(find("odd.test")), "10:mx.odd.test");
}

TEST_F(FindHosts, NoSuchDomainIsPermanent) {
  expect(find("typo.test"), Kind::permanent, "5.1.2", "typo.test does not exist");
}

TEST_F(FindHosts, NeitherMxNorAddressIsPermanent) {
  dns_.txt("text.test", "v=spf1 -all");
  expect(find("text.test"), Kind::permanent, "5.1.2", "neither MX nor address");
}

TEST_F(FindHosts, BogusIsTemporaryAndSaysSo) {
  dns_.bogus("broken.test", Type::mx);
  expect(find("broken.test"), Kind::temporary, "4.4.3", "DNSSEC");
}

TEST_F(FindHosts, UnknownAddressesAreTemporaryEvenWhereOtherHostsHaveNone) {
  dns_.mx("yahoo.test", 10, "gone.yahoo.test").mx("yahoo.test", 20, "slow.yahoo.test");
  dns_.fail("slow.yahoo.test", Type::aaaa, "timeout").fail("slow.yahoo.test", Type::a, "timeout");
  expect(find("yahoo.test"), Kind::temporary, "4.4.3", "slow.yahoo.test: timeout");
}

TEST_F(FindHosts, OneFamilyUnknownAndTheOtherNotThereIsTemporary) {
  dns_.empty("half.test").fail("half.test", Type::aaaa, "timeout");
  expect(find("half.test"), Kind::temporary, "4.4.3", "timeout");
}

TEST_F(FindHosts, AHostThatCannotBeLookedUpLeavesTheOthersForAMinute) {
  dns_.mx("yahoo.test", 10, "slow.yahoo.test").mx("yahoo.test", 20, "b.yahoo.test");
  dns_.fail("slow.yahoo.test", Type::a).fail("slow.yahoo.test", Type::aaaa);
  dns_.a("b.yahoo.test", "203.0.113.2").aaaa("b.yahoo.test", "2001:db8::2");
  const MxAnswer answer = find("yahoo.test");
  EXPECT_EQ(hosts(answer), "20:b.yahoo.test");
  EXPECT_EQ(answer.ttl, seconds(60));
}

TEST_F(FindHosts, TheTtlIsTheShortest) {
  dns_.mx("yahoo.test", 10, "b.yahoo.test").ttl("yahoo.test", Type::mx, seconds(3600));
  dns_.a("b.yahoo.test", "203.0.113.2").ttl("b.yahoo.test", Type::a, seconds(7));
  dns_.aaaa("b.yahoo.test", "2001:db8::2");
  EXPECT_EQ(find("yahoo.test").ttl, seconds(7));
}

TEST_F(FindHosts, WeAndWhoIsNotBetterThanWeAreDiscarded) {
  for (const std::string_view host : {"better.test", "equal.test", "mx.ours.test", "worse.test"}) {
    dns_.a(host, "203.0.113.1");
  }
  dns_.mx("yahoo.test", 5, "better.test").mx("yahoo.test", 10, "equal.test");
  dns_.mx("yahoo.test", 10, "MX.ours.test.").mx("yahoo.test", 20, "worse.test");
  for (int i = 0; i < 8; ++i) EXPECT_EQ(hosts(find("yahoo.test")), "5:better.test");
}

TEST_F(FindHosts, WeAreKnownByOurAddressToo) {
  dns_.mx("yahoo.test", 5, "better.test").mx("yahoo.test", 10, "nickname.test");
  dns_.mx("yahoo.test", 20, "worse.test").a("better.test", "203.0.113.1");
  dns_.a("nickname.test", "198.51.100.7").a("worse.test", "203.0.113.2");
  EXPECT_EQ(hosts(find("yahoo.test")), "5:better.test");
}

TEST_F(FindHosts, ALoopIsPermanent) {
  dns_.mx("loop.test", 10, "mx.ours.test")
      .mx("loop.test", 20, "worse.test")
      .a("worse.test", "203.0.113.1");
  expect(find("loop.test"), Kind::permanent, "5.4.6", "names this host");
  dns_.a("implicit.test", "198.51.100.7");
  expect(find("implicit.test"), Kind::permanent, "5.4.6", "implicit.test");
  expect(find("[198.51.100.7]"), Kind::permanent, "5.4.6", "[198.51.100.7]");
}

TEST_F(FindHosts, ALiteralIsItsOwnHost) {
  const MxAnswer v4 = find("[203.0.113.9]");
  ASSERT_EQ(hosts(v4), "0:[203.0.113.9]");
  EXPECT_EQ(addresses(v4.hosts[0]), "203.0.113.9");
  const MxAnswer v6 = find("[IPv6:2001:db8::9]");
  ASSERT_EQ(v6.hosts.size(), 1U);
  EXPECT_EQ(addresses(v6.hosts[0]), "2001:db8::9");
  EXPECT_EQ(dns_.questions(), 0U);
}

TEST_F(FindHosts, AddressesAlternateBeginningWithIpv6) {
  dns_.aaaa("d.test", "2001:db8::1").aaaa("d.test", "2001:db8::2").aaaa("d.test", "2001:db8::3");
  dns_.a("d.test", "203.0.113.1").a("d.test", "203.0.113.2").a("d.test", "203.0.113.2");
  const MxAnswer answer = find("d.test");
  ASSERT_EQ(answer.hosts.size(), 1U);
  EXPECT_EQ(addresses(answer.hosts[0]),
            "2001:db8::1 203.0.113.1 2001:db8::2 203.0.113.2 2001:db8::3");
}

TEST_F(FindHosts, LimitsHoldAndKeepTheBest) {
  for (std::uint16_t i = 0; i < 150; ++i) {
    const std::string host = concat("h", 149 - i, ".test");
    dns_.mx("many.test", static_cast<std::uint16_t>(149 - i), host).a(host, "203.0.113.1");
  }
  for (int i = 0; i < 30; ++i) dns_.a("h0.test", concat("203.0.113.", i + 1));
  const MxAnswer answer = find("many.test");
  ASSERT_EQ(answer.hosts.size(), kMaxHosts);
  EXPECT_EQ(answer.hosts.front().name, "h0.test");
  EXPECT_EQ(answer.hosts.back().name, "h19.test");
  EXPECT_EQ(answer.hosts.front().addresses.size(), kMaxAddresses);
  EXPECT_EQ(dns_.questions(), 1 + 2 * kMaxHosts);
}

TEST_F(FindHosts, AHostNamedTwiceIsTriedOnceWhereItIsPreferredMost) {
  dns_.mx("yahoo.test", 20, "a.test").mx("yahoo.test", 10, "a.test").mx("yahoo.test", 15, "b.test");
  dns_.a("a.test", "203.0.113.1").a("b.test", "203.0.113.2");
  EXPECT_EQ(hosts(find("yahoo.test")), "10:a.test 15:b.test");
}

TEST_F(FindHosts, NamesThatNoHostCanHaveAreNeverUsed) {
  dns_.mx("evil.test", 10, "a\\013\\010b.test").mx("evil.test", 20, "good.test");
  dns_.a("a\\013\\010b.test", "203.0.113.1").a("good.test", "203.0.113.2");
  EXPECT_EQ(hosts(find("evil.test")), "20:good.test");
  dns_.mx("worse.test", 10, "a\\013\\010b.test");
  expect(find("worse.test"), Kind::permanent, "5.4.4", "worse.test");
}

TEST_F(FindHosts, PrivateAddressesAreSkippedOrDeferredUnlessAllowed) {
  dns_.mx("inside.test", 10, "a.test").a("a.test", "10.0.0.1").aaaa("a.test", "fd00::1");
  dns_.mx("mixed.test", 10, "a.test").mx("mixed.test", 20, "b.test").a("b.test", "203.0.113.1");
  expect(find("inside.test"), Kind::temporary, "4.4.4", "allow_private");
  EXPECT_EQ(hosts(find("mixed.test")), "20:b.test");
  expect(find("[127.0.0.1]"), Kind::temporary, "4.4.4", "private");
  world_.allow_private = true;
  EXPECT_EQ(hosts(find("inside.test")), "10:a.test");
  EXPECT_EQ(hosts(find("mixed.test")), "10:a.test 20:b.test");
  EXPECT_EQ(hosts(find("[127.0.0.1]")), "0:[127.0.0.1]");
}

TEST(IsPrivate, KnowsItsRanges) {
  for (const std::string_view text :
       {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.2", "169.254.1.1", "172.31.0.1",
        "192.168.1.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fd00::1", "fe80::1", "ff02::1",
        "::ffff:10.0.0.1"}) {
    EXPECT_TRUE(is_private(IpAddress::parse(text).value())) << text;
  }
  for (const std::string_view text : {"8.8.8.8", "100.128.0.1", "172.32.0.1", "223.255.255.255",
                                      "2001:4860::1", "::ffff:8.8.8.8"}) {
    EXPECT_FALSE(is_private(IpAddress::parse(text).value())) << text;
  }
}

TEST_F(FindHosts, SecureWantsEveryAnswerSigned) {
  dns_.mx("yahoo.test", 10, "mx.yahoo.test").a("mx.yahoo.test", "203.0.113.1").secure("yahoo.test");
  MxAnswer answer = find("yahoo.test");
  EXPECT_TRUE(answer.secure);
  EXPECT_FALSE(answer.hosts.at(0).secure) << "the addresses are not signed";
  dns_.secure("mx.yahoo.test");
  EXPECT_TRUE(find("yahoo.test").hosts.at(0).secure);
  dns_.mx("unsigned.test", 10, "mx.yahoo.test");
  answer = find("unsigned.test");
  EXPECT_FALSE(answer.secure);
  EXPECT_FALSE(answer.hosts.at(0).secure) << "anybody may have named this host";
}

TEST_F(FindHosts, AddressesOfAllHostsAreAskedAtOnce) {
  dns_.answer_later().mx("yahoo.test", 10, "a.test").mx("yahoo.test", 20, "b.test");
  dns_.a("a.test", "203.0.113.1").aaaa("b.test", "2001:db8::1");
  Executor::set_current(&loop_);
  std::optional<MxAnswer> answer;
  detail::store_result(
      find_hosts(dns_, Domain::parse("yahoo.test").value(), MonoTime{}, random_, world_), &answer);
  int turns = 0;
  loop_.run_until([&] { return ++turns > 2; });  // the MX answer, then one more
  EXPECT_EQ(dns_.questions(), 5U);
  loop_.run_until([&] { return answer.has_value(); });
  Executor::set_current(nullptr);
  EXPECT_EQ(hosts(*answer), "10:a.test 20:b.test");
}

TEST_F(FindHosts, AFixedHostHasItsAddressesAndNoMxQuestion) {
  dns_.mx("smarthost.test", 10, "other.test")
      .a("smarthost.test", "10.0.0.5")
      .aaaa("smarthost.test", "fd00::5");
  const MxAnswer answer = find_fixed("SmartHost.test");
  ASSERT_EQ(hosts(answer), "0:smarthost.test");
  EXPECT_EQ(addresses(answer.hosts[0]), "fd00::5 10.0.0.5");
  EXPECT_EQ(dns_.questions("smarthost.test", Type::mx), 0U);
  for (const std::string_view literal : {"127.0.0.1", "[127.0.0.1]"}) {
    EXPECT_EQ(hosts(find_fixed(std::string(literal))), "0:[127.0.0.1]");
  }
  EXPECT_EQ(hosts(find_fixed("::1")), "0:[IPv6:::1]");
}

TEST_F(FindHosts, AFixedHostThatIsNotThereIsTheOperatorsMistakeAndNeverBounces) {
  expect(find_fixed("typo.test"), Kind::temporary, "4.4.4", "correct the route");
  expect(find_fixed("no host"), Kind::temporary, "4.4.4", "no host name");
  dns_.fail("slow.test", Type::a, "timeout").fail("slow.test", Type::aaaa, "timeout");
  expect(find_fixed("slow.test"), Kind::temporary, "4.4.3", "timeout");
}

TEST_F(FindHosts, DomainsWithTheSameHostsShareASite) {
  dns_.a("a.test", "203.0.113.1").a("b.test", "203.0.113.2");
  dns_.mx("one.test", 10, "a.test").mx("one.test", 20, "b.test");
  dns_.mx("two.test", 5, "b.test").mx("two.test", 5, "A.test");
  dns_.mx("three.test", 5, "b.test");
  EXPECT_EQ(site_key(find("one.test")), "a.test,b.test");
  EXPECT_EQ(site_key(find("two.test")), "a.test,b.test");
  EXPECT_EQ(site_key(find("three.test")), "b.test");
  EXPECT_EQ(site_key(find("typo.test")), "");
}

}  // namespace
}  // namespace mail::mx
