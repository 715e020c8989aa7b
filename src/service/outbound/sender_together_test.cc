// One message for several recipients: what may share a transaction does, within the hop's limits.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "service/outbound/test_sender.h"

namespace mail {
namespace {

using Kind = smtp::Verdict::Kind;

// RFC 5321 §4.5.4.1
TEST_F(SenderTest, OneMessageForSeveralDomainsOfASiteIsOneTransaction) {
  TestHop hop({}, {{"RCPT TO:<nobody@b.test>", "550 5.1.1 nobody"}});
  Parcel other = parcel(2);
  other.reverse_path = "";  // as a list has it: another envelope
  other.key.message = parcel(1).key.message;
  send(to(hop), {of_domain("a.test", {"x@a.test"}),
                 of_domain("b.test", {"nobody@b.test", "x@b.test"}), other});
  EXPECT_EQ(hop.count("MAIL"), 2U);
  EXPECT_EQ(hop.contents().size(), 2U);
  EXPECT_EQ(attempt(0).key.queue.domain, "a.test");
  EXPECT_EQ(verdict(0).kind, Kind::accepted);
  EXPECT_EQ(attempt(1).key.queue.domain, "b.test");
  ASSERT_EQ(attempt(1).recipients.size(), 2U);
  EXPECT_EQ(attempt(1).recipients[0].enhanced, "5.1.1");
  EXPECT_EQ(attempt(1).recipients[1].kind, Kind::accepted);
  EXPECT_EQ(attempt(2).key.number, 2U);
}

TEST_F(SenderTest, AHostThatTakesOneDomainAtATimeGetsTheOthersAtOnceAndAlone) {
  TestHop hop({}, {{"RCPT TO:<x@b.test>", "once 451 4.3.0 one domain per transaction"}});
  const auto done =
      send(to(hop), {of_domain("a.test", {"x@a.test"}), of_domain("b.test", {"x@b.test"}),
                     of_domain("c.test", {"x@c.test"}, 2), of_domain("d.test", {"x@d.test"}, 2)});
  EXPECT_TRUE(done.untried.empty());
  const auto all = events_.attempts();
  ASSERT_EQ(all.size(), 4U);
  for (const Attempt& each : all) EXPECT_EQ(each.recipients.at(0).kind, Kind::accepted);
  EXPECT_EQ(hop.count("MAIL"), 4U) << "and none is mixed from then on";
  EXPECT_EQ(hop.connections(), 1);
}

TEST_F(SenderTest, TheLimitsOfAHopAreKept) {  // RFC 9422 §4
  const auto limited = [](const std::string& limits) {
    return TestHop::Script{{"EHLO", "250-mx\r\n250-PIPELINING\r\n250 LIMITS " + limits}};
  };
  const std::vector<Parcel> mails = {of_domain("a.test", {"x@a.test", "y@a.test", "z@a.test"}),
                                     of_domain("b.test", {"x@b.test"}),
                                     of_domain("b.test", {"y@b.test"}, 2)};
  struct Case {
    std::string limits;
    std::size_t transactions;
    int connections;
  };
  std::size_t told = 0;
  for (const Case& each :
       {Case{"X=1", 2, 1}, Case{"RCPTMAX=2", 3, 1}, Case{"RCPTMAX=3", 3, 1},
        Case{"MAILMAX=1", 2, 2}, Case{"RCPTDOMAINMAX=1", 3, 2}, Case{"RCPTDOMAINMAX=2", 2, 1}}) {
    TestHop hop({}, limited(each.limits));
    send(to(hop), mails);
    EXPECT_EQ(hop.count("MAIL"), each.transactions) << each.limits;
    EXPECT_EQ(hop.connections(), each.connections) << each.limits;
    const auto all = events_.attempts();
    ASSERT_EQ(all.size(), told + 3) << each.limits;
    for (; told < all.size(); ++told) {
      for (const smtp::Verdict& verdict : all[told].recipients) {
        EXPECT_EQ(verdict.kind, Kind::accepted) << each.limits << ": " << verdict.text;
      }
    }
  }
}

}  // namespace
}  // namespace mail
