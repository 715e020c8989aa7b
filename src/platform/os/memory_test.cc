#include "platform/os/memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace mail::os {
namespace {

class MemoryLimit : public testing::Test {
 protected:
  MemoryLimit() {
    char pattern[] = "/tmp/mailwright-memory-XXXXXX";
    root_ = ::mkdtemp(pattern);
  }
  ~MemoryLimit() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << '\n';
  }
  std::filesystem::path root_;
};

TEST_F(MemoryLimit, IsTheMachinesWithoutGroups) {
  const std::uint64_t machine = memory_limit(root_);
  EXPECT_GT(machine, std::uint64_t{64} << 20);
  write("proc/self/cgroup", "0::/");
  write("sys/fs/cgroup/memory.max", "max");
  EXPECT_EQ(memory_limit(root_), machine);
}

TEST_F(MemoryLimit, IsTheLeastOfTheGroupsItIsIn) {
  write("proc/self/cgroup", "0::/system.slice/mailwright.service");
  write("sys/fs/cgroup/system.slice/memory.max", "50000000");
  write("sys/fs/cgroup/system.slice/mailwright.service/memory.max", "60000000");
  EXPECT_EQ(memory_limit(root_), 50'000'000U);
}

TEST_F(MemoryLimit, KnowsTheFirstVersionToo) {
  write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n1:cpu:/");
  write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "40000000");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(memory_limit(root_), 40'000'000U);
}

TEST_F(MemoryLimit, IsTheMountedGroupsWhereThePathIsThatOfTheHost) {
  write("proc/self/cgroup", "0::/not/seen/from/here");
  write("sys/fs/cgroup/memory.max", "30000000");
  EXPECT_EQ(memory_limit(root_), 30'000'000U);
}

TEST(MemoryHeld, GrowsWithWhatIsTouched) {
  const std::uint64_t before = memory_held();
  EXPECT_GT(before, 0U);
  const std::string held(std::size_t{64} << 20, 'x');
  asm volatile("" : : "r"(held.data()) : "memory");  // nobody may think that it is not needed
  EXPECT_GT(memory_held(), before + (std::uint64_t{48} << 20));
}

std::uint64_t held_now = 0;

TEST(MemoryWatch, SaysSoFromThreeQuartersOnAndLooksNowAndThen) {
  MemoryWatch watch(1000, [] { return held_now; });
  MonoTime now{std::chrono::hours(1)};
  held_now = 750;
  EXPECT_FALSE(watch.is_short(now));
  held_now = 751;
  EXPECT_FALSE(watch.is_short(now + std::chrono::milliseconds(99)));
  EXPECT_TRUE(watch.is_short(now + std::chrono::milliseconds(100)));
  EXPECT_TRUE(watch.was_short());
  held_now = 700;
  EXPECT_FALSE(watch.is_short(now + std::chrono::milliseconds(200)));
}

}  // namespace
}  // namespace mail::os
