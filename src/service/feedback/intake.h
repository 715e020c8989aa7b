// Reads the reports that others send us, out of mail to the addresses that take them: as it comes
// in, before it is delivered like any other. Aggregate and TLS reports go into the report store; a
// complaint about mail of ours joins that message's timeline as `complained`.
//
// A judge, and one that always accepts: a report that cannot be read is a letter to postmaster.
// Threads: as a Judge; what is read is unpacked and kept on the pool.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "service/directory/control_store.h"
#include "service/feedback/report_store.h"
#include "service/policy/verdict.h"
#include "service/store/mail_store.h"

namespace mail::feedback {

// Local parts at every domain here that reports are read from. RFC 2142 and custom name the first
// ones; what a domain's own DMARC and TLSRPT records say goes to these too (`domain dns`).
bool takes_reports(std::string_view local_part);

inline constexpr std::size_t kMaxReportMail = std::size_t{12} << 20;  // larger mail is not read

class Intake final : public Judge {
 public:
  // All of it outlives the judge; the pool is emptied before any of it goes.
  Intake(ReportStore& reports, MailStore& store, ControlStore& control, WorkerPool& pool,
         const Clock& clock)
      : reports_(reports), store_(store), control_(control), pool_(pool), clock_(clock) {}

  std::unique_ptr<Hearing> open(const Case& of) override;

 private:
  class Listening;
  Task<void> take(std::string content, MessageId carrier, bool authenticated);
  Task<void> complain(const dsn::FeedbackReport& report, MessageId carrier, bool authenticated);

  ReportStore& reports_;
  MailStore& store_;
  ControlStore& control_;
  WorkerPool& pool_;
  const Clock& clock_;
};

// The message of ours that a complaint is about, as far as its header tells: the first id of our
// form in its Received fields (RFC 5321 §4.4). Whether we know it, the store says.
std::optional<MessageId> message_complained_of(std::string_view original_header);

}  // namespace mail::feedback
