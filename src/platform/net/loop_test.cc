// The loop: a stream misses nothing though each change is told once; work, timers.
#include "platform/net/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "platform/net/io_thread.h"
#include "platform/net/listener.h"
#include "platform/net/socket.h"
#include "platform/net/stream_impl.h"

namespace mail::net {
namespace {

using namespace std::chrono_literals;

// A stream on a loop that the test runs itself, and the peer's end of its socket.
struct Ends {
  explicit Ends(IoThread& io) : stream(make(io, &peer)) {}
  static Stream make(IoThread& io, Fd* peer) {
    int pair[2];
    MAIL_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    *peer = Fd(pair[0]);
    return std::move(*make_stream(io.loop(), Fd(pair[1]), Address{}));
  }
  void say(std::string_view bytes) const {
    ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size(), 0), ssize_t(bytes.size()));
  }
  Fd peer;
  Stream stream;
};

class LoopOfStreams : public testing::Test {
 protected:
  Result<void> readable(Stream& stream) {
    return run_task(io, stream.readable(clock.mono_now() + 1h));
  }
  // Lets the loop hear of all that has happened so far.
  void hear() {
    Ends other(io);
    other.say("x");
    ASSERT_TRUE(readable(other.stream));
  }
  std::string read(Stream& stream, std::size_t most) {
    std::string into(most, '\0');
    const auto got = stream.read_some(into);
    return got ? into.substr(0, *got) : std::string(name_of(got.error()));
  }
  static std::string_view name_of(const Error& error) {
    return error.code == Errc::closed ? "closed" : "failed";
  }

  SystemClock clock;
  IoThread io{clock};
};

TEST_F(LoopOfStreams, WhatIsLeftUnreadIsReadableAgainWithoutAnotherByte) {
  Ends ends(io);
  ends.say("ten octets");
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 4), "ten ");
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 6), "octets");
}

TEST_F(LoopOfStreams, WhatComesWhileNobodyWaitsIsThereForTheNextWait) {
  Ends ends(io);
  EXPECT_EQ(read(ends.stream, 16), "");
  ends.say("early");
  hear();
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 16), "early");
  ends.say("late");  // after a read that left nothing, and not heard of before the wait
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 16), "late");
}

TEST_F(LoopOfStreams, AnEndThatCameWithTheLastBytesIsTold) {
  Ends ends(io);
  ends.say("bye");
  ::shutdown(ends.peer.get(), SHUT_WR);
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 16), "bye");  // less than there was room for, but not all there is
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 16), "closed");
}

// What a telnet client sends for Ctrl-C: a read ends at the mark, whatever lies behind it.
TEST_F(LoopOfStreams, WhatLiesBehindAnUrgentOctetIsTold) {
  IoThread* const threads[] = {&io};
  auto listener = std::move(*Listener::tcp(threads, Address{"127.0.0.1", 0}));
  std::optional<Stream> stream;
  listener->start([&](std::size_t, Stream accepted) { stream.emplace(std::move(accepted)); });
  const auto name = to_socket_address(listener->address());
  const Fd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(peer.get(), name->get(), name->size), 0);
  ASSERT_EQ(::send(peer.get(), "before", 6, 0), 6);
  ASSERT_EQ(::send(peer.get(), "!", 1, MSG_OOB), 1);
  ASSERT_EQ(::send(peer.get(), "behind", 6, 0), 6);
  io.run_until([&] { return stream.has_value(); });
  ASSERT_TRUE(readable(*stream));
  EXPECT_EQ(read(*stream, 16), "before");
  ASSERT_TRUE(readable(*stream));
  EXPECT_EQ(read(*stream, 16), "behind");
}

TEST_F(LoopOfStreams, AWriteThatWaitsIsNotWokenByBytesToReadAndGoesOnWhenThereIsRoom) {
  Ends ends(io);
  std::string body(1 << 20, 'x');
  bool written = false;
  TaskSet tasks;
  const auto write = [&]() -> Task<void> {
    EXPECT_TRUE(co_await ends.stream.write_all(body, clock.mono_now() + 1h));
    written = true;
  };
  io.post([&] { tasks.spawn(write()); });
  hear();
  ends.say("meanwhile");
  hear();
  EXPECT_FALSE(written);
  std::string into(body.size(), '\0');
  std::size_t got = 0;
  while (got < body.size()) {
    const ssize_t more = ::recv(ends.peer.get(), into.data() + got, into.size() - got, 0);
    if (more > 0) got += static_cast<std::size_t>(more);
    if (more < 0) hear();
  }
  EXPECT_EQ(into, body);
  io.run_until([&] { return written; });
  ASSERT_TRUE(readable(ends.stream));
  EXPECT_EQ(read(ends.stream, 16), "meanwhile");
}

// Both have something to read at once, and each, woken, ends the other: the event of the second is
// in hand already when its stream is gone and its place, and descriptor, are those of a new one.
TEST_F(LoopOfStreams, AnEventOfAStreamThatIsGoneIsNobodys) {
  Ends one(io);
  Ends two(io);
  std::vector<Ends> later;
  later.reserve(2);
  int ended = 0;
  int woken = 0;
  TaskSet tasks;
  const auto wait = [&](Stream& own, Stream& other) -> Task<void> {
    const auto outcome = co_await own.readable(clock.mono_now() + 1h);
    if (outcome) {
      ++woken;
      other.close();
      later.emplace_back(io);
    } else {
      EXPECT_EQ(outcome.error().code, Errc::closed);
    }
    ++ended;
  };
  io.post([&] {
    tasks.spawn(wait(one.stream, two.stream));
    tasks.spawn(wait(two.stream, one.stream));
    one.say("x");
    two.say("x");
  });
  io.run_until([&] { return ended == 2; });
  EXPECT_EQ(woken, 1);
  ASSERT_EQ(later.size(), 1U);
  later.front().say("new");
  ASSERT_TRUE(readable(later.front().stream));
  EXPECT_EQ(read(later.front().stream, 16), "new");
}

TEST(LoopOfWork, WhatWorkPostsComesAfterIt) {
  const SystemClock clock;
  IoThread io(clock);
  std::string order;
  io.post([&] {
    io.post([&] { order += 'c'; });
    order += 'a';
  });
  io.post([&] { order += 'b'; });
  io.run_until([&] { return order.size() == 3; });
  EXPECT_EQ(order, "abc");
}

TEST(LoopOfWork, ALoopThatSleepsIsWokenByEachThread) {
  const SystemClock clock;
  IoThread io(clock);
  io.start("woken");
  constexpr int kEach = 10'000;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        std::promise<void> ran;
        io.post([&] {
          ++done;
          ran.set_value();
        });
        ran.get_future().wait();
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(done, 4 * kEach);
}

TEST(LoopOfWork, TimersComeInTheirOrderAndNotBeforeTheirTime) {
  const SystemClock clock;
  IoThread io(clock);
  std::string order;
  const auto begin = std::chrono::steady_clock::now();
  io.loop().after(30ms, [&] { order += 'b'; });
  io.loop().after(10ms, [&] {
    order += 'a';
    io.loop().after(40ms, [&] { order += 'c'; });
  });
  io.run_until([&] { return order.size() == 3; });
  EXPECT_EQ(order, "abc");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
}

}  // namespace
}  // namespace mail::net
