// Internet date and time in UTC, "2026-11-21T22:15:48Z" (RFC 3339 §5.6), as FUTURERELEASE has it
// (RFC 4865 §3).
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mail {

// Without fractions; years 0000 to 9999.
void append_date_time(std::string& out, WallTime at);
// Any offset, any case, fractions down to milliseconds. Fails with bad_syntax.
Result<WallTime> parse_date_time(std::string_view text);

}  // namespace mail
