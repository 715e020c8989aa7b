#include "service/feedback/intake.h"

#include <gtest/gtest.h>

namespace mail::feedback {
namespace {

TEST(Intake, KnowsTheAddressesThatTakeReports) {
  for (const char* taker : {"postmaster", "Abuse", "DMARC", "tlsrpt"}) {
    EXPECT_TRUE(takes_reports(taker)) << taker;
  }
  EXPECT_FALSE(takes_reports("jerry"));
  EXPECT_FALSE(takes_reports(""));
}

TEST(Intake, FindsTheMessageThatWasComplainedOf) {
  const MessageId id = MessageId::make(1'795'299'348'000, 7, 3);
  const std::string header =
      "Received: from mx.gmail.test by in.yahoo.test with ESMTP id abc123;\r\n"
      "\tSat, 21 Nov 2026 22:15:48 +0000\r\n"
      "Received: from tom by mx.gmail.test with ESMTPSA\r\n\tid " +
      id.to_string() + " for <jerry@yahoo.test>;\r\n\tSat, 21 Nov 2026 22:15:48 +0000\r\n\r\n";
  EXPECT_EQ(message_complained_of(header), id);
  EXPECT_FALSE(message_complained_of("Received: by x with SMTP id 12345; now\r\n\r\n"));
  EXPECT_FALSE(message_complained_of(""));
}

}  // namespace
}  // namespace mail::feedback
