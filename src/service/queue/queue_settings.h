// What the administrator says about waiting and trying. Plain values: the daemon fills them in, at
// start and at every reload.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"

namespace mail {

struct QueueSettings {
  Milliseconds retry_for = std::chrono::days(5);  // RFC 5321 §4.5.4.1: at least 4-5 days
  Milliseconds retry_min = std::chrono::minutes(1);
  Milliseconds retry_max = std::chrono::hours(4);
  Milliseconds delay_notice_after = std::chrono::hours(4);
  std::uint32_t connections_per_site = 20;
  std::uint32_t messages_per_job = 50;
  // A lane is "account/stream", or a stream alone. Weights are per stream; what is not named has
  // kLaneWeight.
  std::map<std::string, std::uint32_t> stream_weights = {{"transactional", 40}, {"bulk", 2}};
  std::size_t window = 50'000;                // deliveries in memory; the others wait on disk
  std::size_t content_memory = 64ULL << 20U;  // octets of content held for fresh mail
};

inline constexpr std::uint32_t kLaneWeight = 10;

}  // namespace mail
