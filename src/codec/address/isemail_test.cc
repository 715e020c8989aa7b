// The suite of isemail against Mailbox::parse: which addresses may stand in SMTP commands.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "codec/address/address.h"
#include "codec/address/isemail_suite.h"

namespace mail::isemail {
namespace {

// Every case that is judged otherwise than its category says, with the reason. None is left out.
struct Exception {
  int id;
  bool valid;
  const char* reason;
};
constexpr std::array<Exception, 0> kExceptions{};

bool valid_in_smtp(const Case& test) {
  for (const Exception& exception : kExceptions) {
    if (exception.id == test.id) return exception.valid;
  }
  return test.category == "ISEMAIL_VALID_CATEGORY" || test.category == "ISEMAIL_RFC5321" ||
         test.category == "ISEMAIL_DNSWARN";  // syntax alone: no DNS here
}

TEST(IsemailSuite, SmtpAddressesAreJudgedAsItsCategoriesSay) {
  const auto cases = read_cases();
  if (!cases) {
    std::puts("suite not found: email-address-isemail");
    ASSERT_FALSE(suite_required());
    return;
  }
  EXPECT_EQ(cases->size(), 164u);
  for (const Case& test : *cases) {
    EXPECT_EQ(Mailbox::parse(test.address).has_value(), valid_in_smtp(test))
        << "case " << test.id << ": " << test.address << " (" << test.diagnosis << ")";
  }
}

TEST(IsemailSuite, TheScannerReadsEntitiesAndPictures) {
  const auto cases = parse_cases(
      "<test id=\"7\"><address>a&amp;&#x240D;&#x240A;&#xA9;</address><category>C</category></test>"
      "<test id=\"8\"><address/><category>D</category></test>");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].id, 7);
  EXPECT_EQ(cases[0].address, "a&\r\n\xC2\xA9");
  EXPECT_EQ(cases[1].address, "");
  EXPECT_EQ(cases[1].category, "D");
}

}  // namespace
}  // namespace mail::isemail
