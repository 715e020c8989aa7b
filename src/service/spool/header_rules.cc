#include "service/spool/header_rules.h"

#include <string>

#include "base/text.h"
#include "codec/message/trace.h"

namespace mail {

using Kind = smtp::CommitVerdict::Kind;

Kind check_header(const smtp::SmtpListener& listener, const message::HeaderSummary& summary) {
  if (summary.received_fields > kMaxReceivedFields) return Kind::too_many_hops;
  switch (listener.role) {
    case smtp::Role::mx:
      // None, or one that does not parse, is accepted: it only has no author domain (RFC 6854).
      if (listener.from_check && summary.from_fields > 1) return Kind::several_from;
      break;
    case smtp::Role::submission:
      if (summary.from_fields != 1 || !summary.from_valid) return Kind::bad_from;
      break;
    case smtp::Role::relay:
      break;
  }
  return Kind::accepted;
}

void fix_up_header(Draft& draft, std::size_t trace_size, const message::HeaderSummary& summary,
                   std::string_view hostname) {
  if (summary.has_bcc) {  // RFC 5322 §3.6.3, §3.6.6: the others must not see it
    const std::size_t removed = message::remove_fields(draft.content, trace_size, "Bcc") +
                                message::remove_fields(draft.content, trace_size, "Resent-Bcc");
    draft.header_size -= static_cast<std::uint32_t>(removed);
    draft.size -= removed;
  }
  std::string added;
  if (!summary.has_date) {  // RFC 6409 §8.2
    added.append("Date: ");
    message::append_date(added, draft.received_at);
    added.append("\r\n");
  }
  if (!summary.has_message_id) {  // RFC 6409 §8.3
    append(added, "Message-ID: <", draft.id.to_string(), '@', hostname, ">\r\n");
  }
  if (added.empty()) return;
  draft.content.insert(trace_size, added);
  draft.header_size += static_cast<std::uint32_t>(added.size());
  draft.size += added.size();
}

}  // namespace mail
