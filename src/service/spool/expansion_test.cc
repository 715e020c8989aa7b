// Where each recipient goes, and that the sums hold whatever leads where.
#include "service/spool/expansion.h"

#include <algorithm>

#include "service/spool/spool_test_host.h"

namespace mail {
namespace {

using Fates = std::vector<std::string>;
using ExpansionTest = SpoolTest;

TEST_F(ExpansionTest, ALocalRecipientNeedsNoExpansion) {
  to({"Jerry@Yahoo.Test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  ASSERT_EQ(fates().size(), 1u);
  EXPECT_TRUE(iequals(fates()[0], "jerry@yahoo.test=delivered")) << fates()[0];
  EXPECT_EQ(events().size(), 2u);
  EXPECT_EQ(envelope().recipients, std::vector<Recipient>{"Jerry@yahoo.test"});
}

TEST_F(ExpansionTest, ATaggedAddressIsNamedWithItsTag) {
  to({"jerry+cheese@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), Fates{"jerry+cheese@yahoo.test=delivered"});
  ASSERT_EQ(mail_of(jerry_).size(), 1u);
  EXPECT_EQ(mail_of(jerry_)[0].added_fields,
            "Return-Path: <tom@gmail.test>\r\nDelivered-To: jerry+cheese@yahoo.test\r\n");
}

TEST_F(ExpansionTest, TheSameRecipientTwiceIsOne) {
  to({"jerry@yahoo.test", "JERRY@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), Fates{"jerry@yahoo.test=delivered"});
  EXPECT_EQ(mail_of(jerry_).size(), 1u);
}

TEST_F(ExpansionTest, EachMailboxGetsOneHoweverManyWaysLeadThere) {
  ASSERT_TRUE(control_->add_alias("team@yahoo.test", {"jerry@yahoo.test", "spike@yahoo.test"}));
  to({"team@yahoo.test", "jerry+x@yahoo.test", "spike@yahoo.test", "team@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(mail_of(jerry_).size(), 1u);
  EXPECT_EQ(mail_of(spike_).size(), 1u);
  Fates seen = fates();
  std::ranges::sort(seen);
  EXPECT_EQ(seen, (Fates{"jerry@yahoo.test=delivered", "spike@yahoo.test=delivered"}));
  EXPECT_EQ(store_.counters().accepted, 2);
}

TEST_F(ExpansionTest, AnAliasAfterItsMemberAddsTheOthersOnly) {
  ASSERT_TRUE(control_->add_alias("team@yahoo.test", {"jerry@yahoo.test", "spike@yahoo.test"}));
  to({"jerry@yahoo.test", "team@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  const auto told = events();
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told[1].kind, record::EventKind::expanded);
  EXPECT_EQ(told[1].recipient, "team@yahoo.test");
  EXPECT_EQ(told[1].recipients, Fates{"spike@yahoo.test"});
  EXPECT_EQ(fates().size(), 2u);
}

TEST_F(ExpansionTest, RoutesDecideWhatLeaves) {
  routes_ = routes_of({{"held.test", Route::Kind::hold}, {"gone.test", Route::Kind::discard}});
  to({"a@held.test", "b@Gone.test", "c@held.test", "jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), (Fates{"a@held.test=held", "b@gone.test=discarded", "c@held.test=held",
                            "jerry@yahoo.test=delivered"}));
  const auto held = *block_on(loop_, store_.held(10));
  ASSERT_EQ(held.size(), 1u);
  ASSERT_EQ(held[0].delivery.recipients.size(), 2u);
  EXPECT_EQ(held[0].delivery.recipients[0].recipient.address, "a@held.test");
  EXPECT_EQ(held[0].delivery.recipients[1].recipient.address, "c@held.test");
  EXPECT_EQ(held[0].delivery.reason, "the route of held.test is hold");
}

TEST_F(ExpansionTest, TheStarIsTheDefaultRoute) {
  routes_ = routes_of({{"*", Route::Kind::discard}, {"held.test", Route::Kind::hold}});
  to({"a@held.test", "b@other.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), (Fates{"a@held.test=held", "b@other.test=discarded"}));
}

TEST_F(ExpansionTest, WhatHasNoRouteGoesByMxOneDeliveryADomain) {
  ASSERT_TRUE(control_->add_alias("away@yahoo.test", {"jerry@gmail.test"}));
  to({"away@yahoo.test", "a@other.test", "B@Other.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(),
            (Fates{"a@other.test=queued", "B@other.test=queued", "jerry@gmail.test=queued"}));
  const auto first = block_on(loop_, store_.lease({"mx", "gmail.test", ""}, {}, kSpoolTestTime, 9));
  ASSERT_TRUE(first && first->size() == 1);
  const auto second =
      block_on(loop_, store_.lease({"mx", "other.test", ""}, {}, kSpoolTestTime, 9));
  ASSERT_TRUE(second && second->size() == 1);
  EXPECT_EQ(second->at(0).delivery.recipients.size(), 2u);
  EXPECT_EQ(second->at(0).delivery.reverse_path, "tom@gmail.test");
}

TEST_F(ExpansionTest, WhoeverSendsIsToldWhatWasQueuedWithItsContent) {
  to({"a@other.test", "jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  ASSERT_EQ(outgoing_.told.size(), 1u);
  const Enqueued& mail = outgoing_.told[0];
  ASSERT_EQ(mail.deliveries.size(), 1u);
  const auto leased =
      block_on(loop_, store_.lease({"mx", "other.test", ""}, {}, kSpoolTestTime, 9));
  ASSERT_TRUE(leased && leased->size() == 1);
  EXPECT_EQ(mail.deliveries[0].key, leased->at(0).key);
  EXPECT_EQ(mail.deliveries[0].delivery, leased->at(0).delivery);
  ASSERT_NE(mail.content, nullptr);
  EXPECT_EQ(*mail.content, content());
}

TEST_F(ExpansionTest, PostmasterGoesToTheOwner) {
  to({"Postmaster", "abuse@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), Fates{"jerry@yahoo.test=delivered"});
  EXPECT_EQ(events().at(0).recipients, (Fates{"Postmaster", "abuse@yahoo.test"}));
}

TEST_F(ExpansionTest, PostmasterOfADomainWithoutAccountsIsHeld) {
  ASSERT_TRUE(control_->add_domain(*Domain::parse("empty.test"), ""));
  to({"postmaster@empty.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), Fates{"postmaster@empty.test=held"});
}

TEST_F(ExpansionTest, AnAccountRemovedMeanwhileLosesNoMail) {
  to({"tyke@yahoo.test", "jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), (Fates{"tyke@yahoo.test=held", "jerry@yahoo.test=delivered"}));
}

TEST_F(ExpansionTest, ThousandsOfRecipientsAreNoTrouble) {
  routes_ = routes_of({{"*", Route::Kind::hold}});
  for (int i = 0; i < 5000; ++i) {
    transaction_.recipients.push_back(*Mailbox::parse(concat("a@d", i, ".test")));
  }
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(store_.counters().held, 5000);
}

// --- what a sender is told, and by whom --------------------------------------------------------

class NoticesTest : public SpoolTest {
 protected:
  NoticesTest() {
    draft_.id = store_.next_id();
    draft_.received_at = kSpoolTestTime;
    draft_.reverse_path = "tom@gmail.test";
    draft_.events.emplace_back();
  }
  void add(std::string_view address, Notify notify = {.said = true, .success = true}) {
    const std::shared_ptr<const Directory> directory = control_->snapshot();
    Expansion expansion(*directory, routes_, &policy_, draft_);
    expansion.add(*Mailbox::parse(address), Recipient("", notify, "rfc822;bob@x.test"), "lane");
  }
  // "delivered jerry@yahoo.test to tom@gmail.test"
  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const record::Notice& notice : draft_.notices) {
      out.push_back(
          concat(to_string(notice.kind), ' ', notice.recipient, " to ", notice.reverse_path));
    }
    return out;
  }
  Draft draft_;
};

TEST_F(NoticesTest, LocalDeliveryIsToldWhereItWasAskedFor) {
  add("jerry@yahoo.test");
  EXPECT_EQ(told(), Fates{"delivered jerry@yahoo.test to tom@gmail.test"});
  EXPECT_EQ(draft_.notices[0].original, "rfc822;bob@x.test");
  add("spike@yahoo.test", {});
  add("spike@yahoo.test", {.said = true, .failure = true});
  EXPECT_EQ(draft_.notices.size(), 1u);
}

TEST_F(NoticesTest, NobodyIsToldOfANotice) {
  draft_.reverse_path.clear();
  add("jerry@yahoo.test");
  EXPECT_TRUE(draft_.notices.empty());
}

TEST_F(NoticesTest, AnAliasOfOneHandsOnWhatWasAsked) {
  ASSERT_TRUE(control_->add_alias("away@yahoo.test", {"jerry@elsewhere.test"}));
  add("away@yahoo.test");
  EXPECT_TRUE(draft_.notices.empty());
  EXPECT_TRUE(draft_.deliveries.at(0).recipients.at(0).notify.success);
  EXPECT_EQ(draft_.deliveries[0].recipients[0].original, "rfc822;bob@x.test");
}

TEST_F(NoticesTest, WhoeverWritesNoticesIsToldOfThemAfterTheCommit) {
  ASSERT_TRUE(control_->add_alias("team@yahoo.test", {"jerry@yahoo.test", "spike@yahoo.test"}));
  transaction_.recipients.emplace_back(*Mailbox::parse("jerry@yahoo.test"));
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_TRUE(policy_.told.empty());
  transaction_.recipients[0].notify = {.said = true, .success = true};
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(policy_.told, std::vector<MessageId>{last_id_});
  EXPECT_EQ(block_on(loop_, store_.notices(last_id_))->size(), 1u);
}

// RFC 3461 §5.2.7.3 (c)
TEST_F(NoticesTest, AnAliasOfSeveralIsToldAsExpandedAndItsMembersAreNot) {
  ASSERT_TRUE(control_->add_alias("team@yahoo.test", {"jerry@yahoo.test", "a@elsewhere.test"}));
  add("team@yahoo.test", {.said = true, .success = true, .failure = true});
  EXPECT_EQ(told(), Fates{"expanded team@yahoo.test to tom@gmail.test"});
  for (const Delivery& delivery : draft_.deliveries) {
    EXPECT_FALSE(delivery.recipients.at(0).notify.success);
    EXPECT_TRUE(delivery.recipients[0].notify.failure);
    EXPECT_EQ(delivery.recipients[0].original, "rfc822;bob@x.test");
  }
}

// RFC 5321 §3.9.2, RFC 3461 §5.2.7.1
TEST_F(NoticesTest, AListSendsAsItsOwnerAndEndsWhatTheSenderAsked) {
  ASSERT_TRUE(control_->add_alias("list@yahoo.test", {"jerry@yahoo.test", "a@elsewhere.test"},
                                  "spike@yahoo.test"));
  add("list@yahoo.test");
  EXPECT_EQ(told(), Fates{"delivered list@yahoo.test to tom@gmail.test"});
  ASSERT_EQ(draft_.deliveries.size(), 2u);
  for (const Delivery& delivery : draft_.deliveries) {
    EXPECT_EQ(delivery.reverse_path, "spike@yahoo.test");
    EXPECT_EQ(delivery.recipients.at(0).notify, Notify{});
    EXPECT_EQ(delivery.recipients[0].original, "");
  }
  EXPECT_TRUE(draft_.deliveries[0].added_fields.starts_with("Return-Path: <spike@yahoo.test>\r\n"));
}

TEST_F(NoticesTest, AListLeavesTheNullPathNull) {
  ASSERT_TRUE(control_->add_alias("list@yahoo.test", {"jerry@yahoo.test"}, "spike@yahoo.test"));
  draft_.reverse_path.clear();
  add("list@yahoo.test");
  EXPECT_EQ(draft_.deliveries.at(0).reverse_path, "");
}

TEST_F(NoticesTest, WhatComesBackToWhereItWasIsALoop) {
  draft_.content = "Delivered-To: other@yahoo.test\r\nDelivered-To:\r\n Jerry@Yahoo.Test\r\n\r\n";
  draft_.header_size = static_cast<std::uint32_t>(draft_.content.size());
  add("jerry@yahoo.test", {});
  add("spike@yahoo.test", {});
  ASSERT_EQ(draft_.deliveries.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Bounced>(draft_.deliveries[0].target));
  EXPECT_TRUE(std::holds_alternative<ToMailbox>(draft_.deliveries[1].target));
  ASSERT_EQ(told(), Fates{"failed jerry@yahoo.test to tom@gmail.test"});
  EXPECT_EQ(draft_.notices[0].status, "5.4.6");
}

TEST_F(NoticesTest, ALoopIsNotToldToThoseWhoWantNotToKnow) {
  draft_.content = "Delivered-To: jerry@yahoo.test\r\n\r\n";
  draft_.header_size = static_cast<std::uint32_t>(draft_.content.size());
  add("jerry@yahoo.test", {.said = true});
  EXPECT_TRUE(std::holds_alternative<Bounced>(draft_.deliveries.at(0).target));
  EXPECT_TRUE(draft_.notices.empty());
}

TEST_F(NoticesTest, ARouteThatIsLocalNeverLeaves) {
  routes_ = Routes({{"*", route_of(Route::Kind::local, "local")}}, {});
  add("a@elsewhere.test", {});
  EXPECT_TRUE(std::holds_alternative<Bounced>(draft_.deliveries.at(0).target));
  ASSERT_EQ(draft_.notices.size(), 1u);
  EXPECT_EQ(draft_.notices[0].status, "5.1.2");
}

// RFC 4865 §4.2
TEST_F(NoticesTest, WhatIsHeldForAFutureReleaseWaitsHereToo) {
  draft_.options.hold_until = kSpoolTestTime + std::chrono::hours(1);
  add("jerry@yahoo.test");
  add("a@elsewhere.test");
  ASSERT_EQ(draft_.deliveries.size(), 2u);
  EXPECT_TRUE(draft_.notices.empty());
  for (const Delivery& delivery : draft_.deliveries) {
    EXPECT_EQ(std::get<ToRoute>(delivery.target).due, *draft_.options.hold_until);
  }
  EXPECT_EQ(std::get<ToRoute>(draft_.deliveries[0].target).queue.route, "local");
}

}  // namespace
}  // namespace mail
