// What a client sends, made up from a seed: valid, almost valid and junk, cut anywhere. And around
// what listener it does so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/smtp/listener.h"
#include "model.h"

namespace mail::model {

// splitmix64: a few instructions, and any seed is a good one.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool one_in(std::size_t chances) { return below(chances) == 0; }
  template <typename Choices>
  auto of(const Choices& choices) {
    return choices[below(std::size(choices))];
  }

 private:
  std::uint64_t state_;
};

struct Step {
  enum class Kind : std::uint8_t { bytes, time_out, shut_down, gone };
  Kind kind = Kind::bytes;
  std::string bytes;
  bool joined = false;  // what follows arrives with it
  std::size_t cut = 0;  // pieces of so many octets at most; 0: in one
};

struct Script {
  std::uint64_t seed = 0;  // of the answers, and of where pieces end
  smtp::SmtpListener listener;
  Around around;
  bool early = false;  // the first bytes are there before the greeting
  std::vector<Step> steps;
};

Script make_script(std::uint64_t seed);
std::string escaped(std::string_view bytes);  // and cut where it is long
// Listener and steps, one a line, for whoever looks into a finding.
std::string describe(const Script& script);

}  // namespace mail::model
