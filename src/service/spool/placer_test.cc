#include "service/spool/placer.h"

#include "service/spool/spool_test_host.h"

namespace mail {
namespace {

class PlacerTest : public SpoolTest {
 protected:
  Placement place(std::initializer_list<std::string> recipients) {
    record::PendingDelivery delivery;
    delivery.reverse_path = "tom@gmail.test";
    for (const std::string& recipient : recipients) {
      delivery.recipients.push_back({.recipient = Recipient(recipient), .reason = "before"});
    }
    const SpoolPlacer placer(*control_, std::make_shared<const Routes>(routes_));
    return placer.place(delivery, kSpoolTestTime);
  }
};

TEST_F(PlacerTest, KnowsWhatIsLocal) {
  const SpoolPlacer placer(*control_, std::make_shared<const Routes>());
  EXPECT_TRUE(placer.is_local("Yahoo.test"));
  EXPECT_FALSE(placer.is_local("elsewhere.test"));
  EXPECT_FALSE(placer.is_local("not a domain"));
}

TEST_F(PlacerTest, AMailboxGetsReturnPathAndDeliveredTo) {
  const Placement placement = place({"Jerry@yahoo.test"});
  ASSERT_EQ(placement.deliveries.size(), 1u);
  EXPECT_EQ(std::get<ToMailbox>(placement.deliveries[0].target).account, jerry_);
  EXPECT_EQ(placement.deliveries[0].added_fields,
            "Return-Path: <tom@gmail.test>\r\nDelivered-To: jerry@yahoo.test\r\n");
  // The sums of security.md 17: one name from beginning to end.
  EXPECT_EQ(placement.deliveries[0].recipients[0].address, "Jerry@yahoo.test");
}

TEST_F(PlacerTest, AnAliasOfOneGoesToItsMember) {
  ASSERT_TRUE(control_->add_alias("boss@yahoo.test", {"jerry@yahoo.test"}));
  const Placement placement = place({"boss@yahoo.test"});
  ASSERT_EQ(placement.deliveries.size(), 1u);
  EXPECT_EQ(std::get<ToMailbox>(placement.deliveries[0].target).account, jerry_);
  EXPECT_EQ(placement.deliveries[0].recipients[0].address, "boss@yahoo.test");
}

TEST_F(PlacerTest, AnAliasOfSeveralGoesToEachOfThem) {
  ASSERT_TRUE(control_->add_alias("team@yahoo.test",
                                  {"jerry@yahoo.test", "spike@yahoo.test", "x@other.test"}));
  const Placement placement = place({"team@yahoo.test", "jerry@yahoo.test"});
  ASSERT_EQ(placement.deliveries.size(), 4u);
  EXPECT_EQ(std::get<ToMailbox>(placement.deliveries[0].target).account, jerry_);
  EXPECT_EQ(std::get<ToMailbox>(placement.deliveries[1].target).account, spike_);
  EXPECT_EQ(std::get<ToRoute>(placement.deliveries[2].target).queue.domain, "other.test");
  ASSERT_EQ(placement.expanded.size(), 1u);
  EXPECT_EQ(placement.expanded[0].recipient, "team@yahoo.test");
  EXPECT_EQ(placement.expanded[0].members,
            (std::vector<Recipient>{"jerry@yahoo.test", "spike@yahoo.test", "x@other.test"}));
}

TEST_F(PlacerTest, MailOfOurOwnGoesToEachMemberOfAnAlias) {
  ASSERT_TRUE(control_->add_alias("team@yahoo.test", {"jerry@yahoo.test", "spike@yahoo.test"}));
  const SpoolPlacer placer(*control_, std::make_shared<const Routes>());
  Draft draft;
  draft.events.emplace_back();
  EXPECT_FALSE(placer.address(draft, "team@yahoo.test").has_value());
  ASSERT_EQ(draft.deliveries.size(), 2u);
  EXPECT_EQ(std::get<ToMailbox>(draft.deliveries[0].target).account, jerry_);
  EXPECT_EQ(std::get<ToMailbox>(draft.deliveries[1].target).account, spike_);
  EXPECT_EQ(draft.recipients, std::vector<Recipient>{"team@yahoo.test"});
  ASSERT_EQ(draft.events.size(), 2u);
  EXPECT_EQ(draft.events[1].kind, record::EventKind::expanded);
}

TEST_F(PlacerTest, MailOfOurOwnToNobodyIsRefusedAndLeavesTheDraftAsItWas) {
  const SpoolPlacer placer(*control_, std::make_shared<const Routes>());
  Draft draft;
  draft.events.emplace_back();
  const auto refusal = placer.address(draft, "nobody@yahoo.test");
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->enhanced, "5.1.1");
  EXPECT_TRUE(draft.deliveries.empty() && draft.recipients.empty());
}

TEST_F(PlacerTest, WhatIsElsewhereGoesByItsRoute) {
  routes_ = routes_of({{"held.test", Route::Kind::hold}});
  const Placement placement = place({"a@held.test", "b@other.test"});
  ASSERT_EQ(placement.deliveries.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Held>(placement.deliveries[0].target));
  const auto& queued = std::get<ToRoute>(placement.deliveries[1].target);
  EXPECT_EQ(queued.queue.route, "mx");
  EXPECT_EQ(queued.queue.domain, "other.test");
  EXPECT_EQ(queued.due, kSpoolTestTime);
}

TEST_F(PlacerTest, AUserWhoIsGoneIsRefusedWithAReason) {
  const Placement placement = place({"nobody@yahoo.test", "jerry@yahoo.test"});
  ASSERT_EQ(placement.refused.size(), 1u);
  EXPECT_EQ(placement.refused[0].recipient, "nobody@yahoo.test");
  EXPECT_EQ(placement.refused[0].enhanced, "5.1.1");
  EXPECT_EQ(placement.deliveries.size(), 1u);
}

}  // namespace
}  // namespace mail
