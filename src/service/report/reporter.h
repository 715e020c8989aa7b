// Tells senders what became of their mail: notices that are due become DSNs (RFC 3461, 3464;
// security.md 20). A notice lies in the store with the outcome that caused it, and goes in the
// batch of the DSN that tells it: none is lost, none is told twice, whenever the process dies.
//
// Notices of one message share one DSN, sent as soon as no delivery of the message is in its first
// attempt, 60 s after the first notice at the latest; at most 10 a message. Mail from the null path
// is told to nobody, but when a DSN of ours cannot be delivered, postmaster reads of it, at most 60
// times an hour; what becomes of that is told to nobody.
//
// Threads: decide() and due() any thread, never blocking. tick() on one thread that serves an
// executor, about once a second, never twice at once. What the store refuses is tried again.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "service/report/draft_signer.h"
#include "service/report/dsn_draft.h"
#include "service/report/notice_policy.h"
#include "service/report/rate_cap.h"
#include "service/routing/placer.h"
#include "service/store/enqueued.h"
#include "service/store/mail_store.h"

namespace mail {

struct ReportSettings {
  std::string hostname;    // Reporting-MTA, and what is behind the @ of Message-IDs
  std::string postmaster;  // reads of double bounces; "": postmaster@hostname
  std::size_t postmaster_an_hour = 60;
  std::size_t sender_an_hour = 1000;  // DSNs to one address; more of them wait
};

class Reporter final : public NoticePolicy {
 public:
  // All of it outlives the reporter.
  Reporter(MailStore& store, const DraftPlacer& placer, const Clock& clock, ReportSettings settings,
           const DraftSigner* signer = nullptr);

  std::optional<record::Notice> decide(record::Notice proposed, const Recipient& recipient,
                                       const MailOptions& options) override;
  void due(const std::vector<MessageId>& messages) override;

  // Sends what is due. The first calls also go through what an earlier life left. `outgoing` is
  // told of what went into queues.
  Task<void> tick(EnqueuedSink& outgoing);

 private:
  struct Waiting {
    MonoTime since;  // the first notice
    MonoTime next;   // when it is looked at again
  };
  enum class Done : std::uint8_t { yes, later };

  bool is_of_ours(const std::string& sender) const;
  void take_inbox();
  void add(MessageId message);
  Task<void> scan();
  Task<bool> in_first_attempt(MessageId message);
  Task<Done> tell(MessageId message, EnqueuedSink& outgoing);
  Task<Done> tell_one(const record::Envelope& original, std::string to,
                      std::vector<DueNotice> notices, EnqueuedSink& outgoing);
  Task<Done> tell_postmaster(const record::Envelope& original, std::vector<DueNotice> notices,
                             EnqueuedSink& outgoing);
  Task<Done> send(const report::Telling& telling, const record::Envelope& original,
                  const std::vector<DueNotice>& notices, EnqueuedSink& outgoing);
  Task<Done> drop(const std::vector<DueNotice>& notices);

  MailStore& store_;
  const DraftPlacer& placer_;
  const Clock& clock_;
  const ReportSettings settings_;
  const DraftSigner* signer_;  // null: notices leave unsigned

  std::mutex mutex_;
  std::vector<MessageId> inbox_;  // guarded by mutex_

  std::map<MessageId, Waiting> waiting_;
  bool scanning_ = true;  // the store may hold notices that are not in waiting_
  std::optional<MessageId> scanned_;
  report::RateCap to_postmaster_;
  report::RateCap to_sender_;
};

}  // namespace mail
