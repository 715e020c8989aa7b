// Who is told of what: asked by the queue for each recipient whose fate is known or who still
// waits. service/report decides; assembly binds it. Threads: all of it is called on the queue's
// thread and must not block.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "codec/envelope/options.h"
#include "codec/record/notice.h"

namespace mail {

class NoticePolicy {
 public:
  virtual ~NoticePolicy() = default;

  // `proposed` is complete: kind (failed, delayed, relayed, or delivered for LMTP), status, host,
  // diagnostic. What comes back is kept with the outcome; nothing: nobody is told. Not asked for
  // `relayed` where the next hop offers DSN (RFC 3461 §5.2.1), nor for `delayed` once it was told.
  virtual std::optional<record::Notice> decide(record::Notice proposed, const Recipient& recipient,
                                               const MailOptions& options) = 0;
  // These have notices on disk since now. A message may be named often.
  virtual void due(const std::vector<MessageId>& messages) = 0;
};

}  // namespace mail
