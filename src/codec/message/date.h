// The date-time of RFC 5322 §3.3, as fields have it, the obsolete forms of §4.3 too. Pure.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mail::message {

// Comments are passed over; the name of the day is optional and not compared; zones by name are
// those of RFC 5322 §4.3, others count as UTC. Fails with bad_syntax, also for a day or time that
// does not exist.
Result<WallTime> parse_date(std::string_view value);

}  // namespace mail::message
