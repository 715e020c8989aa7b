// Who is connected: the limits per client address and in all (security.md §3). IPv6 clients count
// by /64. Any thread; one mutex, taken at connect and leave.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "codec/address/ip_address.h"
#include "service/auth/login_throttle.h"
#include "service/policy/limits.h"

namespace mail {

struct SmtpLimits {
  std::uint32_t max_connections = 10'000;
  std::uint32_t connections_per_client = 50;
  std::uint32_t connections_per_minute = 60;
  std::uint32_t messages_per_minute = 300;
  LoginLimits failed_logins;
  std::uint32_t recipients_per_hour = 1'000;  // of one account
};

class ClientTable {
 public:
  // "192.0.2.1", "2001:db8:1:2::": under which a client is counted.
  static std::string key_of(const IpAddress& address);

  enum class Admission : std::uint8_t { admitted, server_full, client_full, client_too_fast };
  // `exempt`: in [relay] networks. Whoever is admitted must leave() again.
  Admission admit(const std::string& key, bool exempt, const SmtpLimits& limits, Limits& buckets,
                  MonoTime now);
  void leave(const std::string& key);

  std::size_t connections() const { return total_; }
  // Few connections are left: idle ones get less time.
  bool stressed(const SmtpLimits& limits) const {
    return total_ * 10 > std::size_t{limits.max_connections} * 9;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> open_;  // connections by client
  std::atomic<std::size_t> total_{0};
};

}  // namespace mail
