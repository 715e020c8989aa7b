// Who has failed to log in too often, by address (security.md 42), for every protocol together.
// Any thread; one mutex. Memory is bounded, and forgotten at a restart: then everybody starts anew.
//
// - An address (IPv6: a /64) may fail per_minute and per_day times; its network (IPv4: /24, IPv6:
//   /48) ten times as often in all. Beyond that nothing is tried until the minute or day, which
//   began with its first failure, is over.
// - The same wrong password for the same user counts once a day for an address, so that one phone
//   with an old password does not lock out its office.
// - An address from which somebody logged in within 30 days has ten times the limits, whatever its
//   network does; and each user who did has limits of his own there, so that no stranger, not even
//   one behind the same address, locks him out.
// Logins under way are not counted: as many as an address may have connections can get through.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "codec/address/ip_address.h"

namespace mail {

struct LoginLimits {
  std::uint32_t per_minute = 10;
  std::uint32_t per_day = 50;
};

class LoginThrottle {
 public:
  explicit LoginThrottle(const Clock& clock, std::size_t max_entries = 100'000);

  // One login. Of the password it holds a digest under a key that only this process has.
  struct Attempt {
    std::string address;  // "192.0.2.1", "2001:db8:1:2::"
    std::string network;  // "192.0.2.0/24", "2001:db8:1::/48"
    std::string user_there;
    std::uint64_t digest = 0;  // of address, user and password
  };
  Attempt attempt(const IpAddress& from, std::string_view user, std::string_view password) const;

  bool admits(const Attempt& attempt, const LoginLimits& limits);
  void failed(const Attempt& attempt);
  void succeeded(const Attempt& attempt);

  std::size_t entries() const;  // all that is remembered

 private:
  struct Failures {
    MonoTime minute_began;
    MonoTime day_began;
    std::uint32_t in_minute = 0;
    std::uint32_t in_day = 0;
  };
  bool is_known(const std::string& who, MonoTime now) const;
  bool too_many(const std::string& who, const LoginLimits& limits, std::uint32_t times,
                MonoTime now) const;
  void count(const std::string& who, MonoTime now);

  const Clock& clock_;
  const std::size_t max_entries_;  // of each table
  std::array<std::byte, 32> key_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Failures> failures_;      // by address, network, user there
  std::unordered_map<std::string, MonoTime> last_login_;    // by address, user there
  std::unordered_map<std::uint64_t, MonoTime> seen_wrong_;  // by digest
};

}  // namespace mail
