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
  EXPECT_EQ(envelope().recipients, Fates{"Jerry@yahoo.test"});
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
  routes_ = Routes({{"held.test", Route::hold}, {"gone.test", Route::discard}});
  to({"a@held.test", "b@Gone.test", "c@held.test", "jerry@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), (Fates{"a@held.test=held", "b@gone.test=discarded", "c@held.test=held",
                            "jerry@yahoo.test=delivered"}));
  const auto held = *block_on(loop_, store_.held(10));
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].recipients, (Fates{"a@held.test", "c@held.test"}));
  EXPECT_EQ(held[0].reason, "the route of held.test is hold");
}

TEST_F(ExpansionTest, TheStarIsTheDefaultRoute) {
  routes_ = Routes({{"*", Route::discard}, {"held.test", Route::hold}});
  to({"a@held.test", "b@other.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), (Fates{"a@held.test=held", "b@other.test=discarded"}));
}

TEST_F(ExpansionTest, AMemberElsewhereWithoutRouteIsHeld) {
  ASSERT_TRUE(control_->add_alias("away@yahoo.test", {"jerry@gmail.test"}));
  to({"away@yahoo.test"});
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(fates(), Fates{"jerry@gmail.test=held"});
  EXPECT_EQ(block_on(loop_, store_.held(10))->at(0).reason,
            "no route to gmail.test until sending is configured");
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
  routes_ = Routes({{"*", Route::hold}});
  for (int i = 0; i < 5000; ++i) {
    transaction_.recipients.push_back(*Mailbox::parse(concat("a@d", i, ".test")));
  }
  ASSERT_EQ(accept(kMail), Kind::accepted);
  EXPECT_EQ(store_.counters().held, 5000);
}

}  // namespace
}  // namespace mail
