#include "service/auth/login_throttle.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "platform/tls/digest.h"

namespace mail {
namespace {

constexpr Milliseconds kMinute{60'000};
constexpr Milliseconds kDay{86'400'000};
constexpr auto kKnownFor = 30 * kDay;
constexpr std::uint32_t kForNetwork = 10;  // times the limits
constexpr std::uint32_t kForKnown = 10;

IpAddress without_host(IpAddress address, std::size_t octets) {
  std::fill(address.bytes.begin() + static_cast<std::ptrdiff_t>(octets), address.bytes.end(),
            std::uint8_t{0});
  return address;
}

// Makes room for one more. What is over goes; where that is not a quarter of it, what ranks lowest.
template <typename Map, typename IsOver, typename Rank>
void make_room(Map& map, std::size_t max_entries, IsOver is_over, Rank rank) {
  if (map.size() < max_entries) return;
  std::erase_if(map, [&](const auto& entry) { return is_over(entry.second); });
  const std::size_t keep = max_entries - max_entries / 4 - 1;
  if (map.size() <= keep) return;
  std::vector<decltype(rank(map.begin()->second))> ranks;
  ranks.reserve(map.size());
  for (const auto& [key, value] : map) ranks.push_back(rank(value));
  const std::size_t surplus = map.size() - keep;
  std::ranges::nth_element(ranks, ranks.begin() + static_cast<std::ptrdiff_t>(surplus - 1));
  const auto bound = ranks[surplus - 1];
  std::size_t left = surplus;
  for (auto entry = map.begin(); entry != map.end() && left > 0;) {
    const bool goes = !(bound < rank(entry->second));
    if (goes) --left;
    entry = goes ? map.erase(entry) : std::next(entry);
  }
}

}  // namespace

LoginThrottle::LoginThrottle(const Clock& clock, std::size_t max_entries)
    : clock_(clock), max_entries_(std::max<std::size_t>(max_entries, 4)) {
  SystemRandom().fill(key_);
}

LoginThrottle::Attempt LoginThrottle::attempt(const IpAddress& from, std::string_view user,
                                              std::string_view password) const {
  Attempt out;
  if (from.is_v4()) {
    out.address = from.to_string();
    out.network = concat(without_host(from, 15).to_string(), "/24");
  } else {
    out.address = without_host(from, 8).to_string();
    out.network = concat(without_host(from, 6).to_string(), "/48");
  }
  out.user_there = concat(out.address, ' ', to_lower(user));
  // The length keeps user and password apart.
  std::string bytes = concat(out.user_there, ' ', password, ' ', password.size());
  const std::array<std::uint8_t, 32> digest = tls::hmac_sha256(key_, bytes);
  std::memcpy(&out.digest, digest.data(), sizeof out.digest);
  explicit_bzero(bytes.data(), bytes.size());
  return out;
}

bool LoginThrottle::is_known(const std::string& who, MonoTime now) const {
  const auto found = last_login_.find(who);
  return found != last_login_.end() && now - found->second < kKnownFor;
}

bool LoginThrottle::too_many(const std::string& who, const LoginLimits& limits, std::uint32_t times,
                             MonoTime now) const {
  const auto found = failures_.find(who);
  if (found == failures_.end()) return false;
  const Failures& failures = found->second;
  const bool minute = now - failures.minute_began < kMinute &&
                      failures.in_minute >= std::uint64_t{limits.per_minute} * times;
  const bool day =
      now - failures.day_began < kDay && failures.in_day >= std::uint64_t{limits.per_day} * times;
  return minute || day;
}

bool LoginThrottle::admits(const Attempt& attempt, const LoginLimits& limits) {
  const MonoTime now = clock_.mono_now();
  const std::lock_guard lock(mutex_);
  if (is_known(attempt.user_there, now)) {
    return !too_many(attempt.user_there, limits, kForKnown, now);
  }
  if (is_known(attempt.address, now)) return !too_many(attempt.address, limits, kForKnown, now);
  return !too_many(attempt.address, limits, 1, now) &&
         !too_many(attempt.network, limits, kForNetwork, now);
}

void LoginThrottle::count(const std::string& who, MonoTime now) {
  auto found = failures_.find(who);
  if (found == failures_.end()) {
    // Who has failed most stays known.
    make_room(
        failures_, max_entries_,
        [now](const Failures& each) { return now - each.day_began >= kDay; },
        [](const Failures& each) { return each.in_day; });
    found = failures_.emplace(who, Failures{now, now}).first;
  }
  Failures& failures = found->second;
  if (now - failures.minute_began >= kMinute)
    failures = {now, failures.day_began, 0, failures.in_day};
  if (now - failures.day_began >= kDay) failures = {now, now, 0, 0};
  ++failures.in_minute;
  ++failures.in_day;
}

void LoginThrottle::failed(const Attempt& attempt) {
  const MonoTime now = clock_.mono_now();
  const auto since = [](MonoTime at) { return at; };
  const std::lock_guard lock(mutex_);
  const auto seen = seen_wrong_.find(attempt.digest);
  if (seen != seen_wrong_.end() && now - seen->second < kDay) return;
  if (seen == seen_wrong_.end()) {
    make_room(seen_wrong_, max_entries_, [now](MonoTime at) { return now - at >= kDay; }, since);
  }
  seen_wrong_[attempt.digest] = now;
  if (is_known(attempt.user_there, now)) return count(attempt.user_there, now);
  count(attempt.address, now);
  if (!is_known(attempt.address, now)) count(attempt.network, now);
}

void LoginThrottle::succeeded(const Attempt& attempt) {
  const MonoTime now = clock_.mono_now();
  const std::lock_guard lock(mutex_);
  for (const std::string* who : {&attempt.address, &attempt.user_there}) {
    if (const auto found = last_login_.find(*who); found != last_login_.end()) {
      found->second = now;
      continue;
    }
    make_room(
        last_login_, max_entries_, [now](MonoTime at) { return now - at >= kKnownFor; },
        [](MonoTime at) { return at; });
    last_login_.emplace(*who, now);
  }
}

std::size_t LoginThrottle::entries() const {
  const std::lock_guard lock(mutex_);
  return failures_.size() + last_login_.size() + seen_wrong_.size();
}

}  // namespace mail
