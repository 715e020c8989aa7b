#include "service/store/id_source.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace mail {
namespace {

constexpr std::uint64_t kStart = 1'790'000'000'000;
ManualClock clock_at(std::uint64_t ms) {
  return ManualClock{WallTime(Milliseconds(static_cast<std::int64_t>(ms)))};
}

TEST(IdSource, CarriesTheTimeTheNodeAndACounter) {
  const ManualClock clock = clock_at(kStart);
  IdSource ids(clock, 0xABC);
  ids.reserved(kStart + 10'000);
  EXPECT_EQ(ids.next(), MessageId::make(kStart, 0xABC, 0));
  EXPECT_EQ(ids.next(), MessageId::make(kStart, 0xABC, 1));
}

TEST(IdSource, NeverGoesAboveTheReservationNorBackBelowIt) {
  ManualClock clock = clock_at(kStart);
  IdSource ids(clock, 0);
  ids.reserved(kStart + 10'000);
  EXPECT_EQ(ids.wanted(), 0U);
  clock.advance(Milliseconds(60'000));
  EXPECT_EQ(ids.next().milliseconds(), kStart + 10'000);
  EXPECT_EQ(ids.wanted(), kStart + 70'000);
  ids.reserved(kStart + 70'000);
  EXPECT_EQ(ids.next().milliseconds(), kStart + 60'000);
  clock.set_wall(WallTime(Milliseconds(0)));
  EXPECT_EQ(ids.next().milliseconds(), kStart + 60'000);
}

TEST(IdSource, ANewLifeBeginsAboveWhatTheLastOneReserved) {
  const ManualClock clock = clock_at(kStart);  // and the last life was an hour ahead of it
  IdSource ids(clock, 0);
  ids.start_above(kStart + 3'600'000);
  ids.reserved(ids.wanted());
  EXPECT_GT(ids.next().milliseconds(), kStart + 3'600'000);
}

TEST(IdSource, MoreThanAMillionInOneMillisecondStayUnique) {
  const ManualClock clock = clock_at(kStart);
  IdSource ids(clock, 0);
  ids.reserved(kStart + 10'000);
  MessageId last;
  for (int i = 0; i < (1 << 20) + 10; ++i) {
    const MessageId id = ids.next();
    ASSERT_GT(id, last);
    last = id;
  }
  EXPECT_EQ(last.milliseconds(), kStart + 1);
}

TEST(IdSource, ManyThreadsGetDifferentIds) {
  const ManualClock clock = clock_at(kStart);
  IdSource ids(clock, 0);
  ids.reserved(kStart + 10'000);
  std::vector<std::vector<MessageId>> taken(4);
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) mine.push_back(ids.next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<MessageId> all;
  for (const auto& mine : taken) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 4000U);
}

}  // namespace
}  // namespace mail
