// What each role of listener asks of a header block, and what submission puts right in it
// (design §7, table of roles; RFC 6409 §6.3, §8). Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "codec/message/header_block.h"
#include "codec/smtp/listener.h"
#include "codec/smtp/verdicts.h"
#include "service/store/draft.h"

namespace mail {

inline constexpr std::uint32_t kMaxReceivedFields = 100;  // RFC 5321 §6.3

// `accepted`, or why not.
smtp::CommitVerdict::Kind check_header(const smtp::SmtpListener& listener,
                                       const message::HeaderSummary& summary);

// Takes Bcc out and adds Date and Message-ID where they are missing, behind the trace fields, and
// keeps the draft's sizes right. The body is not touched.
void fix_up_header(Draft& draft, std::size_t trace_size, const message::HeaderSummary& summary,
                   std::string_view hostname);

}  // namespace mail
