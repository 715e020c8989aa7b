#include "service/smtpd/client_table.h"

#include <algorithm>

#include "base/text.h"

namespace mail {
namespace {

constexpr Milliseconds kMinute{60'000};

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

}  // namespace mail
