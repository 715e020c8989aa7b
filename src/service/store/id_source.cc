#include "service/store/id_source.h"

#include <algorithm>

namespace mail {
namespace {
constexpr std::uint32_t kCounters = 1U << 20;
}  // namespace

std::uint64_t IdSource::now() const {
  const auto ms = clock_.wall_now().time_since_epoch().count();
  return ms < 0 ? 0 : static_cast<std::uint64_t>(ms);
}

void IdSource::start_above(std::uint64_t used) {
  const std::lock_guard lock(mutex_);
  if (used < last_) return;
  last_ = used + 1;
  counter_ = 0;
}

void IdSource::reserved(std::uint64_t up_to) {
  const std::lock_guard lock(mutex_);
  reserved_ = std::max(reserved_, up_to);
}

std::uint64_t IdSource::wanted() const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t base = std::max(now(), last_);
  return base + kReserveAhead / 2 <= reserved_ ? 0 : base + kReserveAhead;
}

MessageId IdSource::next() {
  const std::lock_guard lock(mutex_);
  // A clock that leapt past the reservation waits there, on the counter, for the next one.
  const std::uint64_t wish = std::min(now(), reserved_);
  if (wish > last_) {
    last_ = wish;
    counter_ = 0;
  } else if (counter_ == kCounters) {
    ++last_;
    counter_ = 0;
  }
  return MessageId::make(last_, node_, counter_++);
}

}  // namespace mail
