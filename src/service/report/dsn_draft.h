// From notices that are due to the draft of the one message that tells them.
// Reads the original from the store; everything else is an argument. Threads: the caller's.
#pragma once

#include <span>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "codec/dsn/dsn.h"
#include "service/routing/placer.h"
#include "service/store/mail_store.h"

namespace mail::report {

// At most this many DSNs about one message; the last one says so (security.md 20).
inline constexpr std::uint32_t kMaxTold = 10;

// Facts of a DSN's `received` event, by which one that comes back is known as ours.
inline constexpr std::string_view kReportFact = "report_about";
inline constexpr std::string_view kPostmasterFact = "postmaster_told_about";

struct Telling {
  std::string hostname;
  std::string to;         // whom it is sent to; not the null path
  std::string_view fact;  // one of the two above
  WallTime now;
};

// The DSN about `original` as bytes, with what its MAIL needs. `notices` are all to one person and
// at least one. Content that is damaged or gone is left out; other errors are the store's. The
// references must outlive the task.
Task<Result<dsn::Notice>> compose_dsn(MailStore& store, const Telling& telling,
                                      const record::Envelope& original,
                                      std::span<const DueNotice> notices, MessageId id);

// The draft that sends it. Where its recipient cannot be reached it is bounced at once, with a
// notice of its own that comes back as a double bounce.
Draft draft_of(const Telling& telling, dsn::Notice notice, MessageId id, MessageId about,
               std::span<const DueNotice> tells, const DraftPlacer& placer);

}  // namespace mail::report
