#include "service/feedback/report_store.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace mail::feedback {
namespace {

constexpr std::int64_t kSchema = 1;
// A text column that lists several: entries end in LF, their words are parted by HTAB; neither
// comes up in what they hold (clean()).
constexpr const char* kTables = R"(
CREATE TABLE observed (
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  policy TEXT NOT NULL,
  source_ip TEXT NOT NULL,
  disposition TEXT NOT NULL,
  dkim TEXT NOT NULL,
  spf TEXT NOT NULL,
  reasons TEXT NOT NULL,
  header_from TEXT NOT NULL,
  envelope_from TEXT NOT NULL,
  envelope_to TEXT NOT NULL,
  dkim_results TEXT NOT NULL,
  spf_results TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (day, domain, policy, source_ip, disposition, dkim, spf, reasons, header_from,
               envelope_from, envelope_to, dkim_results, spf_results)
) WITHOUT ROWID;
CREATE TABLE received (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  domain TEXT NOT NULL,
  organization TEXT NOT NULL,
  report_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  begin_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  authenticated INTEGER NOT NULL,
  content TEXT NOT NULL,
  UNIQUE (kind, domain, organization, report_id)
);
CREATE INDEX received_by_domain ON received (domain, received_at);
)";

// The same values for both, the count first.
constexpr std::string_view kCountAgain =
    "UPDATE observed SET count = count + ? WHERE day = ? AND domain = ? AND policy = ? AND "
    "source_ip = ? AND disposition = ? AND dkim = ? AND spf = ? AND reasons = ? AND "
    "header_from = ? AND envelope_from = ? AND envelope_to = ? AND dkim_results = ? AND "
    "spf_results = ?";
constexpr std::string_view kCountFirst =
    "INSERT INTO observed (count, day, domain, policy, source_ip, disposition, dkim, spf, reasons, "
    "header_from, envelope_from, envelope_to, dkim_results, spf_results) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

std::string clean(std::string_view text) {
  std::string out(text.substr(0, 1024));
  std::ranges::replace_if(out, [](char c) { return c >= 0 && c < ' '; }, ' ');
  return out;
}

std::string list(const std::vector<AuthResult>& results) {
  std::string out;
  for (const AuthResult& result : results) {
    append(out, clean(result.domain), '\t', clean(result.selector), '\t', clean(result.scope), '\t',
           clean(result.result), '\n');
  }
  return out;
}
std::string list(const std::vector<PolicyOverride>& reasons) {
  std::string out;
  for (const PolicyOverride& reason : reasons) {
    append(out, clean(reason.type), '\t', clean(reason.comment), '\n');
  }
  return out;
}
std::string list(const PublishedPolicy& policy) {
  return concat(clean(policy.adkim), '\t', clean(policy.aspf), '\t', clean(policy.p), '\t',
                clean(policy.sp), '\t', clean(policy.np), '\t', policy.testing ? "y" : "n", '\t',
                clean(policy.discovery_method), '\t', clean(policy.fo), '\n');
}

// Entries of exactly so many words.
std::vector<std::vector<std::string_view>> entries(std::string_view text, std::size_t words) {
  std::vector<std::vector<std::string_view>> out;
  for (const std::string_view line : split(text, '\n')) {
    std::vector<std::string_view> entry = split(line, '\t');
    if (entry.size() == words) out.push_back(std::move(entry));
  }
  return out;
}
std::vector<AuthResult> results_of(std::string_view text) {
  std::vector<AuthResult> out;
  for (const auto& words : entries(text, 4)) {
    out.push_back({.domain = std::string(words[0]),
                   .selector = std::string(words[1]),
                   .scope = std::string(words[2]),
                   .result = std::string(words[3])});
  }
  return out;
}
std::vector<PolicyOverride> reasons_of(std::string_view text) {
  std::vector<PolicyOverride> out;
  for (const auto& words : entries(text, 2)) {
    out.push_back({std::string(words[0]), std::string(words[1])});
  }
  return out;
}
PublishedPolicy policy_of(const std::string& domain, std::string_view text) {
  PublishedPolicy policy;
  policy.domain = domain;
  for (const auto& words : entries(text, 8)) {
    policy.adkim = words[0];
    policy.aspf = words[1];
    policy.p = words[2];
    policy.sp = words[3];
    policy.np = words[4];
    policy.testing = words[5] == "y";
    policy.discovery_method = words[6];
    policy.fo = words[7];
  }
  return policy;
}

std::int64_t number(Day day) { return day.time_since_epoch().count(); }
Day day_of(std::int64_t number) { return Day(std::chrono::days(number)); }
std::int64_t number(WallTime at) { return at.time_since_epoch().count(); }
WallTime time_of(std::int64_t number) { return WallTime(Milliseconds(number)); }

ReceivedReport received_row(const sql::Statement& row) {
  return {.id = row.integer(0),
          .kind = row.text(1),
          .domain = row.text(2),
          .organization = row.text(3),
          .report_id = row.text(4),
          .received_at = time_of(row.integer(5)),
          .begin = time_of(row.integer(6)),
          .end = time_of(row.integer(7)),
          .passed = static_cast<std::uint64_t>(row.integer(8)),
          .failed = static_cast<std::uint64_t>(row.integer(9)),
          .authenticated = row.integer(10) != 0,
          .content = row.text(11)};
}
constexpr std::string_view kReceivedColumns =
    "id, kind, domain, organization, report_id, received_at, begin_at, end_at, passed, failed, "
    "authenticated, content";

}  // namespace

Result<std::unique_ptr<ReportStore>> ReportStore::open(const std::filesystem::path& file,
                                                       std::int64_t most) {
  std::unique_ptr<sql::Database> database;
  MAIL_TRY(database, sql::Database::open(file));
  std::int64_t version = 0;
  MAIL_TRY(version, database->user_version());
  if (version > kSchema) {
    return fail(Errc::store_newer, concat(file.string(), " is of a newer version of mailwright"));
  }
  if (version == 0) {
    auto transaction = sql::Transaction::begin(*database);
    if (!transaction) return std::unexpected(transaction.error());
    MAIL_TRY(database->run_script(kTables));
    MAIL_TRY(database->set_user_version(kSchema));
    MAIL_TRY(transaction->commit());
  }
  return std::unique_ptr<ReportStore>(new ReportStore(std::move(database), most));
}

Result<std::int64_t> ReportStore::rows_of(Day day, const std::string& domain) {
  auto query = database_->prepare("SELECT count(*) FROM observed WHERE day = ? AND domain = ?",
                                  {number(day), domain});
  if (!query) return std::unexpected(query.error());
  if (auto row = query->step(); !row) return std::unexpected(row.error());
  return query->integer(0);
}

Result<void> ReportStore::observe(std::span<const Observation> observations) {
  const std::scoped_lock lock(mutex_);
  auto transaction = sql::Transaction::begin(*database_);
  if (!transaction) return std::unexpected(transaction.error());
  bool full = false;
  MAIL_TRY(full, is_full());
  std::map<std::pair<Day, std::string>, std::int64_t> rows;  // of each report, as it grows
  for (const Observation& seen : observations) {
    const auto [report, fresh] = rows.try_emplace({seen.day, seen.policy.domain}, 0);
    if (fresh) {
      MAIL_TRY(report->second, rows_of(seen.day, seen.policy.domain));
    }
    const ReportRow& row = seen.row;
    const std::string policy = list(seen.policy);
    const std::string reasons = list(row.reasons);
    const std::string dkim = list(row.dkim_results);
    const std::string spf = list(row.spf_results);
    const std::initializer_list<sql::Value> values{static_cast<std::int64_t>(row.count),
                                                   number(seen.day),
                                                   seen.policy.domain,
                                                   policy,
                                                   row.source_ip,
                                                   row.disposition,
                                                   row.dkim,
                                                   row.spf,
                                                   reasons,
                                                   row.header_from,
                                                   row.envelope_from,
                                                   row.envelope_to,
                                                   dkim,
                                                   spf};
    if (auto done = database_->run(kCountAgain, values); !done) return done;
    if (database_->changes() > 0) continue;
    if (full || report->second >= static_cast<std::int64_t>(kMaxRowsPerReport)) continue;
    if (auto done = database_->run(kCountFirst, values); !done) return done;
    ++report->second;
  }
  return transaction->commit();
}

Result<std::vector<ReportStore::Due>> ReportStore::due(Day today, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  auto query = database_->prepare(
      "SELECT DISTINCT day, domain FROM observed WHERE day < ? ORDER BY day, domain LIMIT ?",
      {number(today), static_cast<std::int64_t>(limit)});
  if (!query) return std::unexpected(query.error());
  std::vector<Due> out;
  for (;;) {
    bool more = false;
    MAIL_TRY(more, query->step());
    if (!more) return out;
    out.push_back({day_of(query->integer(0)), query->text(1)});
  }
}

Result<std::pair<PublishedPolicy, std::vector<ReportRow>>> ReportStore::rows(const Due& due) {
  const std::scoped_lock lock(mutex_);
  auto query = database_->prepare(
      "SELECT policy, source_ip, disposition, dkim, spf, reasons, header_from, envelope_from, "
      "envelope_to, dkim_results, spf_results, count FROM observed WHERE day = ? AND domain = ? "
      "ORDER BY count DESC",
      {number(due.day), due.domain});
  if (!query) return std::unexpected(query.error());
  std::pair<PublishedPolicy, std::vector<ReportRow>> out;
  for (;;) {
    bool more = false;
    MAIL_TRY(more, query->step());
    if (!more) break;
    if (out.second.empty()) out.first = policy_of(due.domain, query->text(0));
    out.second.push_back({.source_ip = query->text(1),
                          .count = static_cast<std::uint64_t>(query->integer(11)),
                          .disposition = query->text(2),
                          .dkim = query->text(3),
                          .spf = query->text(4),
                          .reasons = reasons_of(query->text(5)),
                          .header_from = query->text(6),
                          .envelope_from = query->text(7),
                          .envelope_to = query->text(8),
                          .dkim_results = results_of(query->text(9)),
                          .spf_results = results_of(query->text(10)),
                          .extensions = {}});
  }
  if (out.second.empty()) return fail(Errc::not_found, "nothing was observed");
  return out;
}

Result<void> ReportStore::forget(const Due& due) {
  const std::scoped_lock lock(mutex_);
  return database_->run("DELETE FROM observed WHERE day = ? AND domain = ?",
                        {number(due.day), due.domain});
}

Result<void> ReportStore::forget_before(Day day) {
  const std::scoped_lock lock(mutex_);
  return database_->run("DELETE FROM observed WHERE day < ?", {number(day)});
}

// Within a transaction, as the next.
Result<bool> ReportStore::is_full() {
  auto query = database_->prepare(
      "SELECT (page_count - freelist_count) * page_size "
      "FROM pragma_page_count, pragma_freelist_count, pragma_page_size");
  if (!query) return std::unexpected(query.error());
  if (auto row = query->step(); !row) return std::unexpected(row.error());
  return query->integer(0) > most_;
}

// Some kibibytes of mail can carry a report of megabytes.
Result<void> ReportStore::make_room() {
  for (;;) {
    bool full = false;
    MAIL_TRY(full, is_full());
    if (!full) return {};
    MAIL_TRY(database_->run(
        "DELETE FROM received WHERE id IN (SELECT id FROM received ORDER BY id LIMIT 10)"));
    if (database_->changes() == 0) return {};
  }
}

Result<void> ReportStore::keep(const ReceivedReport& report) {
  if (report.content.size() > kMaxContent) {
    return fail(Errc::too_large,
                concat("a report of ", report.content.size(), " octets is not kept"));
  }
  const std::scoped_lock lock(mutex_);
  auto transaction = sql::Transaction::begin(*database_);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto done = database_->run(
          "INSERT INTO received (kind, domain, organization, report_id, received_at, begin_at, "
          "end_at, "
          "passed, failed, authenticated, content) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
          {report.kind, report.domain, report.organization, report.report_id,
           number(report.received_at), number(report.begin), number(report.end),
           static_cast<std::int64_t>(report.passed), static_cast<std::int64_t>(report.failed),
           std::int64_t{report.authenticated}, report.content});
      !done)
    return done;
  if (auto done = database_->run("DELETE FROM received WHERE received_at < ?",
                                 {number(report.received_at - kKeepReceived)});
      !done)
    return done;
  if (auto done = database_->run(
          "DELETE FROM received WHERE id <= (SELECT id FROM received ORDER BY id DESC "
          "LIMIT 1 OFFSET ?)",
          {static_cast<std::int64_t>(kMaxReceived)});
      !done)
    return done;
  MAIL_TRY(make_room());
  return transaction->commit();
}

Result<std::vector<ReceivedReport>> ReportStore::received(const std::string& domain,
                                                          std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  auto query = database_->prepare(concat("SELECT ", kReceivedColumns,
                                         " FROM received WHERE ?1 = '' OR domain = ?1 "
                                         "ORDER BY received_at DESC, id DESC LIMIT ?2"),
                                  {domain, static_cast<std::int64_t>(limit)});
  if (!query) return std::unexpected(query.error());
  std::vector<ReceivedReport> out;
  for (;;) {
    bool more = false;
    MAIL_TRY(more, query->step());
    if (!more) return out;
    out.push_back(received_row(*query));
  }
}

Result<ReceivedReport> ReportStore::received_report(std::int64_t id) {
  const std::scoped_lock lock(mutex_);
  auto query =
      database_->prepare(concat("SELECT ", kReceivedColumns, " FROM received WHERE id = ?"), {id});
  if (!query) return std::unexpected(query.error());
  bool found = false;
  MAIL_TRY(found, query->step());
  if (!found) return fail(Errc::not_found, "no such report");
  return received_row(*query);
}

namespace {

// A lying date is kept within what a clock can say (years 1970 to 9999).
WallTime seconds(std::int64_t count) {
  return WallTime(std::chrono::seconds(std::clamp<std::int64_t>(count, 0, kLastSecond)));
}
WallTime within_reason(WallTime at) { return std::clamp(at, WallTime(), seconds(kLastSecond)); }

void describe_to(ReceivedReport& row, const AggregateReport& report) {
  row.kind = "dmarc";
  row.domain = report.policy.domain;
  row.organization = report.org_name;
  row.report_id = report.report_id;
  row.begin = seconds(report.begin);
  row.end = seconds(report.end);
  for (const ReportRow& one : report.rows) {
    (one.dkim == "pass" || one.spf == "pass" ? row.passed : row.failed) += one.count;
  }
  row.content = json::to_string(to_json(report));
}
void describe_to(ReceivedReport& row, const TlsReport& report) {
  row.kind = "tls";
  row.domain = report.policies.empty() ? "" : to_lower(report.policies.front().domain);
  row.organization = report.organization;
  row.report_id = report.report_id;
  row.begin = within_reason(report.begin.value_or(row.received_at));
  row.end = within_reason(report.end.value_or(row.received_at));
  for (const TlsPolicy& policy : report.policies) {
    row.passed += policy.successful_sessions;
    row.failed += policy.failed_sessions;
  }
  row.content = json::to_string(to_json(report));
}
void describe_to(ReceivedReport& row, const dsn::FeedbackReport& report) {
  row.kind = "complaint";
  row.domain = report.reported_domains.empty() ? "" : to_lower(report.reported_domains.front());
  row.organization = report.reporting_mta.empty() ? report.user_agent : report.reporting_mta;
  row.begin = row.end = within_reason(report.arrival.value_or(row.received_at));
  row.failed = report.incidents;
  row.content = json::to_string(json::Object{{"feedback_type", report.feedback_type},
                                             {"source_ip", report.source_ip},
                                             {"original_mail_from", report.original_mail_from},
                                             {"user_agent", report.user_agent},
                                             {"auth_failure", report.auth_failure}});
}

}  // namespace

ReceivedReport received(const Report& report, const std::string& carrier, WallTime at,
                        bool authenticated) {
  ReceivedReport row;
  row.received_at = at;
  row.authenticated = authenticated;
  std::visit([&row](const auto& one) { describe_to(row, one); }, report);
  if (row.report_id.empty()) row.report_id = carrier;
  return row;
}

}  // namespace mail::feedback
