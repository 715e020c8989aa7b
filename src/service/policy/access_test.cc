#include "service/policy/access.h"

#include <gtest/gtest.h>

namespace mail {
namespace {

using smtp::Role;
using smtp::SenderVerdict;

Directory directory() {
  return Directory({{.name = "yahoo.test", .owner = "jerry@yahoo.test"}},
                   {{.id = AccountId{1}, .address = "jerry@yahoo.test", .password_hash = ""},
                    {.id = AccountId{2}, .address = "spike@yahoo.test", .password_hash = ""}},
                   {{.address = "mouse@yahoo.test", .members = {"jerry@yahoo.test"}}});
}
smtp::SmtpListener listener(Role role) {
  smtp::SmtpListener result;
  result.role = role;
  return result;
}
smtp::Client client(std::string login, bool may_relay_by_address = false) {
  smtp::Client result;
  result.login = std::move(login);
  result.peer.may_relay = may_relay_by_address;
  return result;
}
SenderVerdict sends(Role role, const smtp::Client& who, std::string_view sender) {
  ReversePath path;
  if (!sender.empty()) path.mailbox = *Mailbox::parse(sender);
  return may_send_as(listener(role), who, path, directory());
}

TEST(Access, ALoginSendsAsItselfOnly) {
  for (const Role role : {Role::submission, Role::relay}) {
    const smtp::Client jerry = client("jerry@yahoo.test");
    EXPECT_EQ(sends(role, jerry, "jerry@yahoo.test"), SenderVerdict::accept);
    EXPECT_EQ(sends(role, jerry, "Jerry+tag@Yahoo.test"), SenderVerdict::accept);
    EXPECT_EQ(sends(role, jerry, "mouse@yahoo.test"), SenderVerdict::accept);
    EXPECT_EQ(sends(role, jerry, ""), SenderVerdict::accept);
    EXPECT_EQ(sends(role, jerry, "spike@yahoo.test"), SenderVerdict::not_owned);
    EXPECT_EQ(sends(role, jerry, "jerry@gmail.test"), SenderVerdict::not_owned);
  }
}

TEST(Access, WithoutLoginAnySenderButNotOnSubmission) {
  EXPECT_EQ(sends(Role::mx, client(""), "tom@gmail.test"), SenderVerdict::accept);
  EXPECT_EQ(sends(Role::relay, client(""), "tom@gmail.test"), SenderVerdict::accept);
  EXPECT_EQ(sends(Role::submission, client(""), "tom@gmail.test"), SenderVerdict::refused);
}

TEST(Access, NobodyRelaysThroughMx) {
  EXPECT_FALSE(may_relay(listener(Role::mx), client("", true)));
  EXPECT_FALSE(may_relay(listener(Role::mx), client("jerry@yahoo.test", true)));
}

TEST(Access, RelayingNeedsALoginOrARelayNetwork) {
  EXPECT_TRUE(may_relay(listener(Role::submission), client("jerry@yahoo.test")));
  EXPECT_FALSE(may_relay(listener(Role::submission), client("", true)));
  EXPECT_TRUE(may_relay(listener(Role::relay), client("", true)));
  EXPECT_TRUE(may_relay(listener(Role::relay), client("jerry@yahoo.test")));
  EXPECT_FALSE(may_relay(listener(Role::relay), client("")));
}

TEST(Access, FormsThatHideAHopAreSeen) {
  for (const char* text : {"a%b.test@yahoo.test", "b.test!a@yahoo.test", R"("a@b.test"@yahoo.test)",
                           "jerry@[192.0.2.1]"}) {
    EXPECT_TRUE(hides_another_hop(*Mailbox::parse(text))) << text;
  }
  EXPECT_FALSE(hides_another_hop(*Mailbox::parse("jerry+tag@yahoo.test")));
}

}  // namespace
}  // namespace mail
