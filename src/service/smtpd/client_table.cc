#include "service/smtpd/client_table.h"

#include <algorithm>

#include "base/text.h"

namespace mail {
namespace {

constexpr Milliseconds kMinute{60'000};

}  // namespace

ClientKeys keys_of(const IpAddress& address) {
  const bool v4 = address.is_v4();
  const auto cut = [&address](std::size_t octets) {
    IpAddress network = address;
    std::fill(network.bytes.begin() + static_cast<std::ptrdiff_t>(octets), network.bytes.end(),
              std::uint8_t{0});
    return network.to_string();
  };
  return {v4 ? address.to_string() : cut(8), concat(cut(v4 ? 15 : 6), v4 ? "/24" : "/48")};
}

std::uint32_t ClientTable::count_of(const Open& open, const std::string& key) {
  const auto found = open.find(key);
  return found == open.end() ? 0 : found->second;
}

void ClientTable::forget_one(Open& open, const std::string& key) {
  const auto found = open.find(key);
  if (found != open.end() && --found->second == 0) open.erase(found);
}

ClientTable::Admission ClientTable::admit(const ClientKeys& keys, bool exempt,
                                          const SmtpLimits& limits, Limits& buckets, MonoTime now) {
  if (memory_.is_short(now)) return Admission::no_memory;
  const std::lock_guard lock(mutex_);
  if (total_ >= limits.max_connections) return Admission::server_full;
  if (!exempt) {
    if (count_of(by_client_, keys.client) >= limits.connections_per_client) {
      return Admission::client_full;
    }
    if (count_of(by_network_, keys.network) >= limits.connections_per_network) {
      return Admission::network_full;
    }
    if (!buckets.take(concat("connect ", keys.client), 1, {limits.connections_per_minute, kMinute},
                      now)) {
      return Admission::client_too_fast;
    }
    if (!buckets.take(concat("connect ", keys.network), 1,
                      {limits.network_connections_per_minute, kMinute}, now)) {
      return Admission::network_too_fast;
    }
  }
  ++by_client_[keys.client];
  ++by_network_[keys.network];
  ++total_;
  return Admission::admitted;
}

void ClientTable::leave(const ClientKeys& keys) {
  const std::lock_guard lock(mutex_);
  --total_;
  forget_one(by_client_, keys.client);
  forget_one(by_network_, keys.network);
}

}  // namespace mail
