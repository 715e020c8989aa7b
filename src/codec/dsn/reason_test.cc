#include "codec/dsn/reason.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "codec/dsn/dsn.h"

namespace mail::dsn {
namespace {

std::string status(std::string_view given, std::string_view diagnostic, bool smtp = true,
                   Action action = Action::failed) {
  RecipientReport report;
  report.status = given;
  report.diagnostic = diagnostic;
  report.diagnostic_is_smtp = smtp;
  report.action = action;
  return status_of(report);
}

TEST(StatusOf, TakesTheCodeGivenThenTheReplysThenTheClass) {
  EXPECT_EQ(status("5.7.26", "550 5.1.1 no"), "5.7.26");
  EXPECT_EQ(status("", "550 5.1.1 no"), "5.1.1");
  EXPECT_EQ(status("", "450-4.2.1 first 450 4.2.1 last"), "4.2.1");
  EXPECT_EQ(status("", "550 no such user"), "5.0.0");
  EXPECT_EQ(status("", "452 5.1.1 classes that disagree"), "4.0.0");
  EXPECT_EQ(status("", "550"), "5.0.0");
  EXPECT_EQ(status("", "timed out", false), "5.0.0");
  EXPECT_EQ(status("", "timed out", false, Action::delayed), "4.0.0");
  EXPECT_EQ(status("", "", false, Action::relayed), "2.0.0");
}

TEST(StatusOf, RefusesWhatIsNoCode) {
  for (const std::string_view bad : {"5.1", "5.01.1", "3.1.1", "5.1.1000", "5.1.1 x", "5..1"}) {
    EXPECT_EQ(status(bad, ""), "5.0.0") << bad;
  }
}

TEST(ReasonOf, NamesTheDomainInPlainWords) {
  EXPECT_EQ(reason_of("5.1.1", "yahoo.test").why,
            "There is no mailbox of that name at yahoo.test.");
  EXPECT_EQ(reason_of("5.2.2", "yahoo.test").why, "The recipient's mailbox is full.");
  EXPECT_EQ(reason_of("4.4.1", "yahoo.test").why, "The mail server of yahoo.test did not answer.");
  EXPECT_EQ(reason_of("5.7.1", "yahoo.test").advice,
            "Only those who look after the mail of yahoo.test can change that: please tell the "
            "recipient in another way.");
}

TEST(ReasonOf, FallsBackToTheSubjectAndThenToTheGeneral) {
  EXPECT_EQ(reason_of("5.7.999", "x.test").why, "The mail system of x.test refused the message.");
  EXPECT_EQ(reason_of("5.0.0", "x.test").why,
            "The mail system of x.test did not take the message.");
  EXPECT_EQ(reason_of("5.9.9", "").why,
            "The mail system of the recipient did not take the message.");
}

}  // namespace
}  // namespace mail::dsn
