#include "service/policy/local_limits.h"

#include <algorithm>
#include <vector>

namespace mail {

double LocalLimits::Bucket::level(MonoTime now) const {
  if (now <= at || rate.per.count() <= 0) return tokens;
  const double passed = std::chrono::duration<double, std::milli>(now - at).count();
  const double gained = passed * rate.tokens / static_cast<double>(rate.per.count());
  return std::min<double>(rate.tokens, tokens + gained);
}

bool LocalLimits::has(std::string_view key, std::uint32_t n, Rate rate, MonoTime now) const {
  const Shard& shard = shards_[TextHash{}(key) % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.buckets.find(key);
  return found == shard.buckets.end() ? n <= rate.tokens : found->second.level(now) >= n;
}

bool LocalLimits::take(std::string_view key, std::uint32_t n, Rate rate, MonoTime now) {
  Shard& shard = shards_[TextHash{}(key) % kShards];
  const std::lock_guard lock(shard.mutex);
  auto found = shard.buckets.find(key);
  if (found == shard.buckets.end()) {
    if (n > rate.tokens) return false;
    if (shard.buckets.size() >= max_per_shard_) make_room(shard, now);
    const Bucket full{.tokens = static_cast<double>(rate.tokens), .at = now, .rate = rate};
    found = shard.buckets.emplace(std::string(key), full).first;
  }
  Bucket& bucket = found->second;
  bucket.rate = rate;  // a reload may have changed it
  bucket.tokens = bucket.level(now);
  bucket.at = std::max(bucket.at, now);
  if (bucket.tokens < n) return false;
  bucket.tokens -= n;
  return true;
}

// Costs a walk over the shard, and frees a quarter of it at least: constant time for each take.
void LocalLimits::make_room(Shard& shard, MonoTime now) const {
  std::vector<double> fullness;
  fullness.reserve(shard.buckets.size());
  for (const auto& [key, bucket] : shard.buckets) {
    fullness.push_back(bucket.level(now) / std::max<double>(1, bucket.rate.tokens));
  }
  const std::size_t keep = fullness.size() - fullness.size() / 4 - 1;
  std::ranges::nth_element(fullness, fullness.begin() + static_cast<std::ptrdiff_t>(keep));
  const double bound = fullness[keep];
  // Among equals at the bound any may go, but no more than it takes.
  std::size_t left = shard.buckets.size() - keep;
  for (auto entry = shard.buckets.begin(); entry != shard.buckets.end();) {
    const Bucket& bucket = entry->second;
    const double level = bucket.level(now) / std::max<double>(1, bucket.rate.tokens);
    const bool goes = level >= 1 || (level >= bound && left > 0);
    if (goes && left > 0) --left;
    entry = goes ? shard.buckets.erase(entry) : std::next(entry);
  }
}

std::size_t LocalLimits::size() const {
  std::size_t keys = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    keys += shard.buckets.size();
  }
  return keys;
}

}  // namespace mail
