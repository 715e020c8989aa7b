#include "base/random.h"

#include <random>
#include <vector>

namespace mail {

void SystemRandom::fill(std::span<std::byte> out) {
  thread_local std::random_device device(
      "getentropy");  // getrandom(2) beneath; never a user-space generator
  for (std::byte& byte : out) byte = static_cast<std::byte>(device() & 0xFF);
}

std::string random_hex(Random& random, std::size_t bytes) {
  std::vector<std::byte> raw(bytes);
  random.fill(raw);
  std::string text;
  for (std::byte byte : raw) {
    constexpr char kDigits[] = "0123456789abcdef";
    text.push_back(kDigits[std::to_integer<int>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<int>(byte) & 15]);
  }
  return text;
}

}  // namespace mail
