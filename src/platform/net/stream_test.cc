#include "platform/net/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "platform/net/connect.h"
#include "platform/net/listener.h"

namespace mail::net {
namespace {

using namespace std::chrono_literals;

// A server on its own thread that sends back what it reads; joined with its connections.
class Echo {
 public:
  explicit Echo(const Clock& clock) : thread_(clock) {
    IoThread* const threads[] = {&thread_};
    listener_ = std::move(*Listener::tcp(threads, Address{"127.0.0.1", 0}));
    listener_->start(
        [this](std::size_t, Stream stream) { tasks_.spawn(serve(std::move(stream))); });
    thread_.start("echo");
  }
  ~Echo() {
    listener_->stop();
    std::promise<void> idle;
    thread_.post([&] { wait_idle(&idle); });
    idle.get_future().wait();
    thread_.stop();
    thread_.join();
  }
  Address address() const { return listener_->address(); }

 private:
  Task<void> serve(Stream stream) {
    const MonoTime deadline = thread_.clock().mono_now() + 1h;
    std::string bytes(1 << 16, '\0');
    for (;;) {
      const auto got = stream.read_some(bytes);
      if (!got) co_return;
      if (*got == 0) {
        if (!co_await stream.readable(deadline)) co_return;
      } else if (!co_await stream.write_all(bytes.substr(0, *got), deadline)) {
        co_return;
      }
    }
  }
  void wait_idle(std::promise<void>* idle) {
    if (tasks_.size() == 0) return idle->set_value();
    thread_.post([this, idle] { wait_idle(idle); });
  }

  TaskSet tasks_;
  IoThread thread_;
  std::unique_ptr<Listener> listener_;
};

Task<Result<std::string>> exchange(IoThread& io, Address address, std::string bytes) {
  const MonoTime deadline = io.clock().mono_now() + 1h;
  MAIL_CO_TRY(Stream stream, co_await connect(io, address, deadline));
  MAIL_CO_TRY(co_await stream.write_all(bytes, deadline));
  std::string out;
  std::string chunk(1 << 16, '\0');
  while (out.size() < bytes.size()) {
    MAIL_CO_TRY(const std::size_t got, stream.read_some(chunk));
    out.append(chunk, 0, got);
    if (got == 0) MAIL_CO_TRY(co_await stream.readable(deadline));
  }
  co_return out;
}

TEST(Stream, BytesComeBackInOrder) {
  const SystemClock clock;
  Echo echo(clock);
  IoThread io(clock);
  std::string bytes;
  for (int i = 0; i < 20000; ++i) bytes += std::to_string(i);  // fits into the sockets' buffers
  const auto back = run_task(io, exchange(io, echo.address(), bytes));
  ASSERT_TRUE(back) << describe(back.error());
  EXPECT_EQ(*back, bytes);
}

// A connection to the echo server, on which nothing comes: its wait lasts until it is ended.
struct SilentWait {
  IoThread& io;
  std::unique_ptr<Stream> stream;
  Result<void> outcome;
  bool ended = false;

  Task<void> begin(Address address, MonoTime deadline) {
    auto connected = co_await connect(io, std::move(address), io.clock().mono_now() + 1h);
    if (connected) {
      stream = std::make_unique<Stream>(std::move(*connected));
      outcome = co_await stream->readable(deadline);
    } else {
      outcome = std::unexpected(std::move(connected.error()));
    }
    ended = true;
  }
  void run_until_ended() {
    io.run_until([this] { return ended; });
  }
};

// Runs `during` while the wait is under way.
Result<void> end_a_wait(IoThread& io, const Echo& echo, std::unique_ptr<Stream>* stream,
                        const std::function<void(SilentWait&)>& during) {
  TaskSet tasks;
  SilentWait wait{.io = io, .stream = nullptr, .outcome = {}};
  io.post([&] { tasks.spawn(wait.begin(echo.address(), io.clock().mono_now() + 300s)); });
  io.run_until([&] { return wait.stream != nullptr || wait.ended; });
  if (!wait.ended) during(wait);
  wait.run_until_ended();
  *stream = std::move(wait.stream);
  return wait.outcome;
}

TEST(Stream, WaitEndsWhenItsDeadlineHasPassedAndNotBefore) {
  const SystemClock real;
  Echo echo(real);
  ManualClock clock(WallTime{});
  IoThread io(clock);
  std::unique_ptr<Stream> stream;
  const auto outcome = end_a_wait(io, echo, &stream, [&](SilentWait& wait) {
    clock.advance(299s);
    bool swept = false;
    io.sweep_now();
    io.post([&] { swept = true; });
    io.run_until([&] { return swept; });
    EXPECT_FALSE(wait.ended);
    clock.advance(1s);
    io.sweep_now();
  });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::deadline_exceeded);
}

TEST(Stream, CloseEndsTheWait) {
  const SystemClock clock;
  Echo echo(clock);
  IoThread io(clock);
  std::unique_ptr<Stream> stream;
  const auto outcome = end_a_wait(
      io, echo, &stream, [&](SilentWait& wait) { io.post([&wait] { wait.stream->close(); }); });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::closed);
  char byte = 0;
  EXPECT_EQ(stream->read_some({&byte, 1}).error().code, Errc::closed);
}

TEST(Stream, InterruptEndsTheWaitAndLeavesTheStreamUsable) {
  const SystemClock clock;
  Echo echo(clock);
  IoThread io(clock);
  std::unique_ptr<Stream> stream;
  const auto outcome = end_a_wait(
      io, echo, &stream, [&](SilentWait& wait) { io.post([&wait] { wait.stream->interrupt(); }); });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::unavailable);
  EXPECT_EQ(stream->write_some("still here").value(), 10U);
}

TEST(Connect, RefusalNamesTheAddress) {
  const SystemClock clock;
  IoThread io(clock);
  Address nobody;
  {
    IoThread* const threads[] = {&io};
    auto listener = Listener::tcp(threads, Address{"127.0.0.1", 0});
    ASSERT_TRUE(listener);
    nobody = (*listener)->address();
  }
  bool gone = false;
  io.post([&] { gone = true; });
  io.run_until([&] { return gone; });
  const auto stream = run_task(io, connect(io, nobody, clock.mono_now() + 1h));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::unavailable);
  EXPECT_EQ(stream.error().detail, "cannot connect to " + nobody.text() + ": Connection refused");
}

TEST(Listener, TheSecondServerOnAnAddressIsRefused) {
  const SystemClock clock;
  IoThread a(clock);
  IoThread b(clock);
  IoThread* const threads[] = {&a, &b};
  const auto first = Listener::tcp(threads, Address{"127.0.0.1", 0});
  ASSERT_TRUE(first) << describe(first.error());
  const auto second = Listener::tcp(threads, (*first)->address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::already_exists);
  EXPECT_EQ(second.error().detail, "cannot listen on " + (*first)->address().text() +
                                       ": another process uses this address");
}

TEST(Listener, AnAddressOfAnotherMachineIsRefused) {
  const SystemClock clock;
  IoThread a(clock);
  IoThread* const threads[] = {&a};
  const auto listener = Listener::tcp(threads, Address{"192.0.2.1", 0});
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().detail,
            "cannot listen on 192.0.2.1:0: this machine has no such address");
}

TEST(Listener, EveryThreadAcceptsOnTheOnePortThatWasChosen) {
  const SystemClock clock;
  IoThread a(clock);
  IoThread b(clock);
  IoThread* const threads[] = {&a, &b};
  auto listener = std::move(*Listener::tcp(threads, Address{"127.0.0.1", 0}));
  ASSERT_NE(listener->address().port, 0);
  std::atomic<int> accepted[2] = {0, 0};
  listener->start([&](std::size_t thread, Stream) { ++accepted[thread]; });
  a.start("a");
  b.start("b");
  IoThread io(clock);
  for (int i = 0; i < 1000 && (accepted[0] == 0 || accepted[1] == 0); ++i) {
    ASSERT_TRUE(run_task(io, connect(io, listener->address(), clock.mono_now() + 1h)));
  }
  EXPECT_GT(accepted[0], 0);
  EXPECT_GT(accepted[1], 0);
  listener->stop();
  std::promise<void> done_a;
  std::promise<void> done_b;
  a.post([&] { done_a.set_value(); });
  b.post([&] { done_b.set_value(); });
  done_a.get_future().wait();
  done_b.get_future().wait();
}

class UnixSocket : public testing::Test {
 protected:
  UnixSocket() {
    char pattern[] = "/tmp/mailwright-net-XXXXXX";
    directory = ::mkdtemp(pattern);
  }
  ~UnixSocket() override { std::filesystem::remove_all(directory); }
  std::filesystem::path directory;
  SystemClock clock;
};

TEST_F(UnixSocket, PathsBeyondSunPathWorkAndTheModeIsAsAsked) {
  const auto deep = directory / std::string(100, 'd') / std::string(100, 'e');
  std::filesystem::create_directories(deep);
  const auto path = deep / "ctl.sock";
  IoThread io(clock);
  auto listener = Listener::unix_socket(io, path, 0600);
  ASSERT_TRUE(listener) << describe(listener.error());
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  PeerUser user;
  (*listener)->start([&](std::size_t, Stream stream) { user = stream.peer_user().value(); });
  const auto stream = run_task(io, connect_unix(io, path, clock.mono_now() + 1h));
  ASSERT_TRUE(stream) << describe(stream.error());
  io.run_until([&] { return user.pid != 0; });
  EXPECT_EQ(user.uid, ::getuid());
  EXPECT_EQ(user.pid, ::getpid());
}

TEST_F(UnixSocket, ALeftOverFileIsReplacedAndALiveServerIsNot) {
  const auto path = directory / "ctl.sock";
  IoThread io(clock);
  auto listener = Listener::unix_socket(io, path, 0600);
  ASSERT_TRUE(listener);
  const auto second = Listener::unix_socket(io, path, 0600);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::already_exists);
  std::filesystem::create_hard_link(path, directory / "kept");
  listener->reset();
  bool closed = false;
  io.post([&] { closed = true; });
  io.run_until([&] { return closed; });
  std::filesystem::rename(directory / "kept", path);  // as a killed server leaves it
  EXPECT_FALSE(run_task(io, connect_unix(io, path, clock.mono_now() + 1h)));
  const auto third = Listener::unix_socket(io, path, 0600);
  EXPECT_TRUE(third) << describe(third.error());
}

TEST(Address, TakesBothFamiliesAndSaysWhatIsWrong) {
  EXPECT_EQ(parse_address("127.0.0.1:2525")->text(), "127.0.0.1:2525");
  EXPECT_EQ(parse_address("[::1]:0")->text(), "[::1]:0");
  EXPECT_EQ(parse_address("localhost:25")->text(), "127.0.0.1:25");
  EXPECT_EQ(split_host_port("mx.example:25")->host, "mx.example");
  for (const char* bad : {"", "127.0.0.1", ":25", "::1:25", "127.0.0.1:", "127.0.0.1:65536",
                          "mx.example:25", "[::1:25", "127.0.0.1:x"}) {
    const auto address = parse_address(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().code, Errc::invalid_argument) << bad;
  }
}

}  // namespace
}  // namespace mail::net
