#include "service/feedback/reports.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"
#include "platform/zlib/gzip.h"

namespace mail::feedback {
namespace {

namespace fs = std::filesystem;

fs::path suite() {
  const char* const suites = std::getenv("MAILWRIGHT_SUITES");
  return fs::path(suites != nullptr ? suites : MAIL_SOURCE_DIR "/../shared/conformance") /
         "mail-auth-samples";
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The samples have LF line ends, as their README says.
std::string message_in(const fs::path& path) {
  std::string out;
  char before = 0;
  for (const char c : read_file(path)) {
    if (c == '\n' && before != '\r') out.push_back('\r');
    out.push_back(before = c);
  }
  return out;
}

// "TrustedForwarder" -> "trusted_forwarder": the samples name words by the types of their program.
std::string in_words(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z' && !out.empty()) out.push_back('_');
    out.push_back(ascii_lower(c));
  }
  return out;
}

std::string without_blanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  return text;
}

bool is_nothing(const json::Value& value) {
  const std::string* const text = value.text();
  const json::Array* const array = value.array();
  const std::int64_t* const number = value.integer();
  return value.is_null() || (text != nullptr && (text->empty() || *text == "Unspecified")) ||
         (array != nullptr && array->empty()) || (number != nullptr && *number == 0);
}

// `ours` says what `theirs` says, whatever the spelling of names and closed words.
void expect_same(const json::Value& ours, const json::Value& theirs, const std::string& where) {
  if (is_nothing(theirs)) {
    EXPECT_TRUE(is_nothing(ours)) << where << ": " << json::to_string(ours);
  } else if (const json::Object* object = theirs.object()) {
    for (const auto& [name, value] : *object) {
      static const json::Value kNull;
      const std::string our_name = name == "type_" ? "type" : name;
      const json::Value* const found = ours.find(our_name);
      expect_same(found == nullptr ? kNull : *found, value, where + "." + name);
    }
  } else if (const json::Array* array = theirs.array()) {
    ASSERT_NE(ours.array(), nullptr) << where;
    ASSERT_EQ(ours.array()->size(), array->size()) << where;
    for (std::size_t i = 0; i < array->size(); ++i) {
      expect_same((*ours.array())[i], (*array)[i], concat(where, '[', i, ']'));
    }
  } else if (const std::string* text = theirs.text()) {
    ASSERT_NE(ours.text(), nullptr) << where << " is not \"" << *text << '"';
    static const std::map<std::string, std::string> kLetters{
        {"Relaxed", "r"}, {"Strict", "s"}, {"MailFrom", "mfrom"}};
    const auto letter = kLetters.find(*text);
    const std::string expected = letter != kLetters.end() ? letter->second : *text;
    EXPECT_TRUE(without_blanks(*ours.text()) == without_blanks(expected) ||
                *ours.text() == in_words(*text))
        << where << ": \"" << *ours.text() << "\" is not \"" << *text << '"';
  } else if (const double* real = theirs.real()) {
    EXPECT_EQ(ours.text() == nullptr ? 0.0 : std::stod(*ours.text()), *real) << where;
  } else {
    EXPECT_EQ(json::to_string(ours), json::to_string(theirs)) << where;
  }
}

json::Value expected_beside(fs::path path) {
  auto value = json::parse(read_file(path.replace_extension(".json")));
  EXPECT_TRUE(value) << path;
  return value ? *value : json::Value();
}

std::vector<fs::path> samples(const char* folder, const char* extension) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(suite() / folder)) {
    if (entry.path().extension() == extension) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

template <typename Kind>
Kind only_report(const fs::path& path) {
  const Reports reports = read_reports(message_in(path));
  EXPECT_EQ(reports.found.size(), 1U) << path;
  for (const std::string& problem : reports.problems) ADD_FAILURE() << path << ": " << problem;
  const Kind* const report =
      reports.found.empty() ? nullptr : std::get_if<Kind>(&reports.found.front());
  EXPECT_NE(report, nullptr) << path;
  return report == nullptr ? Kind() : *report;
}

TEST(SampleReports, AggregateReportsInXml) {
  const auto paths = samples("dmarc-feedback", ".xml");
  ASSERT_EQ(paths.size(), 5U);
  for (const fs::path& path : paths) {
    const auto report = read_aggregate_report(read_file(path));
    ASSERT_TRUE(report) << path;
    expect_same(to_json(*report), expected_beside(path), path.filename());
  }
}

TEST(SampleReports, AggregateReportsByMail) {
  const auto paths = samples("dmarc-feedback", ".eml");
  ASSERT_EQ(paths.size(), 5U);
  for (const fs::path& path : paths) {
    expect_same(to_json(only_report<AggregateReport>(path)), expected_beside(path),
                path.filename());
  }
}

TEST(SampleReports, TlsReports) {
  const auto mailed = samples("tlsrpt", ".eml");
  ASSERT_EQ(mailed.size(), 2U);
  for (const fs::path& path : mailed) {
    expect_same(to_json(only_report<TlsReport>(path)), expected_beside(path), path.filename());
  }
  for (const fs::path& path : samples("tlsrpt", ".json")) {
    const auto report = read_tls_report(read_file(path));
    ASSERT_TRUE(report) << path;
    expect_same(to_json(*report), expected_beside(path), path.filename());
  }
}

json::Value texts(const std::vector<std::string>& list) {
  json::Array out;
  for (const std::string& text : list) out.push_back(text);
  return out;
}

TEST(SampleReports, Complaints) {
  const auto paths = samples("arf", ".eml");
  ASSERT_EQ(paths.size(), 5U);
  for (const fs::path& path : paths) {
    const auto report = only_report<dsn::FeedbackReport>(path);
    const json::Value ours = json::Object{
        // As the samples name it: without the hyphen.
        {"feedback_type", report.feedback_type == "auth-failure" ? std::string("auth_failure")
                                                                 : report.feedback_type},
        {"arrival_date", report.arrival
                             ? json::Value(report.arrival->time_since_epoch().count() / 1000)
                             : json::Value()},
        {"authentication_results", texts(report.authentication_results)},
        {"incidents", report.incidents},
        {"original_envelope_id", report.original_envelope_id},
        {"original_mail_from", report.original_mail_from},
        {"original_rcpt_to",
         report.original_recipients.empty() ? std::string() : report.original_recipients.front()},
        {"reported_domain", texts(report.reported_domains)},
        {"reported_uri", texts(report.reported_uris)},
        {"reporting_mta", report.reporting_mta},
        {"source_ip", report.source_ip},
        {"user_agent", report.user_agent},
        {"version", report.version},
        {"source_port", report.source_port},
        {"auth_failure",
         report.auth_failure == "bodyhash" ? std::string("body_hash") : report.auth_failure},
        {"delivery_result", report.delivery_result},
        {"dkim_adsp_dns", report.dkim_adsp_dns},
        {"dkim_canonicalized_body", report.dkim_canonicalized_body},
        {"dkim_canonicalized_header", report.dkim_canonicalized_header},
        {"dkim_domain", report.dkim_domain},
        {"dkim_identity", report.dkim_identity},
        {"dkim_selector", report.dkim_selector},
        {"dkim_selector_dns", report.dkim_selector_dns},
        {"spf_dns", report.spf_dns},
        {"identity_alignment", report.identity_alignment}};
    json::Object theirs;
    for (const auto& [name, value] : *expected_beside(path).object()) {
      // The message itself is not kept, and its header is looked at below.
      if (name != "message" && name != "headers") theirs.push_back({name, value});
    }
    expect_same(ours, theirs, path.filename());
    const json::Value expected = expected_beside(path);
    if (const std::string* header = expected.find("headers")->text()) {
      EXPECT_TRUE(without_blanks(*header).starts_with(without_blanks(report.original_header)))
          << path;
      EXPECT_FALSE(report.original_header.empty()) << path;
    }
  }
}

std::string mailed(std::string_view type, std::string_view body) {
  return concat("From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: ", type, "\r\n\r\n", body);
}

AggregateReport sample() {
  AggregateReport report{.version = "1.0",
                         .org_name = "Yahoo <& Sons>",
                         .email = "postmaster@yahoo.test",
                         .extra_contact_info = {},
                         .report_id = "1",
                         .begin = 1,
                         .end = 86'400,
                         .errors = {},
                         .generator = {},
                         .policy = {.domain = "gmail.test",
                                    .version = {},
                                    .adkim = "r",
                                    .aspf = "s",
                                    .p = "reject",
                                    .sp = "none",
                                    .np = {},
                                    .testing = true,
                                    .discovery_method = "treewalk",
                                    .fo = "1"},
                         .rows = {},
                         .extensions = {}};
  report.rows.push_back(
      {.source_ip = "2001:db8::1",
       .count = 7,
       .disposition = "quarantine",
       .dkim = "fail",
       .spf = "pass",
       .reasons = {{"local_policy", "as balanced says"}},
       .header_from = "gmail.test",
       .envelope_from = "bounce.gmail.test",
       .envelope_to = "yahoo.test",
       .dkim_results = {{.domain = "gmail.test", .selector = "s", .result = "fail"}},
       .spf_results = {{.domain = "gmail.test", .scope = "mfrom", .result = "pass"}},
       .extensions = {}});
  return report;
}

TEST(AggregateReport, WhatIsWrittenIsReadAgain) {
  const auto again = read_aggregate_report(write_aggregate_report(sample()));
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(json::to_string(to_json(*again)), json::to_string(to_json(sample())));
}

TEST(Reports, AMessageWithoutOneHasNone) {
  const Reports none = read_reports(mailed("text/html", "<html>{</html>"));
  EXPECT_TRUE(none.found.empty());
  EXPECT_TRUE(none.problems.empty());
  EXPECT_TRUE(read_reports("").found.empty());
}

TEST(Reports, WhatLooksLikeOneAndIsNoneIsTold) {
  for (const std::string& body :
       {std::string("<feedback>"), std::string("<html></html>"), std::string("{\"a\":1}"),
        std::string("\x1F\x8B broken"), std::string("PK\x03\x04 broken")}) {
    const Reports reports = read_reports(mailed("application/octet-stream", body));
    EXPECT_TRUE(reports.found.empty()) << body;
    EXPECT_EQ(reports.problems.size(), 1U) << body;
  }
}

TEST(Reports, ABombIsNotUnpacked) {
  const std::string bomb = gzip::compress(std::string(kMaxUnpacked + 1, ' '));
  const Reports reports = read_reports(mailed("application/gzip", bomb));
  EXPECT_TRUE(reports.found.empty());
  EXPECT_EQ(reports.problems.size(), 1U);
}

}  // namespace
}  // namespace mail::feedback
