#include "service/queue/backoff.h"

#include <algorithm>
#include <cstdint>

namespace mail::queue {

Milliseconds backoff(std::uint32_t failures, Milliseconds least, Milliseconds most,
                     std::uint64_t random) {
  Milliseconds base = least;
  for (std::uint32_t doubled = 1; doubled < failures && base < most; ++doubled) base *= 2;
  base = std::min(base, most);
  const Milliseconds from = std::max(least, base * 3 / 4);
  const Milliseconds to = std::min(most, base * 5 / 4);
  if (from >= to) return std::max(to, Milliseconds(1));
  const auto width = static_cast<std::uint64_t>((to - from).count()) + 1;
  return from + Milliseconds(static_cast<std::int64_t>(random % width));
}

}  // namespace mail::queue
