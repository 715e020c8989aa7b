#include "service/store/staging.h"

#include <numeric>

namespace mail {

Result<void> Staging::admit(MessageId id, std::uint32_t number, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = chunks_.find(id);
  const std::size_t before = found == chunks_.end() ? 0 : found->second.size();
  if (before == 0 && number > 1) {
    return fail(Errc::store_unhealthy, "what arrived before is gone: the store was opened anew");
  }
  if (number != before + 1) {
    return fail(Errc::invalid_argument, "chunks are staged in order, from 1");
  }
  if (bytes_ + size > limit_) {
    return fail(Errc::storage_full, "too much is staged for messages that are still arriving");
  }
  bytes_ += size;
  chunks_[id].push_back(size);
  return {};
}

void Staging::withdraw(MessageId id) {
  const std::lock_guard lock(mutex_);
  const auto found = chunks_.find(id);
  if (found == chunks_.end()) return;  // cleared meanwhile
  bytes_ -= found->second.back();
  found->second.pop_back();
  if (found->second.empty()) chunks_.erase(found);
}

std::vector<std::uint64_t> Staging::sizes(MessageId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = chunks_.find(id);
  return found == chunks_.end() ? std::vector<std::uint64_t>{} : found->second;
}

std::uint32_t Staging::forget(MessageId id) {
  const std::lock_guard lock(mutex_);
  const auto taken = chunks_.extract(id);
  if (taken.empty()) return 0;
  bytes_ -= std::accumulate(taken.mapped().begin(), taken.mapped().end(), std::uint64_t{0});
  return static_cast<std::uint32_t>(taken.mapped().size());
}

void Staging::clear() {
  const std::lock_guard lock(mutex_);
  chunks_.clear();
  bytes_ = 0;
}

}  // namespace mail
