#include "service/smtpd/client_table.h"

#include <algorithm>

#include "base/text.h"

namespace mail {
namespace {

constexpr std::size_t kMaxBlocked = 100'000;
constexpr Milliseconds kMinute{60'000};
constexpr Milliseconds kDay{86'400'000};

}  // namespace

std::string ClientTable::key_of(const IpAddress& address) {
  if (address.is_v4()) return address.to_string();
  IpAddress network = address;
  std::fill(network.bytes.begin() + 8, network.bytes.end(), std::uint8_t{0});
  return network.to_string();
}

ClientTable::Admission ClientTable::admit(const std::string& key, bool exempt,
                                          const SmtpLimits& limits, Limits& buckets, MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (total_ >= limits.max_connections) return Admission::server_full;
  if (!exempt) {
    if (const auto mine = open_.find(key);
        mine != open_.end() && mine->second >= limits.connections_per_client) {
      return Admission::client_full;
    }
    if (!buckets.take(concat("connect ", key), 1, {limits.connections_per_minute, kMinute}, now)) {
      return Admission::client_too_fast;
    }
  }
  ++open_[key];
  ++total_;
  return Admission::admitted;
}

void ClientTable::leave(const std::string& key) {
  const std::lock_guard lock(mutex_);
  --total_;
  const auto mine = open_.find(key);
  if (mine != open_.end() && --mine->second == 0) open_.erase(mine);
}

void ClientTable::login_failed(const std::string& key, const SmtpLimits& limits, Limits& buckets,
                               MonoTime now) {
  const bool minute =
      buckets.take(concat("login ", key), 1, {limits.failed_logins_per_minute, kMinute}, now);
  const bool day =
      buckets.take(concat("login-day ", key), 1, {limits.failed_logins_per_day, kDay}, now);
  if (minute && day) return;
  const std::lock_guard lock(mutex_);
  if (blocked_until_.size() >= kMaxBlocked) {
    std::erase_if(blocked_until_, [now](const auto& entry) { return entry.second <= now; });
    if (blocked_until_.size() >= kMaxBlocked) blocked_until_.clear();
  }
  // A day's bucket refills one token in this time; a minute's one in a few seconds.
  blocked_until_[key] = now + (day ? kMinute : kDay / std::max(limits.failed_logins_per_day, 1U));
}

bool ClientTable::login_blocked(const std::string& key, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto entry = blocked_until_.find(key);
  if (entry == blocked_until_.end()) return false;
  if (entry->second > now) return true;
  blocked_until_.erase(entry);
  return false;
}

}  // namespace mail
