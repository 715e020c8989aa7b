// Message ids: unique for ever, also when the clock goes back or the process dies (design §3, Ids).
// The millisecond of an id is never above what is reserved on disk, and after a start never at or
// below it; so two lives of one store share no id. Who owns the store reserves ahead.
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "base/ids.h"

namespace mail {

class IdSource {
 public:
  static constexpr std::uint64_t kReserveAhead = 10'000;  // ms

  IdSource(const Clock& clock, std::uint16_t node) : clock_(clock), node_(node) {}

  // Ids begin above `used`, the highest millisecond that any earlier life may have used.
  void start_above(std::uint64_t used);
  // The reservation that is safe on disk; lower ones than before are ignored.
  void reserved(std::uint64_t up_to);
  // What to reserve next, or 0 while at least half of the reservation lies ahead.
  std::uint64_t wanted() const;

  MessageId next();

 private:
  std::uint64_t now() const;

  const Clock& clock_;
  const std::uint16_t node_;
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;  // millisecond of the last id
  std::uint32_t counter_ = 0;
  std::uint64_t reserved_ = 0;
};

}  // namespace mail
