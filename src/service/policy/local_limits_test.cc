#include "service/policy/local_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/text.h"

namespace mail {
namespace {

constexpr Rate kTenASecond{.tokens = 10, .per = Milliseconds(1000)};

MonoTime at(int milliseconds) { return MonoTime(Milliseconds(milliseconds)); }

TEST(LocalLimits, ABucketHoldsItsTokensAndFillsWithTime) {
  LocalLimits limits;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limits.take("a", 1, kTenASecond, at(0)));
  EXPECT_FALSE(limits.take("a", 1, kTenASecond, at(0)));
  EXPECT_FALSE(limits.take("a", 1, kTenASecond, at(99)));
  EXPECT_TRUE(limits.take("a", 1, kTenASecond, at(200)));
  EXPECT_TRUE(limits.take("b", 10, kTenASecond, at(200)));
}

TEST(LocalLimits, ARefusalTakesNothing) {
  LocalLimits limits;
  EXPECT_TRUE(limits.take("a", 5, kTenASecond, at(0)));
  EXPECT_FALSE(limits.take("a", 6, kTenASecond, at(0)));
  EXPECT_TRUE(limits.take("a", 5, kTenASecond, at(0)));
  EXPECT_FALSE(limits.take("c", 11, kTenASecond, at(0)));
}

TEST(LocalLimits, NeverHoldsMoreThanABucketful) {
  LocalLimits limits;
  EXPECT_TRUE(limits.take("a", 1, kTenASecond, at(0)));
  EXPECT_TRUE(limits.take("a", 10, kTenASecond, at(1'000'000)));
  EXPECT_FALSE(limits.take("a", 1, kTenASecond, at(1'000'000)));
}

TEST(LocalLimits, ALowerRateHoldsAtOnce) {
  LocalLimits limits;
  EXPECT_TRUE(limits.take("a", 1, kTenASecond, at(0)));
  EXPECT_FALSE(limits.take("a", 5, {.tokens = 4, .per = Milliseconds(1000)}, at(1)));
}

TEST(LocalLimits, MemoryIsBoundedAndTheEmptiestBucketsStay) {
  LocalLimits limits(1000);
  for (int i = 0; i < 10; ++i) limits.take("greedy", 1, kTenASecond, at(0));
  for (int i = 0; i < 50'000; ++i)
    EXPECT_TRUE(limits.take(concat("key", i), 1, kTenASecond, at(0)));
  EXPECT_LE(limits.size(), 1016u);
  EXPECT_FALSE(limits.take("greedy", 1, kTenASecond, at(0)));
}

TEST(LocalLimits, ThreadsTogetherGetNoMoreThanThereIs) {
  LocalLimits limits;
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        taken += limits.take("a", 1, {.tokens = 500, .per = Milliseconds(1000)}, at(0)) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 500);
}

}  // namespace
}  // namespace mail
