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
  EXPECT_TRUE(all.auth_plain && all.auth_login);
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

TEST(Extensions, WhatIsNotUnderstoodIsNotOffered) {
  const Extensions none = offered({"250-mx", "250-", "250", "250-PIPELININGX", "250 AUTH"});
  EXPECT_FALSE(none.pipelining || none.auth_plain || none.auth_login);
}

}  // namespace
}  // namespace mail::smtp
