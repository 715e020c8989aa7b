// What the door asks of strangers, as values. Immutable: a reload makes new ones.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address/ip_address.h"

namespace mail::door {

// What becomes of mail that fails, by the recipient's domain (decision.h has the rules).
enum class Mode : std::uint8_t { observe, junk, balanced, enforce };

// A DNS list of addresses, or of domain names (RFC 5782).
struct List {
  std::string zone;      // without final dot
  double weight = 5;     // points
  bool allow = false;    // being on it speaks for the client
  bool domains = false;  // it lists names: those in HELO, MAIL and From are looked for
  // Answers that count; empty: 127.0.0.0/8 but for 127.255.255.0/24, where lists say that they do
  // not serve who asks.
  std::vector<IpNetwork> answers;
  // To those refused for it; "{address}" stands for theirs, "{domain}" for the name that is listed.
  std::string reply;
};

struct Greylist {
  bool enabled = false;
  std::chrono::seconds delay{300};
  std::chrono::seconds keep{35 * 86'400};
};

struct Settings {
  Mode mode = Mode::balanced;
  std::map<std::string, Mode, std::less<>> by_domain;  // A-labels, lower case
  double junk_score = 5;
  double reject_score = 10;
  std::vector<std::string> trusted_forwarders;  // d= of ARC sealers, lower case
  bool judge_loopback = false;
  std::vector<List> lists;
  Greylist greylist;

  Mode mode_of(std::string_view domain) const {
    const auto found = by_domain.find(domain);
    return found == by_domain.end() ? mode : found->second;
  }
};

}  // namespace mail::door
