// One script, played to the session and to the model side by side; the first thing they differ in.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "script.h"

namespace mail::model {

// What the sequences reached, so that a run which reached nothing can not pass.
struct Figures {
  std::uint64_t sequences = 0;
  std::uint64_t replies = 0;
  std::uint64_t upgrades = 0;
  std::uint64_t logins = 0;
  std::uint64_t staged = 0;                                // chunks of bodies
  std::uint64_t refused = 0;                               // messages, at their end
  std::array<std::array<std::uint64_t, 3>, 3> accepted{};  // messages, by role and TLS mode
  std::set<std::pair<int, std::string>> kinds;             // of replies: code, enhanced code

  void add(const Figures& other);
};

// "" when they agree.
std::string play(const Script& script, Figures& figures);

// With steps left out as long as it still fails.
Script shrink(Script script);

}  // namespace mail::model
