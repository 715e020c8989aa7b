#include "service/smtpd/lookup.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

using Kind = smtp::LookupVerdict::Kind;
using Addresses = std::vector<std::string>;

Directory directory() {
  const AccountId jerry{1};
  const AccountId tom{2};
  const AccountId other{3};
  return Directory({{"yahoo.test", ""}, {"gmail.test", ""}},
                   {{.id = jerry, .address = "jerry@yahoo.test", .password_hash = {}},
                    {.id = tom, .address = "tom@gmail.test", .password_hash = {}},
                    {.id = other, .address = "jerry@gmail.test", .password_hash = {}}},
                   {{"team@yahoo.test", {"jerry@yahoo.test", "tom@gmail.test", "A@far.test"}}});
}

TEST(Lookup, VerifiesAddressesAndNames) {
  const Directory all = directory();
  const auto verify = [&](const char* name) { return look_up({name, false}, all); };
  EXPECT_EQ(verify("jerry@yahoo.test").kind, Kind::found);
  EXPECT_EQ(verify("jerry@yahoo.test").addresses, Addresses{"jerry@yahoo.test"});
  EXPECT_EQ(verify("tom").addresses, Addresses{"tom@gmail.test"});
  EXPECT_EQ(verify("team").addresses, Addresses{"team@yahoo.test"});
  EXPECT_EQ(verify("nobody").kind, Kind::unknown);
  EXPECT_EQ(verify("nobody@yahoo.test").kind, Kind::unknown);
  EXPECT_EQ(verify("a b <c").kind, Kind::unknown);
  EXPECT_EQ(verify("a@far.test").kind, Kind::elsewhere);
}

TEST(Lookup, ANameOfSeveralIsAmbiguous) {
  const auto verdict = look_up({"jerry", false}, directory());
  EXPECT_EQ(verdict.kind, Kind::ambiguous);
  EXPECT_EQ(verdict.addresses.size(), 2U);
}

TEST(Lookup, ExpandsListsOnly) {
  const Directory all = directory();
  const auto list = look_up({"team@yahoo.test", true}, all);
  EXPECT_EQ(list.kind, Kind::found);
  EXPECT_EQ(list.addresses, (Addresses{"jerry@yahoo.test", "tom@gmail.test", "A@far.test"}));
  EXPECT_EQ(look_up({"tom", true}, all).kind, Kind::no_list);
  EXPECT_EQ(look_up({"nobody", true}, all).kind, Kind::unknown);
  EXPECT_EQ(look_up({"a@far.test", true}, all).kind, Kind::elsewhere);
}

}  // namespace
}  // namespace mail
