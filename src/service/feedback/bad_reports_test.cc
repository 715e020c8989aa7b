// Reports that lie, or are larger than they look (issue 6 §7): a bounded cost and a clear word.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"
#include "codec/dsn/feedback_report.h"
#include "platform/json/json.h"
#include "platform/zlib/gzip.h"
#include "service/feedback/aggregate_report.h"
#include "service/feedback/report_store.h"
#include "service/feedback/reports.h"
#include "service/feedback/tls_report.h"

namespace mail::feedback {
namespace {

namespace fs = std::filesystem;

std::string xml_of(std::string_view begin, std::string_view end, std::string_view count,
                   std::string_view more = "") {
  return concat("<feedback><report_metadata><report_id>1</report_id><date_range><begin>", begin,
                "</begin><end>", end, "</end></date_range></report_metadata><policy_published>",
                "<domain>yahoo.test</domain></policy_published><record><row><source_ip>192.0.2.1",
                "</source_ip><count>", count, "</count></row></record><record><row><count>", count,
                "</count></row></record>", more, "</feedback>");
}

// A message with each of `parts` as an attachment of its own.
std::string mail_with(const std::vector<std::string>& parts) {
  std::string out =
      "From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (const std::string& part : parts) {
    append(out,
           "--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    const std::string text = base64_encode(part);
    for (std::size_t at = 0; at < text.size(); at += 76) append(out, text.substr(at, 76), "\r\n");
  }
  return out += "--b--\r\n";
}

TEST(BadReports, LyingDatesAndCountsStayWithinWhatCanBeShown) {
  constexpr std::string_view kHuge = "18446744073709551615";
  for (const auto& [begin, end, count] :
       {std::tuple{"-5", "99999999999999999999999", kHuge},
        std::tuple{"9223372036854775807", "-9223372036854775808", std::string_view("-1")},
        std::tuple{"-9223372036854775808", "15532559262904483838", kHuge},
        std::tuple{"yesterday", "", std::string_view("1e9")}, std::tuple{"5", "4", kHuge}}) {
    const auto report = read_aggregate_report(xml_of(begin, end, count));
    ASSERT_TRUE(report) << describe(report.error());
    const ReceivedReport row = received(*report, "C", WallTime(std::chrono::days(20'000)), false);
    constexpr WallTime kLast{std::chrono::seconds(253'402'300'799)};
    EXPECT_GE(row.begin, WallTime());
    EXPECT_LE(row.begin, kLast);
    EXPECT_GE(row.end, WallTime());
    EXPECT_LE(row.end, kLast);
    // Two rows: a sum that went round would be less than one of them.
    EXPECT_EQ(row.failed, 2 * report->rows[0].count);
    EXPECT_LE(row.failed, 2'000'000'000'000U);
    const auto again = read_aggregate_report(write_aggregate_report(*report));
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(again->begin, report->begin);
    EXPECT_EQ(again->end, report->end);
  }
}

TEST(BadReports, SoDoThoseOfTlsReportsAndComplaints) {
  constexpr WallTime kLast{std::chrono::seconds(253'402'300'799)};
  for (const std::string_view date : {"0000-01-01T00:00:00Z", "9999-12-31T23:59:60-23:59"}) {
    const auto report = read_tls_report(
        concat(R"({"organization-name":"x","report-id":"1","policies":[],"date-range":{)",
               R"("start-datetime":")", date, R"(","end-datetime":")", date, "\"}}"));
    ASSERT_TRUE(report) << describe(report.error());
    const ReceivedReport row = received(*report, "C", WallTime(std::chrono::days(20'000)), false);
    EXPECT_GE(row.begin, WallTime()) << date;
    EXPECT_LE(row.end, kLast) << date;
  }
  dsn::FeedbackReport complaint;
  complaint.feedback_type = "abuse";
  complaint.arrival = WallTime(std::chrono::seconds(-5));
  EXPECT_EQ(received(complaint, "C", WallTime(), false).begin, WallTime());
}

TEST(BadReports, AllAttachmentsTogetherAreUnpackedUpToTheLimit) {
  const std::string blanks(5 << 20, ' ');
  const std::string packed = gzip::compress(xml_of("1", "2", "3", blanks));
  EXPECT_LT(packed.size(), 10'000U);
  const Reports reports = read_reports(mail_with(std::vector(10, packed)));
  EXPECT_EQ(reports.found.size(), 3U);     // of 5 MiB each
  EXPECT_EQ(reports.problems.size(), 7U);  // too large, with what is left
}

TEST(BadReports, AnXmlBombCostsNoMoreThanItsOctets) {
  std::string bomb = "<!DOCTYPE r [<!ENTITY a0 \"lol\">";
  for (int i = 1; i < 10; ++i) {
    append(bomb, "<!ENTITY a", i, " \"");
    for (int times = 0; times < 10; ++times) append(bomb, "&a", i - 1, ';');
    bomb += "\">";
  }
  append(bomb, "]>", xml_of("1", "2", "3", "<extra_contact_info>&a9;</extra_contact_info>"));
  const auto report = read_aggregate_report(bomb);
  ASSERT_TRUE(report) << describe(report.error());
  EXPECT_LT(json::to_string(to_json(*report)).size(), 10'000U);
  for (const std::size_t more : {kMaxRowsRead - 1, kMaxElements}) {  // two are there
    std::string wide;
    for (std::size_t i = 0; i < more; ++i) wide += "<record/>";
    const auto rows = read_aggregate_report(xml_of("1", "2", "3", wide));
    ASSERT_FALSE(rows) << more;
    EXPECT_EQ(rows.error().code, Errc::too_large) << more;
  }
  const auto json = read_tls_report("{\"policies\":[" + std::string(kMaxTlsReport, '['));
  EXPECT_EQ(json.error().code, Errc::too_large);
}

TEST(BadReports, TheFileDoesNotGrowWithoutEnd) {
  const fs::path folder = fs::temp_directory_path() / concat("mailwright-bad-reports-", ::getpid());
  fs::remove_all(folder);
  fs::create_directory(folder);
  auto store = ReportStore::open(folder / "reports.db", 4 << 20);
  ASSERT_TRUE(store) << describe(store.error());
  ReceivedReport report;
  report.kind = "dmarc";
  report.content = std::string(kMaxContent + 1, 'x');
  EXPECT_EQ((*store)->keep(report).error().code, Errc::too_large);
  report.content.resize(500'000);
  for (int i = 0; i < 40; ++i) {
    report.report_id = concat(i);
    ASSERT_TRUE((*store)->keep(report));
  }
  const auto kept = (*store)->received("", 100);
  ASSERT_TRUE(kept);
  ASSERT_FALSE(kept->empty());
  EXPECT_EQ(kept->front().report_id, "39");
  EXPECT_LT(kept->size(), 9U);
  EXPECT_LT(fs::file_size(folder / "reports.db"), 8U << 20);
  store->reset();
  fs::remove_all(folder);
}

}  // namespace
}  // namespace mail::feedback
