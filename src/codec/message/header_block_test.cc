#include "codec/message/header_block.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mail::message {
namespace {

constexpr std::string_view kMail =
    "Received: from a\r\n\tby b; now\r\n"
    "From: Tom <tom@gmail.test>\r\n"
    "Subject:  two\r\n  lines \r\n"
    "bcc : x@y.test,\r\n z@y.test\r\n"
    "Date: today\r\n"
    "\r\n"
    "Bcc: not a field\r\n";

HeaderSummary summary_of(std::string_view content) {
  const auto scan = scan_header_block(content);
  return scan ? scan->summary : HeaderSummary{};
}

TEST(HeaderBlock, FieldsLieEndToEnd) {
  const std::size_t size = header_block_size(kMail);
  EXPECT_EQ(kMail.substr(size), "Bcc: not a field\r\n");
  const auto fields = parse_header_block(kMail.substr(0, size));
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 5u);
  EXPECT_EQ((*fields)[0].name, "Received");
  EXPECT_EQ((*fields)[0].value, " from a\r\n\tby b; now");
  EXPECT_EQ((*fields)[3].name, "bcc");
  EXPECT_EQ((*fields)[3].whole, "bcc : x@y.test,\r\n z@y.test\r\n");
}

TEST(HeaderBlock, EndsBeforeTheFirstLineThatIsNoField) {
  EXPECT_EQ(header_block_size("From: a\r\nhello\r\nTo: b\r\n"), 9u);
  EXPECT_EQ(header_block_size("hello"), 0u);
  EXPECT_EQ(header_block_size(" folded: into nothing\r\n\r\n"), 0u);
  EXPECT_EQ(header_block_size("From tom Sat Nov 21\r\nTo: b\r\n"), 0u);
  EXPECT_EQ(header_block_size(": no name\r\n"), 0u);
  EXPECT_EQ(header_block_size(""), 0u);
  EXPECT_EQ(header_block_size("\r\nbody"), 2u);
  EXPECT_EQ(header_block_size("To: b\r\n"), 7u);
  EXPECT_EQ(header_block_size("To: b"), 5u);
}

TEST(HeaderBlock, OnlyCrLfEndsALine) {
  EXPECT_EQ(header_block_size("To: a\nb\rc\r\n\r\nbody"), 13u);
  EXPECT_EQ(header_block_size("To: a\n\nbody"), 11u);
}

TEST(HeaderBlock, KnowsWhetherMoreContentMightBeMoreHeader) {
  EXPECT_TRUE(scan_header_block("To: a\r\n\r\n")->complete);
  EXPECT_TRUE(scan_header_block("To: a\r\nhello\r\n")->complete);
  EXPECT_FALSE(scan_header_block("To: a\r\n")->complete);
  EXPECT_FALSE(scan_header_block("To: a\r\nSubj")->complete);
  EXPECT_FALSE(scan_header_block("To: a\r\nSubject: x")->complete);
}

TEST(HeaderBlock, HasLimits) {
  std::string many;
  for (int i = 0; i < 5001; ++i) many.append("X: 1\r\n");
  EXPECT_FALSE(parse_header_block(many));
  EXPECT_EQ(scan_header_block(many).error().code, Errc::too_large);
  EXPECT_TRUE(scan_header_block(many, {.max_fields = 5001}));
  const std::string wide = concat("X: ", std::string(std::size_t{256} << 10, 'a'), "\r\n\r\n");
  EXPECT_EQ(scan_header_block(wide).error().code, Errc::too_large);
  EXPECT_EQ(parse_header_block(wide).error().code, Errc::too_large);
}

TEST(HeaderSummary, TellsWhatTheServerMustKnow) {
  const HeaderSummary summary = summary_of(kMail);
  EXPECT_EQ(summary.received_fields, 1u);
  EXPECT_EQ(summary.from_fields, 1u);
  EXPECT_TRUE(summary.from_valid);
  EXPECT_TRUE(summary.has_date);
  EXPECT_FALSE(summary.has_message_id);
  EXPECT_TRUE(summary.has_bcc);
  EXPECT_EQ(summary.from, "Tom <tom@gmail.test>");
  EXPECT_EQ(summary.subject, "two  lines");
  const auto fields = parse_header_block(kMail);
  EXPECT_EQ(summarize(*fields).subject, summary.subject);
}

TEST(HeaderSummary, OneValidFromIsValidAndNoOther) {
  EXPECT_TRUE(summary_of("From: tom@gmail.test\r\n").from_valid);
  EXPECT_TRUE(summary_of("FROM: a group:;\r\n").from_valid);
  EXPECT_FALSE(summary_of("From: tom\r\n").from_valid);
  EXPECT_FALSE(summary_of("From:\r\n").from_valid);
  EXPECT_FALSE(summary_of("From: a@b.c\r\nFrom: a@b.c\r\n").from_valid);
  EXPECT_EQ(summary_of("From: a@b.c\r\nfrom: a@b.c\r\n").from_fields, 2u);
  EXPECT_FALSE(summary_of("To: a@b.c\r\n").from_valid);
}

TEST(HeaderSummary, KeepsAtMost255OctetsOfWholeCharacters) {
  EXPECT_EQ(summary_of(concat("Subject: ", std::string(400, 'a'), "\r\n")).subject,
            std::string(255, 'a'));
  EXPECT_EQ(summary_of(concat("Subject: ", std::string(254, 'a'), "\xC3\xBC tail\r\n")).subject,
            std::string(254, 'a'));
  EXPECT_EQ(summary_of(concat("Subject: ", std::string(253, 'a'), "\xC3\xBC tail\r\n")).subject,
            concat(std::string(253, 'a'), "\xC3\xBC"));
  EXPECT_EQ(summary_of(concat("Subject: ", std::string(253, 'a'), "\xE2\x82\xAC\r\n")).subject,
            std::string(253, 'a'));
}

TEST(RemoveFields, TakesEveryOneAndNothingElse) {
  std::string content(kMail);
  const std::size_t before = content.size();
  const std::size_t removed = remove_fields(content, 0, "Bcc");
  EXPECT_EQ(removed, 28u);
  EXPECT_EQ(content.size(), before - removed);
  EXPECT_EQ(content,
            "Received: from a\r\n\tby b; now\r\nFrom: Tom <tom@gmail.test>\r\n"
            "Subject:  two\r\n  lines \r\nDate: today\r\n\r\nBcc: not a field\r\n");
  EXPECT_EQ(remove_fields(content, 0, "Bcc"), 0u);
}

TEST(RemoveFields, LeavesWhatStandsBeforeBegin) {
  std::string content = "Bcc: ours\r\nBcc: 1\r\nTo: a\r\nBCC: 2\r\n 3\r\n\r\nbody";
  EXPECT_EQ(remove_fields(content, 11, "bcc"), 20u);
  EXPECT_EQ(content, "Bcc: ours\r\nTo: a\r\n\r\nbody");
  EXPECT_EQ(remove_fields(content, content.size(), "bcc"), 0u);
}

TEST(Unfold, TakesFoldsOutAndTrims) {
  EXPECT_EQ(unfold(" a\r\n b\r\n\tc "), "a b\tc");
  EXPECT_EQ(unfold("\r\n \r\n x"), "x");
  EXPECT_EQ(unfold(" \r\n "), "");
  EXPECT_EQ(unfold("a\rb\nc"), "a\rb\nc");
}

TEST(HeaderSummary, KnowsTlsRequiredNo) {  // RFC 8689 §3
  const auto optional = [](std::string_view block) {
    return scan_header_block(block)->summary.tls_optional;
  };
  EXPECT_TRUE(optional("TLS-Required: No\r\n\r\n"));
  EXPECT_TRUE(optional("tls-required:\r\n nO \r\nSubject: x\r\n\r\n"));
  EXPECT_FALSE(optional("TLS-Required: Yes\r\n\r\n"));
  EXPECT_FALSE(optional("TLS-Required: No\r\nTLS-Required: No\r\n\r\n")) << "must not be twice";
  EXPECT_FALSE(optional("Subject: x\r\n\r\nTLS-Required: No\r\n"));
}

}  // namespace
}  // namespace mail::message
