#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "base/text.h"

namespace mail {
namespace {

TEST(MessageId, PrintsSixteenCharactersAndParsesBack) {
  const MessageId id = MessageId::make(1'763'763'348'123, 0xABC, 0xFEDCB);
  const std::string text = id.to_string();
  EXPECT_EQ(text.size(), 16U);
  EXPECT_EQ(MessageId::parse(text), id);
  EXPECT_EQ(MessageId::parse(to_lower(text)), id);
  EXPECT_EQ(id.milliseconds(), 1'763'763'348'123U);
}

TEST(MessageId, SortsByTimeThenCounterAlsoAsText) {
  const MessageId early = MessageId::make(5, 9, 7);
  const MessageId late = MessageId::make(6, 0, 0);
  EXPECT_LT(early, late);
  EXPECT_LT(MessageId::make(5, 9, 6), early);
  EXPECT_LT(early.to_string(), late.to_string());
  EXPECT_LT(early.key(), late.key());
}

TEST(MessageId, RefusesWhatIsNoId) {
  EXPECT_FALSE(MessageId::parse(""));
  EXPECT_FALSE(MessageId::parse("0123456789ABCDE"));
  EXPECT_FALSE(MessageId::parse("0123456789ABCDEFG"));
  EXPECT_FALSE(MessageId::parse("0123456789ABCDEU"));  // U is no digit of Crockford base32
  EXPECT_FALSE(MessageId::parse("0123456789ABCDE/"));
}

TEST(Text, ComparesAsciiWhateverTheCase) {
  EXPECT_TRUE(iequals("PostMaster", "postmaster"));
  EXPECT_FALSE(iequals("postmaster", "postmasters"));
  EXPECT_TRUE(istarts_with("MAIL FROM:<>", "mail from:"));
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
}

TEST(Text, ParsesWholeNumbersOnly) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616"}) {
    EXPECT_FALSE(parse_number(bad)) << bad;
  }
}

TEST(Text, FindsTheNearestWordAndNothingFarAway) {
  EXPECT_EQ(nearest("hostnme", {"state", "hostname", "listener"}), "hostname");
  EXPECT_EQ(nearest("zzz", {"state", "hostname"}), "");
}

TEST(Base64, EncodesAsRfc4648Section10) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(base64_encode(plain), encoded);
    EXPECT_EQ(base64_decode(encoded), plain);
  }
  for (const char* bad : {"Z", "Zg=", "Zg", "Zh==", "Z===", "Zm9v\n", "=Zg=", "Zm*v"}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

TEST(Crc32c, MatchesRfc3720AppendixB4) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

TEST(Bytes, BigEndianKeepsOrder) {
  std::string low;
  std::string high;
  append_big_endian(low, std::uint32_t{0x00FF});
  append_big_endian(high, std::uint32_t{0x0100});
  EXPECT_LT(low, high);
  EXPECT_EQ(read_big_endian<std::uint32_t>(high), 0x0100U);
}

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::invalid_argument, "odd");
  return number / 2;
}
Result<int> quarter(int number) {
  MAIL_TRY(const int two, half(number));
  MAIL_TRY(half(two));
  return two / 2;
}

TEST(Result, TryPassesErrorsOn) {
  EXPECT_EQ(quarter(8), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(describe(quarter(6).error()), "invalid_argument: odd");
  EXPECT_EQ(fate_of(Errc::storage_full), Fate::retry);
  EXPECT_EQ(fate_of(Errc::bad_syntax), Fate::reject);
}

Task<int> add_on_pool(WorkerPool& pool, int a, int b) {
  const std::thread::id home = std::this_thread::get_id();
  const Result<std::thread::id> worker =
      co_await on(pool, [] { return Result<std::thread::id>(std::this_thread::get_id()); });
  EXPECT_NE(worker.value(), home);
  EXPECT_EQ(std::this_thread::get_id(), home);  // back where it was awaited
  co_return a + b;
}

TEST(Task, ResumesOnItsExecutorAfterThePool) {
  WorkerPool pool(1, 10);
  LoopExecutor loop;
  EXPECT_EQ(block_on(loop, add_on_pool(pool, 2, 3)), 5);
}

TEST(Task, OneThatHasEndedGoesOnAtOnceWithTheValueOfNothing) {
  LoopExecutor loop;
  block_on(loop, Task<void>::ended());
  EXPECT_EQ(block_on(loop, Task<int>::ended()), 0);
  Task<int> moved = Task<int>::ended();
  EXPECT_EQ(block_on(loop, std::move(moved)), 0);
}

// Frames are taken and given back in any order, on any thread, also by one that is about to end.
TEST(Task, FramesMayBeGivenBackElsewhere) {
  std::vector<void*> frames;
  for (std::size_t size = 1; size <= 5000; size += 37) {
    frames.push_back(detail::take_frame(size));
    std::memset(frames.back(), 0x5A, size);
  }
  std::thread([&frames] {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      detail::give_back_frame(frames[i], 1 + i * 37);
    }
    void* const again = detail::take_frame(1000);
    std::memset(again, 0x5A, 1000);
    detail::give_back_frame(again, 1000);
  }).join();
}

TEST(WorkerPool, RefusesWorkBeyondItsQueue) {
  LoopExecutor loop;
  Executor::set_current(&loop);
  WorkerPool pool(1, 0);  // nothing may wait
  const auto refused = [](WorkerPool& full) -> Task<Result<int>> {
    co_return co_await on(full, [] { return Result<int>(1); });
  };
  const Result<int> answer = block_on(loop, refused(pool));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::overloaded);
  Executor::set_current(nullptr);
}

Task<void> wait_on_pool(WorkerPool& pool) {
  co_await on(pool, [] { return Result<int>(1); });
}

TEST(TaskSet, CountsWhatRuns) {
  WorkerPool pool(1, 10);
  LoopExecutor loop;
  Executor::set_current(&loop);
  TaskSet tasks;
  tasks.spawn(wait_on_pool(pool));
  tasks.spawn(wait_on_pool(pool));
  EXPECT_EQ(tasks.size(), 2U);
  loop.run_until([&] { return tasks.size() == 0; });
  Executor::set_current(nullptr);
}

TEST(ManualClock, WallJumpsBackWhileMonotonicTimeGoesOn) {
  ManualClock clock(WallTime(Milliseconds(1'000'000)));
  const MonoTime before = clock.mono_now();
  clock.advance(Milliseconds(10));
  clock.set_wall(WallTime(Milliseconds(5)));
  EXPECT_EQ(clock.wall_now(), WallTime(Milliseconds(5)));
  EXPECT_EQ(clock.mono_now() - before, Milliseconds(10));
}

TEST(SystemRandom, DoesNotRepeatItself) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(random_hex(random, 16));
  EXPECT_EQ(seen.size(), 100U);
}

class Recorder final : public log::Sink {
 public:
  void write(log::Level, std::string_view event, std::span<const log::Field> fields) override {
    lines.push_back(concat(event, " ", fields.empty() ? "" : fields[0].value));
  }
  std::vector<std::string> lines;
};

TEST(Log, WritesFromTheLevelUpwards) {
  Recorder recorder;
  log::set_sink(&recorder, log::Level::warning);
  log::info("quiet", {{"n", 1}});
  log::warning("loud", {{"n", 2}});
  log::set_sink(nullptr);
  log::error("nobody listens");
  EXPECT_EQ(recorder.lines, std::vector<std::string>{"loud 2"});
}

}  // namespace
}  // namespace mail
