#include "service/directory/directory.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail {
namespace {

using Kind = Resolution::Kind;

Mailbox address(std::string_view text) {
  Result<Mailbox> mailbox = Mailbox::parse(text);
  EXPECT_TRUE(mailbox) << text;
  return mailbox.value_or(Mailbox{});
}
Mailbox bare(std::string_view local_part) { return {std::string(local_part), {}}; }

AccountRow account(std::uint64_t id, std::string_view text, bool disabled = false) {
  return {.id = {id}, .address = std::string(text), .password_hash = "*", .disabled = disabled};
}

// "jerry@yahoo.test tom@gmail.test": the members in order.
std::string members(const Resolution& resolution) {
  std::string out;
  for (const Resolution::Member& member : resolution.members) {
    append(out, out.empty() ? "" : " ", member.address);
  }
  return out;
}

class DirectoryTest : public testing::Test {
 protected:
  Directory make(std::vector<AliasRow> aliases) const {
    return Directory({{"yahoo.test", "jerry@yahoo.test"}, {"empty.test", ""}},
                     {account(1, "jerry@yahoo.test"), account(2, "ann@yahoo.test"),
                      account(3, "old@yahoo.test", true), account(4, "a+b@yahoo.test")},
                     std::move(aliases));
  }
};

TEST_F(DirectoryTest, AnAccountIsItselfInAnyCase) {
  const Resolution found = make({}).resolve(address("Jerry@YAHOO.test"));
  EXPECT_EQ(found.kind, Kind::taken);
  EXPECT_FALSE(found.expanded);
  EXPECT_FALSE(found.always_taken);
  ASSERT_EQ(members(found), "jerry@yahoo.test");
  EXPECT_EQ(found.members[0].account, AccountId{1});
}

TEST_F(DirectoryTest, OtherDomainsAreNotLocalNotEvenTheirPostmaster) {
  for (const char* text :
       {"jerry@gmail.test", "postmaster@gmail.test", "jerry@sub.yahoo.test", "jerry@[192.0.2.1]"}) {
    const Resolution found = make({{"@yahoo.test", {"jerry@yahoo.test"}}}).resolve(address(text));
    EXPECT_EQ(found.kind, Kind::not_local) << text;
    EXPECT_FALSE(found.always_taken) << text;
    EXPECT_TRUE(found.members.empty()) << text;
  }
}

TEST_F(DirectoryTest, NobodyIsUnknown) {
  EXPECT_EQ(make({}).resolve(address("nobody@yahoo.test")).kind, Kind::unknown_user);
  EXPECT_EQ(make({}).resolve(address("nobody+jerry@yahoo.test")).kind, Kind::unknown_user);
  EXPECT_EQ(make({}).resolve(address("+jerry@yahoo.test")).kind, Kind::unknown_user);
  EXPECT_EQ(make({}).resolve(address("\"jerry@yahoo.test\"@yahoo.test")).kind, Kind::unknown_user);
}

TEST_F(DirectoryTest, ADisabledAccountStillReceives) {
  const Resolution found = make({}).resolve(address("old@yahoo.test"));
  EXPECT_EQ(found.kind, Kind::taken);
  EXPECT_EQ(members(found), "old@yahoo.test");
}

TEST_F(DirectoryTest, ATagReachesTheAccountAndIsKept) {
  const Resolution found = make({}).resolve(address("jerry+Shop+2@yahoo.test"));
  ASSERT_EQ(members(found), "jerry+shop+2@yahoo.test");
  EXPECT_EQ(found.members[0].account, AccountId{1});
  EXPECT_FALSE(found.expanded);
}

TEST_F(DirectoryTest, AnAccountOrAliasOfThatVeryNameComesBeforeTheTag) {
  const Directory directory = make({{"jerry+list@yahoo.test", {"ann@yahoo.test"}}});
  EXPECT_EQ(directory.resolve(address("a+b@yahoo.test")).members[0].account, AccountId{4});
  EXPECT_EQ(members(directory.resolve(address("jerry+list@yahoo.test"))), "ann@yahoo.test");
}

TEST_F(DirectoryTest, AnAliasBecomesItsMembersHereAndElsewhere) {
  const Directory directory =
      make({{"sales@yahoo.test", {"jerry@yahoo.test", "tom@gmail.test", "team@yahoo.test"}},
            {"team@yahoo.test", {"ann@yahoo.test"}}});
  const Resolution found = directory.resolve(address("Sales@yahoo.test"));
  EXPECT_EQ(found.kind, Kind::taken);
  EXPECT_TRUE(found.expanded);
  ASSERT_EQ(members(found), "jerry@yahoo.test tom@gmail.test ann@yahoo.test");
  EXPECT_EQ(found.members[1].account, std::nullopt);
}

TEST_F(DirectoryTest, NobodyGetsTwoCopies) {
  const Directory directory =
      make({{"all@yahoo.test",
             {"jerry@yahoo.test", "jerry+x@yahoo.test", "tom@gmail.test", "more@yahoo.test"}},
            {"more@yahoo.test", {"tom@gmail.test", "jerry@yahoo.test", "ann@yahoo.test"}}});
  EXPECT_EQ(members(directory.resolve(address("all@yahoo.test"))),
            "jerry@yahoo.test tom@gmail.test ann@yahoo.test");
}

TEST_F(DirectoryTest, AMemberElsewhereKeepsItsCaseEvenWhenItsDomainComesHereLater) {
  const AliasRow row{"team@yahoo.test", {"Tom@gmail.test"}};
  EXPECT_EQ(members(make({row}).resolve(address("team@yahoo.test"))), "Tom@gmail.test");
  const Directory both({{"yahoo.test", ""}, {"gmail.test", ""}}, {account(1, "tom@gmail.test")},
                       {row});
  EXPECT_EQ(members(both.resolve(address("team@yahoo.test"))), "tom@gmail.test");
  EXPECT_TRUE(both.may_send_as("tom@gmail.test", address("team@yahoo.test")));
}

TEST_F(DirectoryTest, LoopsAreCutAndTheRestGoesOn) {
  const Directory directory = make({{"a@yahoo.test", {"b@yahoo.test", "jerry@yahoo.test"}},
                                    {"b@yahoo.test", {"a@yahoo.test", "ann@yahoo.test"}},
                                    {"self@yahoo.test", {"self@yahoo.test"}}});
  EXPECT_EQ(members(directory.resolve(address("a@yahoo.test"))), "jerry@yahoo.test ann@yahoo.test");
  EXPECT_EQ(directory.resolve(address("self@yahoo.test")).kind, Kind::unknown_user);
}

TEST_F(DirectoryTest, AliasesNestTenDeepAndNoDeeper) {
  std::vector<AliasRow> chain;
  for (int i = 1; i <= 10; ++i) {
    chain.push_back({concat("a", i, "@yahoo.test"), {concat("a", i + 1, "@yahoo.test")}});
  }
  chain.push_back({"a11@yahoo.test", {"jerry@yahoo.test"}});
  const Directory directory = make(std::move(chain));
  EXPECT_EQ(members(directory.resolve(address("a2@yahoo.test"))), "jerry@yahoo.test");
  EXPECT_EQ(directory.resolve(address("a1@yahoo.test")).kind, Kind::unknown_user);
}

TEST_F(DirectoryTest, ExpansionIsLinearInTheAliases) {
  // Each names the next ones twice over: 2^20 paths, 20 aliases within the depth.
  std::vector<AliasRow> rows;
  for (int level = 0; level < 10; ++level) {
    const std::vector<std::string> next{concat("l", level + 1, "@yahoo.test"),
                                        concat("r", level + 1, "@yahoo.test")};
    rows.push_back({concat("l", level, "@yahoo.test"), next});
    rows.push_back({concat("r", level, "@yahoo.test"), next});
  }
  rows.push_back({"@yahoo.test", {"jerry@yahoo.test"}});
  rows[18].members = rows[19].members = {"ann@yahoo.test"};
  EXPECT_EQ(members(make(std::move(rows)).resolve(address("l0@yahoo.test"))), "ann@yahoo.test");
}

TEST_F(DirectoryTest, MembersThatAreNobodyAreLeftOut) {
  const Directory directory = make({{"team@yahoo.test", {"gone@yahoo.test", "ann@yahoo.test"}},
                                    {"void@yahoo.test", {"gone@yahoo.test"}}});
  EXPECT_EQ(members(directory.resolve(address("team@yahoo.test"))), "ann@yahoo.test");
  EXPECT_EQ(directory.resolve(address("void@yahoo.test")).kind, Kind::unknown_user);
}

TEST_F(DirectoryTest, PostmasterAbuseAndRootReachTheOwnerInAnyCase) {
  for (const char* text :
       {"postmaster@yahoo.test", "POSTMASTER@yahoo.test", "Abuse@yahoo.test", "root@yahoo.test"}) {
    const Resolution found = make({}).resolve(address(text));
    EXPECT_EQ(found.kind, Kind::taken) << text;
    EXPECT_TRUE(found.always_taken) << text;
    EXPECT_TRUE(found.expanded) << text;
    EXPECT_EQ(members(found), "jerry@yahoo.test") << text;
  }
}

TEST_F(DirectoryTest, BarePostmasterBelongsToTheFirstDomain) {
  const Resolution found = make({}).resolve(bare("PostMaster"));
  EXPECT_EQ(found.kind, Kind::taken);
  EXPECT_TRUE(found.always_taken);
  EXPECT_TRUE(found.expanded);
  EXPECT_EQ(members(found), "jerry@yahoo.test");
  EXPECT_EQ(make({}).resolve(bare("jerry")).kind, Kind::unknown_user);
}

TEST_F(DirectoryTest, PostmasterIsTakenEvenWhereThereIsNobodyYet) {
  for (const Mailbox& mailbox : {address("postmaster@empty.test"), address("abuse@empty.test")}) {
    const Resolution found = make({}).resolve(mailbox);
    EXPECT_EQ(found.kind, Kind::taken);
    EXPECT_TRUE(found.always_taken);
    EXPECT_FALSE(found.expanded);
    EXPECT_TRUE(found.members.empty());
  }
  EXPECT_EQ(Directory().resolve(bare("Postmaster")).kind, Kind::taken);
}

TEST_F(DirectoryTest, AnOwnerStillToComeIsStoodInForByTheOldestAccount) {
  const Directory directory({{"yahoo.test", "boss@yahoo.test"}},
                            {account(5, "ann@yahoo.test"), account(6, "jerry@yahoo.test")}, {});
  EXPECT_EQ(members(directory.resolve(address("root@yahoo.test"))), "ann@yahoo.test");
}

TEST_F(DirectoryTest, AnOwnerMayLiveInAnotherDomain) {
  const Directory directory({{"a.test", ""}, {"b.test", "ann@a.test"}},
                            {account(1, "ann@a.test"), account(2, "bob@b.test")}, {});
  EXPECT_EQ(members(directory.resolve(address("abuse@b.test"))), "ann@a.test");
}

TEST_F(DirectoryTest, PostmasterMayHaveAnAliasOfItsOwn) {
  const Directory directory = make(
      {{"postmaster@yahoo.test", {"ann@yahoo.test"}}, {"abuse@yahoo.test", {"gone@yahoo.test"}}});
  const Resolution found = directory.resolve(address("postmaster@yahoo.test"));
  EXPECT_TRUE(found.always_taken);
  EXPECT_EQ(members(found), "ann@yahoo.test");
  EXPECT_EQ(members(directory.resolve(address("abuse@yahoo.test"))), "jerry@yahoo.test")
      << "an alias that leads nowhere must not swallow abuse@";
}

TEST_F(DirectoryTest, TheCatchAllComesLast) {
  const Directory directory =
      make({{"@yahoo.test", {"ann@yahoo.test"}}, {"sales@yahoo.test", {"jerry@yahoo.test"}}});
  EXPECT_EQ(members(directory.resolve(address("anything@yahoo.test"))), "ann@yahoo.test");
  EXPECT_TRUE(directory.resolve(address("anything@yahoo.test")).expanded);
  EXPECT_EQ(members(directory.resolve(address("sales@yahoo.test"))), "jerry@yahoo.test");
  EXPECT_EQ(members(directory.resolve(address("jerry+x@yahoo.test"))), "jerry+x@yahoo.test");
  EXPECT_EQ(members(directory.resolve(address("root@yahoo.test"))), "jerry@yahoo.test");
}

TEST_F(DirectoryTest, ALoginSendsAsItselfWithAnyTag) {
  const Directory directory = make({});
  EXPECT_TRUE(directory.may_send_as("Jerry@yahoo.test", address("jerry@YAHOO.test")));
  EXPECT_TRUE(directory.may_send_as("jerry@yahoo.test", address("jerry+news@yahoo.test")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("ann@yahoo.test")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("jerry@gmail.test")));
  EXPECT_FALSE(directory.may_send_as("nobody@yahoo.test", address("nobody@yahoo.test")));
}

TEST_F(DirectoryTest, ALoginSendsAsAnAliasOnlyItStandsBehind) {
  const Directory directory = make({{"info@yahoo.test", {"jerry@yahoo.test"}},
                                    {"team@yahoo.test", {"jerry@yahoo.test", "ann@yahoo.test"}},
                                    {"@yahoo.test", {"jerry@yahoo.test"}},
                                    {"jerry+hers@yahoo.test", {"ann@yahoo.test"}}});
  EXPECT_TRUE(directory.may_send_as("jerry@yahoo.test", address("INFO@yahoo.test")));
  EXPECT_FALSE(directory.may_send_as("ann@yahoo.test", address("info@yahoo.test")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("team@yahoo.test")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("anything@yahoo.test")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("jerry+hers@yahoo.test")));
}

TEST_F(DirectoryTest, ATaggedAddressThatIsAnAccountBelongsToIt) {
  const Directory directory({{"y.test", ""}}, {account(1, "a@y.test"), account(2, "a+b@y.test")},
                            {});
  EXPECT_FALSE(directory.may_send_as("a@y.test", address("a+b@y.test")));
  EXPECT_TRUE(directory.may_send_as("a+b@y.test", address("a+b@y.test")));
}

TEST_F(DirectoryTest, ALoginSendsAsWhatWasGrantedToIt) {
  AccountRow ann = account(1, "ann@yahoo.test");
  ann.send_as = {"*@shop.test", "boss@elsewhere.test", "jerry@yahoo.test"};
  const Directory directory({{"yahoo.test", ""}}, {ann, account(2, "jerry@yahoo.test")},
                            {{"team@yahoo.test", {"jerry@yahoo.test"}}});
  for (const char* sender :
       {"boss@elsewhere.test", "BOSS@Elsewhere.test", "jerry@yahoo.test", "any@shop.test",
        "any+tag@SHOP.test", "\"odd one\"@shop.test", "ann@yahoo.test"}) {
    EXPECT_TRUE(directory.may_send_as("Ann@yahoo.test", address(sender))) << sender;
  }
  for (const char* sender : {"boss+x@elsewhere.test", "bos@elsewhere.test", "any@sub.shop.test",
                             "any@xshop.test", "team@yahoo.test", "\"*@shop.test\"@gmail.test"}) {
    EXPECT_FALSE(directory.may_send_as("ann@yahoo.test", address(sender))) << sender;
  }
  EXPECT_FALSE(directory.may_send_as("ann@yahoo.test", bare("postmaster")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("any@shop.test")));
  EXPECT_FALSE(directory.may_send_as("jerry@yahoo.test", address("ann@yahoo.test")));
}

TEST_F(DirectoryTest, AccountsAreFoundByAddressAndId) {
  const Directory directory = make({});
  EXPECT_EQ(directory.account("ANN@yahoo.test"), directory.account(AccountId{2}));
  EXPECT_EQ(directory.account("nobody@yahoo.test"), nullptr);
  EXPECT_EQ(directory.account(AccountId{99}), nullptr);
}

// RFC 5321 §3.9.2; an alias (§3.9.1) keeps the sender's return path.
TEST_F(DirectoryTest, MembersOfAListCarryItsOwner) {
  const Directory directory =
      make({{"team@yahoo.test", {"ann@yahoo.test", "x@elsewhere.test"}, "boss@yahoo.test"},
            {"plain@yahoo.test", {"ann@yahoo.test"}}});
  const Resolution list = directory.resolve(address("team@yahoo.test"));
  ASSERT_EQ(members(list), "ann@yahoo.test x@elsewhere.test");
  EXPECT_TRUE(list.expanded);
  EXPECT_EQ(list.members[0].list_owner, "boss@yahoo.test");
  EXPECT_EQ(list.members[1].list_owner, "boss@yahoo.test");
  EXPECT_EQ(directory.resolve(address("plain@yahoo.test")).members[0].list_owner, "");
  EXPECT_EQ(directory.resolve(address("ann@yahoo.test")).members[0].list_owner, "");
}

TEST_F(DirectoryTest, OfNestedListsTheInnermostOwnsAndAnAliasWithinKeepsTheOwner) {
  const Directory directory = make({{"all@yahoo.test",
                                     {"team@yahoo.test", "jerry@yahoo.test", "alias@yahoo.test"},
                                     "outer@yahoo.test"},
                                    {"team@yahoo.test", {"ann@yahoo.test"}, "inner@yahoo.test"},
                                    {"alias@yahoo.test", {"old@yahoo.test"}}});
  const Resolution all = directory.resolve(address("all@yahoo.test"));
  ASSERT_EQ(members(all), "jerry@yahoo.test ann@yahoo.test old@yahoo.test");
  EXPECT_EQ(all.members[0].list_owner, "outer@yahoo.test");
  EXPECT_EQ(all.members[1].list_owner, "inner@yahoo.test");
  EXPECT_EQ(all.members[2].list_owner, "outer@yahoo.test");
}

TEST_F(DirectoryTest, WhoIsReachedWithAndWithoutAListBelongsToTheShorterWay) {
  const Directory directory = make({{"both@yahoo.test", {"team@yahoo.test", "ann@yahoo.test"}},
                                    {"team@yahoo.test", {"ann@yahoo.test"}, "boss@yahoo.test"}});
  const Resolution both = directory.resolve(address("both@yahoo.test"));
  ASSERT_EQ(members(both), "ann@yahoo.test");
  EXPECT_EQ(both.members[0].list_owner, "");
}

TEST_F(DirectoryTest, TheOnlyMemberOfAListMayNotSendAsTheList) {
  const Directory directory = make({{"team@yahoo.test", {"ann@yahoo.test"}, "boss@yahoo.test"},
                                    {"me@yahoo.test", {"ann@yahoo.test"}}});
  EXPECT_FALSE(directory.may_send_as("ann@yahoo.test", address("team@yahoo.test")));
  EXPECT_TRUE(directory.may_send_as("ann@yahoo.test", address("me@yahoo.test")));
}

}  // namespace
}  // namespace mail
