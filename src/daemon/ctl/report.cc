// report list|show: what other servers report of mail in the name of our domains (DMARC aggregate
// reports, TLS reports, complaints), and by which sources it was sent.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/feedback/report_store.h"

namespace mail::ctl {
namespace {

using feedback::ReceivedReport;

constexpr std::size_t kUsualRows = 100;
constexpr std::size_t kMostRows = 100'000;
constexpr std::size_t kReportsSummed = 10'000;
constexpr std::size_t kBarWidth = 20;

json::Value to_json(const ReceivedReport& report) {
  return json::Object{{"id", report.id},
                      {"kind", report.kind},
                      {"domain", report.domain},
                      {"organization", report.organization},
                      {"report_id", report.report_id},
                      {"received", message::iso_date(report.received_at)},
                      {"begin", message::iso_date(report.begin)},
                      {"end", message::iso_date(report.end)},
                      {"passed", report.passed},
                      {"failed", report.failed},
                      {"authenticated", report.authenticated}};
}

std::string day(WallTime at) { return human_time(at).substr(0, 10); }

struct Source {
  std::string address;
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::uint64_t volume() const { return passed + failed; }
};

std::uint64_t number_in(const json::Value& value, std::string_view name) {
  const json::Value* const found = value.find(name);
  const std::int64_t* const number = found == nullptr ? nullptr : found->integer();
  return number == nullptr || *number < 0 ? 0 : static_cast<std::uint64_t>(*number);
}

// Of the rows of a DMARC report, as to_json() of it has them.
void add_sources(std::map<std::string, Source>& sources, const std::string& content) {
  const auto report = json::parse(content);
  const json::Value* const records = report ? report->find("record") : nullptr;
  const json::Array* const rows = records == nullptr ? nullptr : records->array();
  if (rows == nullptr) return;
  for (const json::Value& record : *rows) {
    const json::Value* const row = record.find("row");
    const json::Value* const evaluated = row == nullptr ? nullptr : row->find("policy_evaluated");
    if (evaluated == nullptr) continue;
    Source& source = sources[std::string(row->text_or("source_ip", ""))];
    source.address = row->text_or("source_ip", "");
    const bool passed =
        evaluated->text_or("dkim", "") == "pass" || evaluated->text_or("spf", "") == "pass";
    (passed ? source.passed : source.failed) += number_in(*row, "count");
  }
}

std::vector<Source> by_volume(std::map<std::string, Source> sources) {
  std::vector<Source> out;
  for (auto& [address, source] : sources) out.push_back(std::move(source));
  std::ranges::sort(out, [](const Source& a, const Source& b) {
    return a.volume() != b.volume() ? a.volume() > b.volume() : a.address < b.address;
  });
  return out;
}

// "#######...": the share that passed, and that failed, of the largest source's volume.
std::string bar(const Source& source, std::uint64_t largest) {
  if (largest == 0) return {};
  const auto width = [&](std::uint64_t part) { return (part * kBarWidth + largest - 1) / largest; };
  const std::size_t passed = std::min<std::size_t>(width(source.passed), kBarWidth);
  const std::size_t failed = std::min<std::size_t>(width(source.failed), kBarWidth);
  return std::string(passed, '#') + std::string(failed, '-');
}

Task<Answer> show_domain(Admin& admin, const std::string& domain, bool as_json, Output& output) {
  MAIL_CO_TRY(const std::vector<ReceivedReport> reports, co_await on(admin.pool, [&] {
                return admin.reports->received(domain, kReportsSummed);
              }));
  std::map<std::string, Source> sources;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> kinds;  // reports, failed
  for (const ReceivedReport& report : reports) {
    if (report.kind == "dmarc") add_sources(sources, report.content);
    kinds[report.kind].first += 1;
    kinds[report.kind].second += report.failed;
  }
  const std::vector<Source> sorted = by_volume(std::move(sources));
  if (as_json) {
    JsonRows rows(output);
    for (const Source& source : sorted) {
      MAIL_CO_TRY(co_await rows.add(json::Object{{"source", source.address},
                                                 {"volume", source.volume()},
                                                 {"passed", source.passed},
                                                 {"failed", source.failed}}));
    }
    co_return co_await rows.finish();
  }
  if (reports.empty()) {
    co_return co_await print(
        output, concat("No reports about ", domain,
                       " yet. `mailwright domain dns` says which records ask for them.\n"));
  }
  std::string text;
  for (const auto& [kind, sum] : kinds) {
    append(text, sum.first, ' ', kind, sum.first == 1 ? " report" : " reports", ", ", sum.second,
           kind == "complaint" ? " incidents\n" : " failures\n");
  }
  TextTable table({"SOURCE", "VOLUME", "PASSED", "FAILED", "# PASSED - FAILED"});
  for (const Source& source : sorted) {
    table.add({source.address, concat(source.volume()), concat(source.passed),
               concat(source.failed), bar(source, sorted.front().volume())});
  }
  if (!table.empty()) append(text, '\n', table.to_string());
  co_return co_await print(output, std::move(text));
}

Task<Answer> show_one(Admin& admin, std::int64_t id, bool as_json, Output& output) {
  const auto report = co_await on(admin.pool, [&] { return admin.reports->received_report(id); });
  if (!report && report.error().code == Errc::not_found) {
    co_return refuse(Exit::no_input, concat("There is no report ", id,
                                            ". `mailwright report list` has their numbers."));
  }
  if (!report) co_return std::unexpected(Refusal(report.error()));
  if (as_json) {
    const auto content = json::parse(report->content);
    json::Object out = *to_json(*report).object();
    out.push_back({"content", content ? *content : json::Value()});
    co_return co_await print_json(output, std::move(out));
  }
  std::string text =
      concat(report->kind, " report about ", printable(report->domain), " by ",
             printable(report->organization), "\n", human_time(report->begin), " to ",
             human_time(report->end), "\n",
             report->authenticated ? "Its sender is proved.\n" : "Nothing proves its sender.\n");
  std::map<std::string, Source> sources;
  if (report->kind == "dmarc") add_sources(sources, report->content);
  TextTable table({"SOURCE", "VOLUME", "PASSED", "FAILED"});
  for (const Source& source : by_volume(std::move(sources))) {
    table.add(
        {source.address, concat(source.volume()), concat(source.passed), concat(source.failed)});
  }
  if (table.empty()) {
    append(text, report->passed, " passed, ", report->failed, " failed\n",
           printable(report->content), '\n');
  } else {
    append(text, '\n', table.to_string());
  }
  co_return co_await print(output, std::move(text));
}

}  // namespace

Task<Answer> report_list(Admin& admin, const Request& request, Output& output) {
  std::size_t limit = kUsualRows;
  if (request.has("--limit")) {
    const auto number = parse_number(request.text("--limit"));
    if (!number || *number == 0 || *number > kMostRows) {
      co_return refuse(Exit::bad_data, concat("--limit takes a number from 1 to ", kMostRows, "."));
    }
    limit = *number;
  }
  const std::string domain = to_lower(request.text("DOMAIN"));
  MAIL_CO_TRY(const std::vector<ReceivedReport> reports,
              co_await on(admin.pool, [&] { return admin.reports->received(domain, limit); }));
  if (request.json) {
    JsonRows rows(output);
    for (const ReceivedReport& report : reports) {
      MAIL_CO_TRY(co_await rows.add(to_json(report)));
    }
    co_return co_await rows.finish();
  }
  if (reports.empty()) {
    co_return co_await print(
        output, "No reports yet. `mailwright domain dns` says which records ask for them.\n");
  }
  TextTable table({"ID", "DAY", "KIND", "DOMAIN", "BY", "PASSED", "FAILED", "SENDER"});
  for (const ReceivedReport& report : reports) {
    table.add({concat(report.id), day(report.begin), report.kind, report.domain,
               report.organization, concat(report.passed), concat(report.failed),
               report.authenticated ? "proved" : "unproved"});
  }
  co_return co_await print(output, table.to_string());
}

Task<Answer> report_show(Admin& admin, const Request& request, Output& output) {
  const std::string what = request.text("WHAT");
  if (const auto id = parse_number(what)) {
    co_return co_await show_one(admin, static_cast<std::int64_t>(*id), request.json, output);
  }
  co_return co_await show_domain(admin, to_lower(what), request.json, output);
}

}  // namespace mail::ctl
