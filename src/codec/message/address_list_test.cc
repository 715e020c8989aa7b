#include "codec/message/address_list.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "codec/address/isemail_suite.h"

namespace mail::message {
namespace {

// "mailboxes/groups", or "refused".
std::string shape(std::string_view value) {
  const auto list = parse_address_list(value);
  return list ? concat(list->mailboxes, '/', list->groups) : "refused";
}

TEST(AddressList, CountsMailboxesAndGroups) {
  EXPECT_EQ(shape("tom@gmail.test"), "1/0");
  EXPECT_EQ(shape(" Tom Cat <tom@gmail.test>"), "1/0");
  EXPECT_EQ(shape("\"Cat, Tom\" <tom@gmail.test>, jerry@yahoo.test"), "2/0");
  EXPECT_EQ(shape("J. R. Mouse <jerry@yahoo.test>"), "1/0");
  EXPECT_EQ(shape("=?utf-8?q?J=C3=BCrgen?= <j@yahoo.test>"), "1/0");
  EXPECT_EQ(shape("J\xC3\xBCrgen <j@yahoo.test>"), "1/0");
  EXPECT_EQ(shape("<tom@gmail.test> (Tom (the cat))"), "1/0");
  EXPECT_EQ(shape("cats: tom@gmail.test, <b@c.test>; , jerry@yahoo.test"), "3/1");
  EXPECT_EQ(shape("Undisclosed recipients:;"), "0/1");
  EXPECT_EQ(shape("<@a.test,@b.test:tom@gmail.test>"), "1/0");
  EXPECT_EQ(shape("tom@[192.0.2.1],,"), "1/0");
  EXPECT_EQ(shape("Tom\r\n <tom@gmail.test>"), "1/0");
  EXPECT_EQ(shape(""), "0/0");
  EXPECT_EQ(shape(" (nobody) "), "0/0");
}

TEST(AddressList, RefusesWhatIsNone) {
  for (const char* text : {"tom",
                           "tom@",
                           "@gmail.test",
                           "<tom@gmail.test",
                           "tom@gmail.test>",
                           "<>",
                           "Tom <>",
                           "Tom <tom>",
                           "tom@gmail.test jerry@yahoo.test",
                           "a@b@c",
                           "\"tom@gmail.test",
                           "(tom",
                           "cats: tom@gmail.test",
                           "cats: mice: a@b.c;;",
                           ":;",
                           "tom@gmail.test;",
                           "<a@b.c> d",
                           "Tom, Inc. <a@b.c>",
                           "a..b@c.test",
                           ".a@c.test",
                           "a@c..test",
                           "a\nb@c.test",
                           "tom@[1.2.3.4",
                           "<@a.test tom@gmail.test>",
                           "a@b.c\r\n"}) {
    EXPECT_EQ(shape(text), "refused") << text;
  }
}

TEST(AddressList, NestsCommentsWithoutRecursion) {
  const std::string deep = std::string(100'000, '(') + std::string(100'000, ')') + "tom@gmail.test";
  EXPECT_EQ(shape(deep), "1/0");
  EXPECT_EQ(shape(std::string(100'000, '(')), "refused");
}

// Every case of the isemail suite that is judged otherwise than its category says: valid in header
// fields are all but ISEMAIL_ERR. None is left out.
struct Exception {
  int id;
  bool valid;
  const char* reason;
};
constexpr auto kExceptions = std::to_array<Exception>({
    {30, true, "a hyphen is atext, and RFC 5322 §3.4.1 has no rule for labels"},
    {31, true, "as 30"},
    {102, true, "as 30"},
    {160, true, "RFC 6532 §3.2, newer than the suite, adds UTF-8 to quoted pairs"},
});

bool valid_in_header(const isemail::Case& test) {
  for (const Exception& exception : kExceptions) {
    if (exception.id == test.id) return exception.valid;
  }
  return test.category != "ISEMAIL_ERR";
}

TEST(IsemailSuite, HeaderAddressesAreJudgedAsItsCategoriesSay) {
  const auto cases = isemail::read_cases();
  if (!cases) {
    std::puts("suite not found: email-address-isemail");
    ASSERT_FALSE(isemail::suite_required());
    return;
  }
  EXPECT_EQ(cases->size(), 164u);
  for (const isemail::Case& test : *cases) {
    EXPECT_EQ(shape(test.address) == "1/0", valid_in_header(test))
        << "case " << test.id << ": " << test.address << " (" << test.diagnosis << ")";
  }
}

}  // namespace
}  // namespace mail::message
