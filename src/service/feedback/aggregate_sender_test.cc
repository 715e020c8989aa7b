#include "service/feedback/aggregate_sender.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/text.h"
#include "codec/dns/table_resolver.h"
#include "service/feedback/reports.h"
#include "service/store/model_mail_store.h"

namespace mail::feedback {
namespace {

using std::chrono::days;
constexpr Day kYesterday{days{20'000}};

class TestPlacer final : public DraftPlacer {
 public:
  bool is_local(std::string_view) const override { return false; }
  std::optional<Placement::Refusal> address(Draft& draft,
                                            const Recipient& recipient) const override {
    if (recipient.address.starts_with("nobody@")) {
      return Placement::Refusal{recipient.address, "5.1.1", "there is nobody"};
    }
    draft.recipients.push_back(recipient);
    draft.events.front().recipients.push_back(recipient.address);
    draft.deliveries.push_back(
        {ToRoute{{"mx", "away.test", ""}, draft.received_at}, {recipient}, "", ""});
    return std::nullopt;
  }
};

class Outgoing final : public EnqueuedSink {
 public:
  void enqueued(Enqueued mail) override { mails.push_back(std::move(mail)); }
  std::vector<Enqueued> mails;
};

class CountingSigner final : public DraftSigner {
 public:
  void sign(Draft&) const override { ++signed_; }
  mutable int signed_ = 0;
};

class AggregateSenderTest : public testing::Test {
 protected:
  AggregateSenderTest() {
    std::string pattern = testing::TempDir() + "reports.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    reports_ = ReportStore::open(folder_ / "reports.db").value();
  }
  ~AggregateSenderTest() override {
    reports_.reset();
    std::filesystem::remove_all(folder_);
  }
  static Observation seen(const std::string& source, const std::string& domain = "gmail.test") {
    Observation out;
    out.day = kYesterday;
    out.policy.domain = domain;
    out.policy.p = "reject";
    out.row.source_ip = source;
    out.row.count = 1;
    out.row.disposition = "none";
    out.row.dkim = out.row.spf = "fail";
    out.row.header_from = domain;
    return out;
  }
  AggregateTools tools() {
    return {*reports_, observations_, store_,
            placer_,   dns_,          &signer_,
            pool_,     clock_,        [](std::string_view name) { return name == "test"; }};
  }
  void send(Day today = kYesterday + days(1)) {
    AggregateSender sender(tools(), {.hostname = "mx.yahoo.test"});
    send(sender, today);
  }
  void send(AggregateSender& sender, Day today = kYesterday + days(1)) {
    LoopExecutor loop;
    block_on(loop, sender.flush());
    block_on(loop, sender.send_due(today, outgoing_));
  }
  std::size_t left() { return reports_->due(kYesterday + days(1), 100)->size(); }

  std::filesystem::path folder_;
  ManualClock clock_{WallTime(days{20'001})};
  WorkerPool pool_{1, 10};
  std::unique_ptr<ReportStore> reports_;
  Observations observations_;
  ModelMailStore store_{clock_};
  TestPlacer placer_;
  dns::TableResolver dns_;
  CountingSigner signer_;
  Outgoing outgoing_;
};

TEST_F(AggregateSenderTest, TellsADayWhenItIsOver) {
  dns_.txt("_dmarc.gmail.test", "v=DMARC1; p=reject; rua=mailto:dmarc@gmail.test");
  observations_.note({seen("192.0.2.1"), seen("192.0.2.1"), seen("192.0.2.2")});
  send(kYesterday);
  EXPECT_TRUE(outgoing_.mails.empty());
  send();
  ASSERT_EQ(outgoing_.mails.size(), 1U);
  EXPECT_EQ(signer_.signed_, 1);
  const Reports read = read_reports(*outgoing_.mails[0].content);
  ASSERT_EQ(read.found.size(), 1U);
  const auto& report = std::get<AggregateReport>(read.found[0]);
  EXPECT_EQ(report.policy.domain, "gmail.test");
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_EQ(report.rows[0].count, 2U);
  EXPECT_EQ(report.end - report.begin, 86'399);
  send();
  EXPECT_EQ(outgoing_.mails.size(), 1U);
}

TEST_F(AggregateSenderTest, AnotherDomainReadsOnlyWhatItAskedFor) {
  dns_.txt("_dmarc.gmail.test",
           "v=DMARC1; p=none; rua=mailto:a@willing.test,mailto:b@unwilling.test,"
           "mailto:nobody@gmail.test");
  dns_.txt("gmail.test._report._dmarc.willing.test", "v=DMARC1;");
  observations_.note({seen("192.0.2.1")});
  send();
  ASSERT_EQ(outgoing_.mails.size(), 1U);
  ASSERT_EQ(outgoing_.mails[0].deliveries.size(), 1U);
  EXPECT_NE(outgoing_.mails[0].content->find("a@willing.test"), std::string::npos);
  EXPECT_EQ(outgoing_.mails[0].content->find("unwilling"), std::string::npos);
}

TEST_F(AggregateSenderTest, WhoAsksForNothingIsForgotten) {
  dns_.txt("_dmarc.gmail.test", "v=DMARC1; p=none");
  observations_.note({seen("192.0.2.1"), seen("192.0.2.1", "gone.test")});
  send();
  EXPECT_TRUE(outgoing_.mails.empty());
  EXPECT_EQ(left(), 0U);
}

TEST_F(AggregateSenderTest, DomainsWhoseDnsIsSilentKeepNobodyWaiting) {
  dns_.txt("_dmarc.gmail.test", "v=DMARC1; p=reject; rua=mailto:dmarc@gmail.test");
  for (std::size_t i = 0; i < kMaxReportsAtOnce; ++i) {
    const std::string domain = concat("bad", i, ".test");  // they come first
    dns_.fail(concat("_dmarc.", domain), dns::Type::txt);
    observations_.note({seen("192.0.2.1", domain)});
  }
  observations_.note({seen("192.0.2.1")});
  AggregateSender sender(tools(), {.hostname = "mx.yahoo.test"});
  send(sender);
  EXPECT_TRUE(outgoing_.mails.empty());
  EXPECT_EQ(dns_.questions(), kMaxReportsAtOnce);
  send(sender);
  EXPECT_EQ(outgoing_.mails.size(), 1U);
  // They are asked again in an hour.
  const std::size_t asked = dns_.questions();
  send(sender);
  EXPECT_EQ(dns_.questions(), asked);
  clock_.advance(std::chrono::hours(1));
  send(sender);
  EXPECT_EQ(dns_.questions(), asked + kMaxReportsAtOnce);
}

TEST_F(AggregateSenderTest, AReportIsBoundedInSize) {
  dns_.txt("_dmarc.gmail.test", "v=DMARC1; p=reject; rua=mailto:dmarc@gmail.test");
  std::vector<Observation> many;
  constexpr std::size_t kRows = 3'000;
  for (std::size_t i = 0; i < kRows; ++i) {
    Observation one = seen(concat("a", i));
    for (int j = 0; j < 10; ++j) {
      one.row.dkim_results.push_back(
          {.domain = std::string(250, 'd'), .selector = std::string(250, 's'), .result = "fail"});
    }
    one.row.count = i == 7 ? 100 : 1;
    many.push_back(std::move(one));
  }
  ASSERT_TRUE(reports_->observe(many));
  send();
  ASSERT_EQ(outgoing_.mails.size(), 1U);
  const Reports read = read_reports(*outgoing_.mails[0].content);
  ASSERT_EQ(read.found.size(), 1U);
  const auto& report = std::get<AggregateReport>(read.found[0]);
  EXPECT_LT(report.rows.size(), 2'000U);
  EXPECT_GT(report.rows.size(), 500U);
  EXPECT_EQ(report.rows.front().count, 100U);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(report.errors[0], concat("rows left out: ", kRows - report.rows.size()));
}

TEST_F(AggregateSenderTest, WhereTheDnsDoesNotSayItIsTriedAgainForSomeDays) {
  dns_.fail("_dmarc.gmail.test", dns::Type::txt);
  observations_.note({seen("192.0.2.1")});
  send();
  EXPECT_EQ(left(), 1U);
  send(kYesterday + kKeepObserved + days(1));
  EXPECT_TRUE(outgoing_.mails.empty());
  EXPECT_EQ(left(), 0U);
}

}  // namespace
}  // namespace mail::feedback
