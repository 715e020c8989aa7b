// How much memory this process may have, and whether that is nearly used up (security.md 61): the
// kernel does not refuse memory, it kills, so work has to be refused before.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "base/clock.h"

namespace mail::os {

// The least of what the machine has and what the control groups of this process allow, of version 1
// or 2. `root` is "/", but for tests.
std::uint64_t memory_limit(const std::filesystem::path& root = "/");
// Held by this process and by no file: what cannot be had back but by giving it up.
std::uint64_t memory_held();

// Any thread. Looks ten times a second at most.
class MemoryWatch {
 public:
  using Held = std::uint64_t (*)();
  explicit MemoryWatch(std::uint64_t limit = memory_limit(), Held held = memory_held)
      : enough_(limit / 4 * 3), held_(held) {}

  bool is_short(MonoTime now);
  bool was_short() const { return short_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t enough_;
  const Held held_;
  std::atomic<MonoTime::rep> look_again_{0};
  std::atomic<bool> short_{false};
};

}  // namespace mail::os
