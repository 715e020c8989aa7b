#include "codec/dsn/feedback_report.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::dsn {
namespace {

// The samples of others are read in service/feedback; here are the edges.
std::string report(std::string_view fields) {
  return concat(
      "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
      "--b\r\n\r\nfor people\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n",
      fields,
      "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
      "Subject: what it was\r\nX-Id: 7\r\n\r\nits body\r\n--b--\r\n");
}

TEST(FeedbackReport, IsFoundInItsPart) {
  const auto found = parse_feedback_report(
      report("Feedback-Type: ABUSE\r\nUser-Agent: x/1\r\nVersion: 1\r\n"
             "Source-IP: 192.0.2.1 (somewhere)\r\nReporting-MTA: dns; mx.test\r\nIncidents: 12\r\n"
             "Reported-Domain: a.test\r\nReported-Domain: b.test"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->feedback_type, "abuse");
  EXPECT_EQ(found->source_ip, "192.0.2.1");
  EXPECT_EQ(found->reporting_mta, "mx.test");
  EXPECT_EQ(found->incidents, 12U);
  EXPECT_EQ(found->reported_domains, (std::vector<std::string>{"a.test", "b.test"}));
  EXPECT_EQ(found->original_header, "Subject: what it was\r\nX-Id: 7\r\n\r\n");
}

TEST(FeedbackReport, WithoutATypeItIsNone) {
  EXPECT_FALSE(parse_feedback_report(report("User-Agent: x/1\r\nVersion: 1")));
  EXPECT_FALSE(parse_feedback_report("Subject: hello\r\n\r\nFeedback-Type: abuse\r\n"));
  EXPECT_FALSE(parse_feedback_report(""));
}

TEST(FeedbackReport, NumbersAndDatesThatAreNoneAreLeftOut) {
  const auto found = parse_feedback_report(
      report("Feedback-Type: fraud\r\nIncidents: many\r\nVersion: -1\r\nArrival-Date: soon"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->incidents, 1U);
  EXPECT_EQ(found->version, 0U);
  EXPECT_FALSE(found->arrival);
}

TEST(FeedbackReport, ListsAreBounded) {
  std::string fields = "Feedback-Type: abuse";
  for (int i = 0; i < 3000; ++i) append(fields, "\r\nReported-URI: http://", i, ".test/");
  const auto found = parse_feedback_report(report(fields));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reported_uris.size(), kMaxListed);
}

}  // namespace
}  // namespace mail::dsn
