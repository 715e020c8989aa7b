#include "codec/smtp/extensions.h"

#include <gtest/gtest.h>

namespace mail::smtp {
namespace {

Extensions offered(std::vector<std::string> lines) {
  return parse_extensions(ServerReply{250, std::move(lines)});
}

TEST(Extensions, AreReadInAnyCaseFromTheSecondLineOn) {
  const Extensions all = offered({"250-mx", "250-pipelining", "250-8BitMime", "250-STARTTLS",
                                  "250-SIZE 1000", "250 AUTH cram-md5 plain LOGIN"});
  EXPECT_TRUE(all.pipelining && all.eight_bit_mime && all.starttls && all.size);
  EXPECT_EQ(all.mechanisms, (std::vector<std::string>{"CRAM-MD5", "PLAIN", "LOGIN"}));
  EXPECT_EQ(all.max_size, 1000U);
  const Extensions none = offered({"250 PIPELINING STARTTLS"});
  EXPECT_FALSE(none.pipelining || none.starttls);
}

TEST(Extensions, ASizeThatSaysNoLimitIsNone) {
  for (const char* line :
       {"250 SIZE", "250 SIZE 0", "250 SIZE x", "250 SIZE 99999999999999999999"}) {
    const Extensions extensions = offered({"250-mx", line});
    EXPECT_TRUE(extensions.size) << line;
    EXPECT_FALSE(extensions.max_size) << line;
  }
}

TEST(Extensions, DeliverByTellsTheLeastTime) {
  const Extensions all =
      offered({"250-mx", "250-CHUNKING", "250-BINARYMIME", "250-SMTPUTF8", "250-DSN",
               "250-REQUIRETLS", "250-MT-PRIORITY MIXER", "250 DELIVERBY 240,X"});
  EXPECT_TRUE(all.chunking && all.binary_mime && all.smtputf8 && all.dsn && all.require_tls);
  EXPECT_TRUE(all.mt_priority && all.deliver_by);
  EXPECT_EQ(all.least_by, 240);
  for (const char* line : {"250 DELIVERBY", "250 DELIVERBY x", "250 DELIVERBY 9999999999"}) {
    const Extensions none = offered({"250-mx", line});
    EXPECT_TRUE(none.deliver_by) << line;
    EXPECT_EQ(none.least_by, 0) << line;
  }
}

TEST(Extensions, LimitsAreReadAndOthersPassedOver) {  // RFC 9422 §3, §4
  const Extensions all =
      offered({"250-mx", "250 LIMITS MAILMAX=5 X-NEW=a rcptmax=20 RCPTDOMAINMAX=1"});
  EXPECT_EQ(all.max_mails, 5U);
  EXPECT_EQ(all.max_recipients, 20U);
  EXPECT_EQ(all.max_domains, 1U);
  const Extensions none =
      offered({"250-mx", "250 LIMITS MAILMAX RCPTMAX=0 RCPTDOMAINMAX=many MAILMAX=-1"});
  EXPECT_FALSE(none.max_mails || none.max_recipients || none.max_domains);
}

TEST(Extensions, WhatIsNotUnderstoodIsNotOffered) {
  const Extensions none = offered({"250-mx", "250-", "250", "250-PIPELININGX", "250 AUTH"});
  EXPECT_FALSE(none.pipelining);
  EXPECT_TRUE(none.mechanisms.empty());
}

}  // namespace
}  // namespace mail::smtp
