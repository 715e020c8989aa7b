#include "platform/os/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/text.h"

namespace mail::os {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(100);

// The number in a file of a control group; "max" and what is not there bound nothing.
std::uint64_t bound_in(const std::filesystem::path& file) {
  std::uint64_t bound = 0;
  return std::ifstream(file) >> bound ? bound : UINT64_MAX;
}

// Of the group and of those it is in; within a container the path may be that of the host, and then
// the mounted root is the group.
std::uint64_t bound_of_groups(const std::filesystem::path& mount, std::string_view path,
                              const char* name) {
  std::uint64_t bound = bound_in(mount / name);
  std::filesystem::path group = mount;
  for (const std::string_view part : split(path, '/')) {
    group /= part;
    bound = std::min(bound, bound_in(group / name));
  }
  return bound;
}

}  // namespace

std::uint64_t memory_limit(const std::filesystem::path& root) {
  std::uint64_t limit = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::filesystem::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // cgroups(7): number:controllers:path
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    if (parts[1].empty()) {
      limit = std::min(limit, bound_of_groups(mount, parts[2], "memory.max"));
    } else if (parts[1] == "memory") {
      limit = std::min(limit, bound_of_groups(mount / "memory", parts[2], "memory.limit_in_bytes"));
    }
  }
  return limit;
}

std::uint64_t memory_held() {
  std::uint64_t whole = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  std::ifstream("/proc/self/statm") >> whole >> resident >> shared;  // proc(5), in pages
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

bool MemoryWatch::is_short(MonoTime now) {
  const MonoTime::rep at = now.time_since_epoch().count();
  MonoTime::rep due = look_again_.load(std::memory_order_relaxed);
  const MonoTime::rep next = at + std::chrono::nanoseconds(kLookEvery).count();
  if (at >= due && look_again_.compare_exchange_strong(due, next)) short_ = held_() > enough_;
  return was_short();
}

}  // namespace mail::os
