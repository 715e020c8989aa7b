// Logins that were right a while ago, so that a client that logs in for every message does not pay
// for a slow hash each time. Holds keyed digests only, under a key that dies with the process; the
// stored hash is part of each, so that a changed password is a stranger here. Failures are never
// kept. Any thread; one mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace mail {

class KnownLogins {
 public:
  explicit KnownLogins(const Clock& clock, std::size_t max_entries = 10'000);

  using Key = std::string;
  Key key(std::string_view account, std::string_view stored_hash, std::string_view password) const;
  bool contains(const Key& key) const;
  void add(Key key);  // for ten minutes from now

 private:
  const Clock& clock_;
  const std::size_t max_entries_;
  std::array<std::byte, 32> secret_;
  mutable std::mutex mutex_;
  std::unordered_map<Key, MonoTime> until_;
};

}  // namespace mail
