// Randomness as an argument. Implementations may be called from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace mail {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};

// From the kernel; fit for salts and keys.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

std::string random_hex(Random& random, std::size_t bytes);

}  // namespace mail
