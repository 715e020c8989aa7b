// From what happened to what is kept: an attempt, a failed connection or an operator's word becomes
// an Outcome with its events, notices and the new due time of those who wait on.
// Pure but for the random numbers and the NoticePolicy it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/record/notice.h"
#include "codec/smtp/client_verdict.h"
#include "service/outbound/courier.h"
#include "service/queue/queue_settings.h"
#include "service/queue/waiting.h"
#include "service/report/notice_policy.h"
#include "service/routing/placer.h"
#include "service/store/outcome.h"

namespace mail::queue {

// A try that was made for some recipients of a delivery, or stands for one: with its words.
struct Tried {
  WallTime began;
  Milliseconds took{0};
  const ConnectionFacts& connection;
  bool maybe_delivered = false;
  bool lmtp = false;
};

class Settlement {
 public:
  using Dice = std::function<std::uint64_t()>;
  Settlement(NoticePolicy& notices, Dice dice) : notices_(notices), dice_(std::move(dice)) {}

  void set(QueueSettings settings) { settings_ = std::move(settings); }
  // While the clock is in doubt nothing expires (security.md 14).
  void pause_expiry(bool paused) { expiry_paused_ = paused; }

  Outcome of_attempt(const Loaded& load, const Attempt& attempt, bool lmtp, WallTime now);
  // No host was reached, or DNS says nothing: one verdict for all recipients.
  Outcome of_trouble(const Loaded& load, const SiteTrouble& trouble, WallTime began, WallTime now);
  // Such a deferral would end it, or its sender would be told that it is late.
  bool trouble_matters(const Loaded& load, const SiteTrouble& trouble, WallTime began,
                       WallTime now);

  // RFC 2852 §4.1.3: by-mode "R" and its time has come; no further try may be made.
  static bool past_deadline(const Loaded& load, WallTime now);
  Outcome of_deadline(const Loaded& load, WallTime now);

  // What an operator says.
  Outcome of_bounce(const Loaded& load, Place place, std::string_view enhanced,
                    std::string_view why, WallTime now);
  static Outcome of_hold(const Loaded& load, std::string reason, WallTime now);
  // It goes another way now: to another queue, to a mailbox, aside.
  Outcome of_placement(const Loaded& load, Place place, Placement placement, WallTime now);
  static Outcome of_move(const Loaded& load, QueueName queue, WallTime due, WallTime now);
  static Outcome of_discard(const Loaded& load, WallTime now);

 private:
  RecipientOutcome judge(const Loaded& load, const record::PendingRecipient& recipient,
                         const smtp::Verdict& verdict, const Tried& tried, WallTime now);
  RecipientOutcome end(const Loaded& load, const record::PendingRecipient& recipient,
                       RecipientOutcome::Kind kind, std::string_view enhanced, std::string_view why,
                       WallTime now);
  Outcome with_rest(const Loaded& load, std::vector<RecipientOutcome> recipients,
                    std::uint32_t attempts, WallTime now);
  std::vector<record::Notice> notices_of_mailboxes(const Loaded& load, const Placement& placement,
                                                   WallTime now);
  void add_notices_of_expanded(const Loaded& load, const Placement& placement, WallTime now,
                               std::vector<record::Notice>& notices);
  bool overdue(const Loaded& load, WallTime began) const;
  bool late(const Loaded& load, WallTime now) const;

  NoticePolicy& notices_;
  Dice dice_;
  QueueSettings settings_;
  bool expiry_paused_ = false;
};

}  // namespace mail::queue
