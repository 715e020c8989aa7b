// What the file says of who is let in: [policy], [[blocklist]], [greylist].
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "codec/address/ip_address.h"

namespace mail {

// As service/door has it.
enum class PolicyMode : std::uint8_t { observe, junk, balanced, enforce };

struct PolicySettings {
  PolicyMode mode = PolicyMode::balanced;
  std::vector<std::string> observe;  // recipient domains with another mode than that
  std::vector<std::string> junk;
  std::vector<std::string> balanced;
  std::vector<std::string> enforce;
  std::uint32_t junk_score = 0;
  std::uint32_t reject_score = 0;
  std::vector<std::string> trusted_forwarders;
  bool judge_loopback = false;
};

struct BlocklistRow {
  std::string zone;
  std::uint32_t weight = 0;
  bool allow = false;
  bool domains = false;
  std::vector<IpNetwork> answers;
  std::string reply;
};

struct GreylistSettings {
  bool enabled = false;
  std::chrono::seconds delay{0};
  std::chrono::seconds keep{0};
};

}  // namespace mail
