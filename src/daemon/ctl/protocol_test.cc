#include "daemon/ctl/protocol.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::ctl {
namespace {

TEST(Protocol, ARequestIsReadAsItWasWritten) {
  Request request{"account",
                  "add",
                  {{"ADDRESS", {"jerry@yahoo.test"}}, {"--x", {""}}},
                  true,
                  std::string("p\xFF\x00ss \"\n", 8),
                  ""};
  const std::string line = to_line(request);
  ASSERT_EQ(line.find('\n'), line.size() - 1);
  const Result<Request> back = parse_request(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(back) << describe(back.error());
  EXPECT_EQ(back->noun, "account");
  EXPECT_EQ(back->verb, "add");
  EXPECT_EQ(back->text("ADDRESS"), "jerry@yahoo.test");
  EXPECT_TRUE(back->has("--x"));
  EXPECT_FALSE(back->has("--y"));
  EXPECT_TRUE(back->json);
  EXPECT_EQ(back->secret, request.secret);
}

TEST(Protocol, WhatIsNoRequestIsRefused) {
  for (const char* bad :
       {"", "{}", "[]", "hello", R"({"noun":7})", R"({"noun":"a","values":[]})",
        R"({"noun":"a","values":{"x":"y"}})", R"({"noun":"a","values":{"x":[1]}})",
        R"({"noun":"a","secret":"not base64"})", R"({"noun":"a","noun":"b"})"}) {
    EXPECT_FALSE(parse_request(bad)) << bad;
  }
  EXPECT_EQ(parse_request(std::string(kMaxRequestLine + 1, ' ')).error().code, Errc::too_large);
}

TEST(Protocol, AHeaderIsReadAsItWasWritten) {
  const Result<Header> more = parse_header(to_line(Header{true, 17, Exit::ok, ""}));
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->more);
  EXPECT_EQ(more->bytes, 17U);
  const Result<Header> last = parse_header(to_line(Header{false, 0, Exit::no_user, "No \"x\"."}));
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->more);
  EXPECT_EQ(last->exit, Exit::no_user);
  EXPECT_EQ(last->error, "No \"x\".");
}

TEST(Protocol, AHeaderOverTheLimitsIsRefused) {
  EXPECT_FALSE(parse_header(concat(R"({"more":true,"bytes":)", kMaxFrame + 1, "}")));
  EXPECT_FALSE(parse_header(R"({"more":true,"bytes":-1})"));
  EXPECT_FALSE(parse_header(R"({"more":false,"exit":256})"));
  EXPECT_FALSE(parse_header(R"({"more":false})"));
}

}  // namespace
}  // namespace mail::ctl
