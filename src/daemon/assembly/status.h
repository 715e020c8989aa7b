// What the running server says of itself, as values; `mailwright status` prints it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "service/store/mail_store.h"

namespace mail {

inline constexpr std::string_view kVersion = "0.1.0";

struct ListenerStatus {
  std::string address;  // the real one: where the configuration says port 0, the port chosen
  std::string role;
  std::string tls;
};

struct ServerStatus {
  std::string version;
  std::string hostname;
  std::string state;
  std::int64_t process = 0;
  WallTime started_at;
  std::vector<ListenerStatus> listeners;
  Counters counters;
  bool store_healthy = false;
  bool storage_low = false;
  std::vector<std::string> restart_needed;  // changed settings that a reload could not take
};

}  // namespace mail
