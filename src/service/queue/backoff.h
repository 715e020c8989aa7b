// How long to wait after the nth failure: doubling from `least` to `most`, with jitter, so that
// what failed together does not come back together (RFC 5321 §4.5.4.1). Pure.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace mail::queue {

// `random` is any 64 bits. Never less than `least` nor more than `most`; `failures` counts from 1.
Milliseconds backoff(std::uint32_t failures, Milliseconds least, Milliseconds most,
                     std::uint64_t random);

}  // namespace mail::queue
