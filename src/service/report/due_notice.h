// Who is to be told of what became of a recipient (RFC 3461 §5.2, security.md 20-21).
// Pure.
#pragma once

#include <string_view>

#include "codec/envelope/options.h"
#include "codec/record/notice.h"

namespace mail::report {

// Whether a notice of this kind is due to the sender of a message with such a reverse path.
// `relayed` is asked only where the next hop does not offer DSN, so that nobody else will tell.
bool is_due(record::NoticeKind kind, const Notify& notify, std::string_view reverse_path,
            bool sender_is_local);

}  // namespace mail::report
