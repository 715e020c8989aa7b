// Token buckets by key, in process. An interface so that a shared Limits can stand behind it later.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace mail {

struct Rate {
  std::uint32_t tokens = 60;  // the bucket's size
  Milliseconds per{60'000};   // the time in which an empty bucket fills
};

class Limits {
 public:
  virtual ~Limits() = default;
  // Whether n tokens are there; and takes them if they are. Any thread; memory is bounded (full
  // buckets are forgotten).
  virtual bool has(std::string_view key, std::uint32_t n, Rate rate, MonoTime now) const = 0;
  virtual bool take(std::string_view key, std::uint32_t n, Rate rate, MonoTime now) = 0;
};

}  // namespace mail
