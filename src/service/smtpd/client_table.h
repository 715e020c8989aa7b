// Who is connected: the limits per client, per network and in all (security.md §3). An IPv6 client
// is a /64; a network is a /24, with IPv6 a /48. Any thread; one mutex, taken at connect and leave.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "codec/address/ip_address.h"
#include "platform/os/memory.h"
#include "service/auth/login_throttle.h"
#include "service/policy/limits.h"

namespace mail {

struct SmtpLimits {
  std::uint32_t max_connections = 10'000;
  std::uint32_t connections_per_client = 50;
  std::uint32_t connections_per_minute = 60;
  std::uint32_t messages_per_minute = 300;
  std::uint32_t connections_per_network = 500;
  std::uint32_t network_connections_per_minute = 600;
  std::uint32_t network_messages_per_minute = 3'000;
  LoginLimits failed_logins;
  std::uint32_t recipients_per_hour = 1'000;  // of one account
  // Of strangers on mx listeners; those on loopback only where that is wanted.
  std::uint32_t sender_per_minute = 300;
  std::uint32_t recipient_per_minute = 120;
  std::uint32_t unknown_recipients_per_minute = 30;
  bool rate_loopback = false;
};

// Under which a client is counted.
struct ClientKeys {
  std::string client;   // "192.0.2.1", "2001:db8:1:2::"
  std::string network;  // "192.0.2.0/24", "2001:db8:1::/48"
};
ClientKeys keys_of(const IpAddress& address);

class ClientTable {
 public:
  explicit ClientTable(std::uint64_t memory = os::memory_limit()) : memory_(memory) {}

  enum class Admission : std::uint8_t {
    admitted,
    server_full,
    no_memory,
    client_full,
    client_too_fast,
    network_full,
    network_too_fast
  };
  // `exempt`: in [relay] networks. Whoever is admitted must leave() again.
  Admission admit(const ClientKeys& keys, bool exempt, const SmtpLimits& limits, Limits& buckets,
                  MonoTime now);
  void leave(const ClientKeys& keys);

  std::size_t connections() const { return total_; }
  // Few connections are left, or little memory: idle ones get less time.
  bool stressed(const SmtpLimits& limits) const {
    return memory_.was_short() || total_ * 10 > std::size_t{limits.max_connections} * 9;
  }

 private:
  std::mutex mutex_;
  using Open = std::unordered_map<std::string, std::uint32_t>;  // connections
  static std::uint32_t count_of(const Open& open, const std::string& key);
  static void forget_one(Open& open, const std::string& key);
  Open by_client_;
  Open by_network_;
  std::atomic<std::size_t> total_{0};
  os::MemoryWatch memory_;
};

}  // namespace mail
