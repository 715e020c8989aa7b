// What the configuration says of the programs beside us that judge mail: rspamd, clamd, mail
// filters (milters).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace mail {

// What becomes of mail when such a program is away or too slow.
enum class OnFailure : std::uint8_t { tempfail, accept };

// One of them; not each uses all.
struct NeighbourRow {
  std::string address;  // IP address and port, or the absolute path of a socket; empty: none
  std::vector<std::string> roles;
  std::chrono::seconds timeout{0};
  OnFailure on_failure = OnFailure::tempfail;
  std::uint32_t connections = 0;
  std::uint64_t max_size = 0;
};

}  // namespace mail
