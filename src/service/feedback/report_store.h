// What is known for reports, in state/reports.db (SQLite): what was observed of the mail of others'
// domains, to be told to them once a day; and the reports that others sent us. None of it is mail:
// losing the file loses statistics.
// Threads: any; every call waits for the disk, so never on an I/O thread. Bounded: see the limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "platform/sql/database.h"
#include "service/feedback/aggregate_report.h"
#include "service/feedback/reports.h"

namespace mail::feedback {

using Day = std::chrono::sys_days;  // of UTC

// One message, or `count` of them that were alike in all this.
struct Observation {
  Day day;
  PublishedPolicy policy;
  ReportRow row;  // with its count; extensions are not kept
};

inline constexpr std::size_t kMaxRowsPerReport = 10'000;  // what is behind is counted nowhere
inline constexpr std::size_t kMaxReceived = 100'000;      // reports kept; the oldest go first
inline constexpr std::size_t kMaxContent = std::size_t{8} << 20;  // octets of one; larger: not kept
inline constexpr std::int64_t kMaxFile = std::int64_t{1} << 30;   // octets in use; the oldest go
inline constexpr std::chrono::days kKeepReceived{400};
inline constexpr std::chrono::days kKeepObserved{7};  // a report that cannot be sent is given up

// A report of others, as lists show it.
struct ReceivedReport {
  std::int64_t id = 0;
  std::string kind;    // "dmarc", "tls", "complaint"
  std::string domain;  // of ours, that it is about
  std::string organization;
  std::string report_id;
  WallTime received_at;
  WallTime begin;
  WallTime end;
  std::uint64_t passed = 0;  // messages (dmarc), sessions (tls)
  std::uint64_t failed = 0;
  bool authenticated = false;  // its mail passed DMARC, or DKIM for its organization's domain
  std::string content;         // JSON, as to_json() has it
};

class ReportStore {
 public:
  // `most`: octets of the file in use, over which received reports go, the oldest first, and only
  // observations like those that are there are counted.
  static Result<std::unique_ptr<ReportStore>> open(const std::filesystem::path& file,
                                                   std::int64_t most = kMaxFile);

  Result<void> observe(std::span<const Observation> observations);
  // Domains with observations of days before `today` that nobody was told of, oldest first.
  struct Due {
    Day day;
    std::string domain;  // of the policy's record
  };
  Result<std::vector<Due>> due(Day today, std::size_t limit);
  // All rows of it, with the policy that most of them saw. not_found: nothing.
  Result<std::pair<PublishedPolicy, std::vector<ReportRow>>> rows(const Due& due);
  Result<void> forget(const Due& due);  // it was told, or nobody wants it
  Result<void> forget_before(Day day);  // what could not be told in time

  // already_exists: the same report came before. too_large: over kMaxContent.
  Result<void> keep(const ReceivedReport& report);
  // Newest first; empty: every domain.
  Result<std::vector<ReceivedReport>> received(const std::string& domain, std::size_t limit);
  Result<ReceivedReport> received_report(std::int64_t id);  // not_found

 private:
  Result<std::int64_t> rows_of(Day day, const std::string& domain);
  Result<bool> is_full();
  Result<void> make_room();
  ReportStore(std::unique_ptr<sql::Database> database, std::int64_t most)
      : database_(std::move(database)), most_(most) {}

  std::mutex mutex_;
  std::unique_ptr<sql::Database> database_;  // guarded by mutex_
  const std::int64_t most_;
};

// The row of a report that arrived, ready to be kept. `carrier` names its message, for reports that
// have no id of their own.
ReceivedReport received(const Report& report, const std::string& carrier, WallTime at,
                        bool authenticated);

}  // namespace mail::feedback
