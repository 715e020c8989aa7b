#include "service/feedback/report_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/text.h"
#include "service/feedback/observations.h"
#include "service/feedback/report_mail.h"

namespace mail::feedback {
namespace {

using std::chrono::days;

constexpr Day kToday{days{20'000}};

class ReportStoreTest : public testing::Test {
 protected:
  ReportStoreTest() {
    std::string pattern = testing::TempDir() + "reports.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    open();
  }
  ~ReportStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void open(std::int64_t most = kMaxFile) {
    store_.reset();
    auto opened = ReportStore::open(folder_ / "reports.db", most);
    ASSERT_TRUE(opened) << describe(opened.error());
    store_ = *std::move(opened);
  }
  ReportStore& store() { return *store_; }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<ReportStore> store_;
};

Observation seen(const std::string& source, std::uint64_t count = 1, Day day = kToday - days(1)) {
  Observation out;
  out.day = day;
  out.policy.domain = "gmail.test";
  out.policy.p = "reject";
  out.policy.fo = "0";
  out.row = {.source_ip = source,
             .count = count,
             .disposition = "none",
             .dkim = "pass",
             .spf = "fail",
             .reasons = {{"local_policy", "a\tb"}},
             .header_from = "gmail.test",
             .envelope_from = "",
             .envelope_to = "",
             .dkim_results = {{.domain = "gmail.test", .selector = "s", .result = "pass"},
                              {.domain = "list.test", .selector = "t", .result = "fail"}},
             .spf_results = {{.domain = "list.test", .scope = "mfrom", .result = "pass"}},
             .extensions = {}};
  return out;
}

TEST_F(ReportStoreTest, WhatIsAlikeIsCountedTogetherOverRestarts) {
  ASSERT_TRUE(store().observe({{seen("192.0.2.1"), seen("192.0.2.2", 4)}}));
  open();
  ASSERT_TRUE(store().observe({{seen("192.0.2.1", 2)}}));
  const auto due = store().due(kToday, 10);
  ASSERT_TRUE(due);
  ASSERT_EQ(due->size(), 1U);
  EXPECT_EQ(due->front().domain, "gmail.test");
  const auto rows = store().rows(due->front());
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->first.p, "reject");
  ASSERT_EQ(rows->second.size(), 2U);
  EXPECT_EQ(rows->second[0].source_ip, "192.0.2.2");
  EXPECT_EQ(rows->second[0].count, 4U);
  EXPECT_EQ(rows->second[1].count, 3U);
  EXPECT_EQ(rows->second[1].dkim_results, seen("").row.dkim_results);
  EXPECT_EQ(rows->second[1].spf_results, seen("").row.spf_results);
  EXPECT_EQ(rows->second[1].reasons.front().comment, "a b");
}

TEST_F(ReportStoreTest, ADayIsDueWhenItIsOver) {
  ASSERT_TRUE(store().observe({{seen("192.0.2.1", 1, kToday)}}));
  EXPECT_TRUE(store().due(kToday, 10)->empty());
  ASSERT_EQ(store().due(kToday + days(1), 10)->size(), 1U);
  ASSERT_TRUE(store().forget(store().due(kToday + days(1), 10)->front()));
  EXPECT_TRUE(store().due(kToday + days(1), 10)->empty());
  ASSERT_TRUE(store().observe({{seen("192.0.2.1", 1, kToday)}}));
  ASSERT_TRUE(store().forget_before(kToday + days(1)));
  EXPECT_TRUE(store().due(kToday + days(9), 10)->empty());
}

TEST_F(ReportStoreTest, ReportsAreBoundedInRows) {
  std::vector<Observation> many;
  for (std::size_t i = 0; i < kMaxRowsPerReport + 10; ++i) many.push_back(seen(concat("a", i)));
  ASSERT_TRUE(store().observe(many));
  EXPECT_EQ(store().rows({kToday - days(1), "gmail.test"})->second.size(), kMaxRowsPerReport);
}

TEST_F(ReportStoreTest, AReportThatCameIsKeptOnce) {
  AggregateReport report;
  report.policy.domain = "yahoo.test";
  report.org_name = "Gmail";
  report.report_id = "7";
  report.begin = -1;
  report.end = std::numeric_limits<std::int64_t>::max();  // a lying date
  report.rows = {seen("192.0.2.1", 5).row, seen("192.0.2.1", 2).row};
  report.rows[1].dkim = "fail";
  const ReceivedReport row = received(report, "CARRIER", WallTime(days(20'000)), true);
  EXPECT_EQ(row.passed, 5U);
  EXPECT_EQ(row.failed, 2U);
  ASSERT_TRUE(store().keep(row));
  EXPECT_EQ(store().keep(row).error().code, Errc::already_exists);
  const auto kept = store().received("yahoo.test", 10);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_TRUE(kept->front().authenticated);
  EXPECT_EQ(kept->front().begin, WallTime());
  EXPECT_EQ(store().received_report(kept->front().id)->content, row.content);
  EXPECT_TRUE(store().received("other.test", 10)->empty());
  EXPECT_EQ(store().received("", 10)->size(), 1U);
  EXPECT_EQ(store().received_report(99).error().code, Errc::not_found);
}

TEST_F(ReportStoreTest, AFullStoreCountsOnlyWhatItKnows) {
  ASSERT_TRUE(store().observe({{seen("192.0.2.1")}}));
  open(1);
  ASSERT_TRUE(store().observe({{seen("192.0.2.1"), seen("192.0.2.2")}}));
  const auto rows = store().rows({kToday - days(1), "gmail.test"});
  ASSERT_EQ(rows->second.size(), 1U);
  EXPECT_EQ(rows->second[0].count, 2U);
}

TEST_F(ReportStoreTest, ComplaintsAreToldApartByWhatCarriedThem) {
  dsn::FeedbackReport report;
  report.feedback_type = "abuse";
  report.reported_domains = {"Yahoo.test"};
  ASSERT_TRUE(store().keep(received(report, "A", WallTime(days(20'000)), true)));
  ASSERT_TRUE(store().keep(received(report, "B", WallTime(days(20'000)), true)));
  EXPECT_EQ(store().received("yahoo.test", 10)->size(), 2U);
}

mailauth::Findings findings() {
  mailauth::Findings out;
  out.spf.verdict = spf::Verdict::pass;
  out.spf.domain = "bounce.gmail.test";
  dkim::SignatureResult signature;
  signature.verdict = dkim::Verdict::pass;
  signature.domain = "gmail.test";
  signature.selector = "s";
  out.dkim.signatures = {signature};
  dmarc::Outcome outcome;
  outcome.verdict = dmarc::Verdict::pass;
  outcome.domain = "gmail.test";
  outcome.record_domain = "gmail.test";
  outcome.record.policy = outcome.policy = dmarc::Policy::reject;
  outcome.record.aggregate_uris = {"mailto:dmarc@gmail.test"};
  outcome.aligned_dkim = "gmail.test";
  out.dmarc = {outcome};
  return out;
}

TEST(Observations, AreOfDomainsThatWantReports) {
  const Disposed taken{.as = Disposed::As::taken,
                       .why_not_as_asked = {},
                       .source = IpAddress::parse("192.0.2.1").value(),
                       .mail_from_domain = "bounce.gmail.test",
                       .at = WallTime(days(20'000))};
  auto made = observations_of(findings(), taken);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].row.disposition, "pass");
  EXPECT_EQ(made[0].row.dkim, "pass");
  EXPECT_EQ(made[0].row.spf, "fail");
  EXPECT_EQ(made[0].row.spf_results[0].scope, "mfrom");
  EXPECT_EQ(made[0].day, kToday);
  mailauth::Findings silent = findings();
  silent.dmarc[0].record.aggregate_uris.clear();
  EXPECT_TRUE(observations_of(silent, taken).empty());
}

TEST(Observations, SayWhatWasDoneAndWhyNotWhatWasAsked) {
  mailauth::Findings failed = findings();
  failed.dmarc[0].verdict = dmarc::Verdict::fail;
  failed.dmarc[0].aligned_dkim.clear();
  Disposed disposed;
  disposed.as = Disposed::As::junk;
  disposed.why_not_as_asked = "no second signal";
  const auto made = observations_of(failed, disposed);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].row.disposition, "quarantine");
  EXPECT_EQ(made[0].row.reasons,
            (std::vector<PolicyOverride>{{"local_policy", "no second signal"}}));
  EXPECT_EQ(made[0].row.spf_results[0].scope, "");
  disposed.as = Disposed::As::refused;
  EXPECT_EQ(observations_of(failed, disposed)[0].row.disposition, "reject");
}

TEST(Observations, AreCountedUntilTheyAreTaken) {
  Observations held;
  held.note({seen("192.0.2.1"), seen("192.0.2.1"), seen("192.0.2.2")});
  auto taken = held.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].row.count, 2U);
  EXPECT_TRUE(held.take().empty());
  for (std::size_t i = 0; i < kMaxHeld + 5; ++i) held.note({seen(concat(i))});
  EXPECT_EQ(held.take().size(), kMaxHeld);
}

TEST(ReportMail, ComesBackAsTheReportItCarries) {
  AggregateReport report;
  report.version = "1.0";
  report.org_name = "Yahoo";
  report.report_id = "01ABC";
  report.policy = seen("").policy;
  report.rows = {seen("192.0.2.1").row};
  const std::string mail = compose_report_mail(report, {"mx.yahoo.test",
                                                        "postmaster@yahoo.test",
                                                        {"a@gmail.test", "b@gmail.test"},
                                                        "01ABC@mx.yahoo.test",
                                                        WallTime(days(20'000))});
  for (const std::string_view line : split(mail, '\n')) EXPECT_LT(line.size(), 200U) << line;
  const Reports read = read_reports(mail);
  ASSERT_EQ(read.found.size(), 1U);
  EXPECT_EQ(std::get<AggregateReport>(read.found[0]).report_id, "01ABC");
}

TEST(ReportMail, GoesToAddressesThatWantIt) {
  const auto to = report_addresses(
      {"https://x.test/", "mailto:a%40b@x.test", "MAILTO:dmarc@gmail.test?subject=x",
       "mailto:", "mailto:c@gmail.test", "mailto:d@gmail.test"},
      2);
  ASSERT_EQ(to.size(), 2U);
  EXPECT_EQ(to[0].to_string(), "dmarc@gmail.test");
  EXPECT_EQ(to[1].to_string(), "c@gmail.test");
}

TEST(ReportMail, AnotherDomainMustHaveConsented) {
  EXPECT_FALSE(consent_name("a.gmail.test", "gmail.test", "gmail.test"));
  EXPECT_FALSE(consent_name("gmail.test", "", "reports.gmail.test"));
  EXPECT_EQ(consent_name("gmail.test", "gmail.test", "else.test"),
            "gmail.test._report._dmarc.else.test");
  EXPECT_TRUE(consent_name("gmail.test", "gmail.test", "notgmail.test"));
}

}  // namespace
}  // namespace mail::feedback
