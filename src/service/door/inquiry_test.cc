#include "service/door/inquiry.h"

#include <gtest/gtest.h>

#include "base/executor.h"
#include "codec/dns/table_resolver.h"

namespace mail::door {
namespace {

class InquiryTest : public testing::Test {
 protected:
  InquiryTest() {
    dns_.answer_later();
    settings_.lists = {{.zone = "bl.test", .answers = {}, .reply = {}},
                       {.zone = "wl.test", .allow = true, .answers = {}, .reply = {}}};
  }
  std::unique_ptr<Inquiry> ask(std::string_view client, std::string helo = "") {
    Executor::set_current(&loop_);
    auto inquiry = std::make_unique<Inquiry>(dns_, std::make_shared<const Settings>(settings_),
                                             IpAddress::parse(client).value(), MonoTime{});
    if (!helo.empty()) inquiry->ask_helo(std::move(helo), MonoTime{});
    block_on(loop_, inquiry->ready());
    Executor::set_current(nullptr);
    return inquiry;
  }
  std::vector<std::string> lists_of(std::string_view client) {
    std::vector<std::string> out;
    for (const List* list : ask(client)->listed_by()) out.push_back(list->zone);
    return out;
  }
  LoopExecutor loop_;
  dns::TableResolver dns_;
  Settings settings_;
};

TEST_F(InquiryTest, AListedClientIsFound) {
  dns_.a("9.2.0.192.bl.test", "127.0.0.2").a("8.2.0.192.wl.test", "127.0.0.5");
  EXPECT_EQ(lists_of("192.0.2.9"), std::vector<std::string>{"bl.test"});
  EXPECT_EQ(lists_of("192.0.2.8"), std::vector<std::string>{"wl.test"});
  EXPECT_EQ(lists_of("192.0.2.7"), std::vector<std::string>{});
}

TEST_F(InquiryTest, AListThatListsTheWorldListsNobody) {
  dns_.a("9.2.0.192.bl.test", "127.0.0.2").a("1.0.0.127.bl.test", "127.0.0.2");
  EXPECT_EQ(lists_of("192.0.2.9"), std::vector<std::string>{});
}

TEST_F(InquiryTest, AListThatDoesNotAnswerListsNobody) {
  dns_.fail("9.2.0.192.bl.test", dns::Type::a);
  EXPECT_EQ(lists_of("192.0.2.9"), std::vector<std::string>{});
}

TEST_F(InquiryTest, DomainsAreLookedForInListsOfDomains) {
  settings_.lists.push_back({.zone = "dbl.test", .domains = true, .answers = {}, .reply = {}});
  dns_.a("evil.test.dbl.test", "127.0.1.2").a("evil.test.bl.test", "127.0.0.2");
  dns_.a("9.2.0.192.dbl.test", "127.0.1.255");  // what they say of addresses
  Executor::set_current(&loop_);
  Inquiry inquiry(dns_, std::make_shared<const Settings>(settings_),
                  IpAddress::parse("192.0.2.9").value(), MonoTime{});
  for (const std::string name : {"evil.test", "good.test", "evil.test"}) {
    inquiry.ask_domain(name, MonoTime{});
  }
  block_on(loop_, inquiry.ready());
  ASSERT_EQ(inquiry.listed_by("evil.test").size(), 1U);
  EXPECT_EQ(inquiry.listed_by("evil.test")[0]->zone, "dbl.test");
  EXPECT_TRUE(inquiry.listed_by("good.test").empty());
  EXPECT_TRUE(inquiry.listed_by().empty());
  EXPECT_EQ(dns_.questions("evil.test.dbl.test", dns::Type::a), 1U);
  EXPECT_EQ(dns_.questions("9.2.0.192.dbl.test", dns::Type::a), 0U);
  inquiry.forget_domains();
  EXPECT_TRUE(inquiry.listed_by("evil.test").empty());
  // One that lists the world.
  dns_.a("invalid.dbl.test", "127.0.1.2");
  inquiry.ask_domain("evil.test", MonoTime{});
  block_on(loop_, inquiry.ready());
  EXPECT_TRUE(inquiry.listed_by("evil.test").empty());
  Executor::set_current(nullptr);
}

TEST_F(InquiryTest, NamesLeadBackToTheAddressOrDoNot) {
  dns_.ptr("9.2.0.192.in-addr.arpa", "other.test")
      .ptr("9.2.0.192.in-addr.arpa", "mail.test")
      .a("other.test", "192.0.2.1")
      .a("mail.test", "192.0.2.9");
  EXPECT_EQ(ask("192.0.2.9")->reverse_name(), ReverseName::confirmed);
  dns_.ptr("8.2.0.192.in-addr.arpa", "mail.test");
  EXPECT_EQ(ask("192.0.2.8")->reverse_name(), ReverseName::unconfirmed);
  EXPECT_EQ(ask("192.0.2.7")->reverse_name(), ReverseName::none);
  dns_.fail("6.2.0.192.in-addr.arpa", dns::Type::ptr);
  EXPECT_EQ(ask("192.0.2.6")->reverse_name(), ReverseName::unknown);
  dns_.ptr("5.2.0.192.in-addr.arpa", "slow.test").fail("slow.test", dns::Type::a);
  EXPECT_EQ(ask("192.0.2.5")->reverse_name(), ReverseName::unknown);
}

TEST_F(InquiryTest, TheNameInHeloIsThereOrNot) {
  dns_.a("mail.test", "192.0.2.1").empty("six.test").fail("slow.test", dns::Type::a);
  EXPECT_EQ(ask("192.0.2.9", "mail.test")->helo_name(), HeloName::found);
  EXPECT_EQ(ask("192.0.2.9", "six.test")->helo_name(), HeloName::found);
  EXPECT_EQ(ask("192.0.2.9", "nowhere.test")->helo_name(), HeloName::missing);
  EXPECT_EQ(ask("192.0.2.9", "slow.test")->helo_name(), HeloName::unknown);
}

TEST_F(InquiryTest, MayBeGivenUpWhileItAsks) {
  Executor::set_current(&loop_);
  {
    const Inquiry inquiry(dns_, std::make_shared<const Settings>(settings_),
                          IpAddress::parse("192.0.2.9").value(), MonoTime{});
  }
  bool done = false;
  loop_.post([&] { done = true; });
  loop_.run_until([&] { return done; });
  Executor::set_current(nullptr);
  EXPECT_EQ(dns_.questions("9.2.0.192.bl.test", dns::Type::a), 1U);
}

}  // namespace
}  // namespace mail::door
