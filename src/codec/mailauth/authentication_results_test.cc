#include "codec/mailauth/authentication_results.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/idn.h"
#include "base/result.h"
#include "base/text.h"
#include "codec/message/header_block.h"

namespace mail::authres {
namespace {

std::string written(const AuthenticationResults& results) {
  std::string out;
  append_authentication_results(out, results);
  return out;
}

AuthenticationResults reread(const std::string& field) {
  message::HeaderScanner scanner(field);
  message::HeaderField only;
  EXPECT_TRUE(scanner.next(&only)) << field;
  EXPECT_EQ(only.whole.size(), field.size()) << field;
  const auto results = parse_authentication_results(only.value);
  EXPECT_TRUE(results.has_value()) << field << (results ? "" : results.error().detail);
  return results.value_or(AuthenticationResults{});
}

TEST(AuthenticationResults, AreWrittenOneResultALine) {
  AuthenticationResults results;
  results.authserv_id = "mx.ours.test";
  EXPECT_EQ(written(results), "Authentication-Results: mx.ours.test; none\r\n");
  results.results = {
      {"spf", "pass", "", {{"smtp", "mailfrom", "jane@example.com"}}},
      {"dkim", "fail", "bad signature", {{"header", "d", "example.com"}, {"header", "b", "a/b="}}}};
  EXPECT_EQ(written(results),
            "Authentication-Results: mx.ours.test;\r\n"
            "\tspf=pass smtp.mailfrom=jane@example.com;\r\n"
            "\tdkim=fail reason=\"bad signature\" header.d=example.com header.b=\"a/b=\"\r\n");
  EXPECT_EQ(reread(written(results)), results);
}

// The injection of issue 6 §5: words of strangers stay values.
TEST(AuthenticationResults, AValueCannotEndItselfOrBeginAResult) {
  for (const std::string_view hostile :
       {"x; dmarc=pass header.from=bank.test", "a\" dmarc=pass \"", "a\\", "a(b", "a)b", "a b",
        "\"a\"; dmarc=pass\"@bank.test", "", "@", "a@b", "\"a b\"@c.test", "\"a@c.test", "a=b",
        "a@c.test;x", "none", "m\xC3\xBCller@c.test"}) {
    AuthenticationResults results;
    results.authserv_id = "mx.ours.test";
    results.results = {{"spf", "fail", "", {{"smtp", "mailfrom", std::string(hostile)}}}};
    EXPECT_EQ(reread(written(results)), results) << hostile;
    results.results[0].reason = concat("x", hostile);
    results.results[0].properties.clear();
    EXPECT_EQ(reread(written(results)), results) << hostile;
  }
}

TEST(AuthenticationResults, ControlsAndBrokenUtf8AreNotWritten) {
  AuthenticationResults results;
  results.authserv_id = "mx.ours.test";
  results.results = {{"spf", "fail", "", {{"smtp", "helo", ""}, {"smtp", "x y", "z"}}}};
  results.results[0].properties[0].value = std::string("a\r\nD: b\0\x7F\xFF\xC2\x85", 12);
  const std::string field = written(results);
  EXPECT_EQ(field,
            "Authentication-Results: mx.ours.test;\r\n\tspf=fail smtp.helo=\"a??D: b?????\" "
            "smtp.x-y=z\r\n");
}

TEST(AuthenticationResults, ALongValueIsCutAndALineStaysShort) {
  AuthenticationResults results;
  results.authserv_id = "mx.ours.test";
  results.results = {{"spf", "fail", std::string(5000, '"'), {}}};
  for (int i = 0; i < 20; ++i) {
    results.results[0].properties.push_back({"header", "d", "some.example.com"});
  }
  std::string field = written(results);
  std::size_t longest = 0;
  for (std::string_view line : split(field, '\n')) longest = std::max(longest, line.size());
  EXPECT_LT(longest, 700u);
  EXPECT_EQ(reread(field).results[0].reason.size(), 320u);
  EXPECT_EQ(reread(field).results[0].properties.size(), 20u);
}

// RFC 8601 appendix B, with what hides in comments and folds.
TEST(AuthenticationResults, AreReadInTheFormsOfTheRfc) {
  const auto several = parse_authentication_results(
      " example.com;\r\n dkim=pass (good signature) header.d=example.com;\r\n"
      "   auth=pass (cram-md5) smtp.auth=sender@example.net; SPF=Fail smtp.mailfrom=example.net;");
  ASSERT_TRUE(several.has_value());
  EXPECT_EQ(several->authserv_id, "example.com");
  ASSERT_EQ(several->results.size(), 3u);
  EXPECT_EQ(several->results[0],
            (MethodResult{"dkim", "pass", "", {{"header", "d", "example.com"}}}));
  EXPECT_EQ(several->results[1].properties[0].value, "sender@example.net");
  EXPECT_EQ(several->results[2].method, "spf");
  EXPECT_EQ(several->results[2].result, "fail");

  const auto commented = parse_authentication_results(
      "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it)"
      " fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = "
      "(as I wasn't \\) expecting it (nested)) 1362471462");
  ASSERT_TRUE(commented.has_value()) << commented.error().detail;
  EXPECT_EQ(commented->authserv_id, "foo.example.net");
  EXPECT_EQ(commented->results[0],
            (MethodResult{"dkim", "fail", "", {{"policy", "expired", "1362471462"}}}));

  EXPECT_TRUE(parse_authentication_results("example.org 1; none")->results.empty());
}

TEST(AuthenticationResults, AreReadAsTheWorldWritesThem) {
  const auto results = parse_authentication_results(
      "mx.test; dmarc=none action=none header.from=a.test; dkim=pass header.b=ab/c+d= "
      "reason=\"x\\\"y\"; iprev=pass policy.iprev=2001:db8::1 smtp.mailfrom=\"a b\"@c.test");
  ASSERT_TRUE(results.has_value());
  EXPECT_EQ(results->results[0].properties[0], (Property{"", "action", "none"}));
  EXPECT_EQ(results->results[1].properties[0].value, "ab/c+d=");
  EXPECT_EQ(results->results[1].reason, "x\"y");
  EXPECT_EQ(results->results[2].properties[0].value, "2001:db8::1");
  EXPECT_EQ(results->results[2].properties[1].value, "\"a b\"@c.test");
}

TEST(AuthenticationResults, WhatIsNoneIsRefused) {
  for (const std::string_view value : {"",
                                       ";",
                                       "a.test",
                                       "a.test;",
                                       "a.test 2; none",
                                       "a.test x; none",
                                       "a.test; none; none",
                                       "a.test; spf",
                                       "a.test; spf=",
                                       "a.test; =pass",
                                       "a.test; spf=pass x",
                                       "a.test; spf=pass x.",
                                       "a.test; spf=pass x.y",
                                       "a.test; spf=pass x.y=\"z",
                                       "a.test; spf=pass (",
                                       "(a.test; none",
                                       "\"a.test; none",
                                       "\"\"; none",
                                       "spf=pass x.y=z",
                                       "a.test; spf/=pass",
                                       "a.test; spf/x=pass",
                                       "a.test; spf=pass reason=a reason=b"}) {
    EXPECT_FALSE(parse_authentication_results(value).has_value()) << value;
  }
}

TEST(ForgedResults, GoInWhateverSpellingTheySayOurName) {
  for (const std::string_view value :
       {"mx.ours.test; spf=pass", "MX.Ours.TEST; none", " (mx.other.test) mx.ours.test; none",
        "\"mx.ours.test\"; none", "\"mx.\\ours.test\" 1; none", "\r\n mx.ours.test\r\n ; none",
        "mx.ours.test 2; none", "mx.ours.test", "mx.other.test 2; none", "", ";none",
        "spf=pass mx.ours.test"}) {
    std::string content =
        concat("Received: a\r\nauthentication-RESULTS:", value,
               "\r\nSubject: s\r\n\r\nAuthentication-Results: mx.ours.test; none\r\n");
    EXPECT_GT(remove_forged_results(content, 0, "mx.ours.test"), 0u) << value;
    EXPECT_EQ(content,
              "Received: a\r\nSubject: s\r\n\r\nAuthentication-Results: mx.ours.test; none\r\n")
        << value;
  }
}

TEST(ForgedResults, ThoseOfOthersStay) {
  constexpr std::string_view kContent =
      "Authentication-Results: mx.ours.test.example; spf=pass\r\n"
      "ARC-Authentication-Results: i=1; mx.ours.test; spf=pass\r\n"
      "Authentication-Results: example.com;\r\n\tdkim=pass (mx.ours.test) "
      "header.d=ours.test\r\n\r\n";
  std::string content(kContent);
  EXPECT_EQ(remove_forged_results(content, 0, "mx.ours.test"), 0u);
  EXPECT_EQ(content, kContent);
  EXPECT_EQ(remove_forged_results(content, content.size(), "mx.ours.test"), 0u);
}

TEST(ForgedResults, ADomainOfULabelsIsTheSameInALabels) {  // RFC 8601 §5
  Idn idn{};
  idn.to_ascii = [](std::string_view domain) -> Result<std::string> {
    if (domain == "m\xC3\xBC.test") return "xn--m-xga.test";
    return std::string(domain);
  };
  std::string content = "Authentication-Results: m\xC3\xBC.test; none\r\n\r\n";
  EXPECT_GT(remove_forged_results(content, 0, "xn--m-xga.test", &idn), 0u);
  EXPECT_EQ(content, "\r\n");
}

}  // namespace
}  // namespace mail::authres
