// What a listener does when the process has no descriptor left: answer, back off, go on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <semaphore>
#include <span>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "platform/net/connect.h"
#include "platform/net/listener.h"
#include "platform/net/socket.h"

namespace mail::net {
namespace {

using namespace std::chrono_literals;

Task<Result<std::string>> read_to_end(Stream& stream, MonoTime deadline) {
  std::string out;
  char bytes[256];
  for (;;) {
    const auto got = stream.read_some(bytes);
    if (!got) co_return out;
    out.append(bytes, *got);
    if (*got == 0) MAIL_CO_TRY(co_await stream.readable(deadline));
  }
}

TEST(Listener, AnswersAndGoesOnWhenNoDescriptorIsLeft) {
  const SystemClock clock;
  IoThread io(clock);
  IoThread* const threads[] = {&io};
  auto listener = std::move(*Listener::tcp(threads, Address{"127.0.0.1", 0},
                                           {.backlog = 16, .no_descriptor_reply = "421 full\r\n"}));
  int accepted = 0;
  listener->start([&](std::size_t, Stream) { ++accepted; });
  const MonoTime deadline = clock.mono_now() + 1h;

  // Once while all is well, which also lets the sanitizer see every type: it opens a pipe to look
  // at one for the first time, and takes a failing pipe for a bad pointer.
  {
    auto first = run_task(io, connect(io, listener->address(), deadline));
    ASSERT_TRUE(first);
    EXPECT_EQ(run_task(io, read_to_end(*first, deadline)).value(), "");
  }
  io.run_until([&] { return accepted == 1; });

  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<int> fill;
  rlimit low = before;
  low.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &low);
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fill.push_back(fd);
  ::close(fill.back());  // for the client's own socket
  fill.pop_back();

  auto refused = run_task(io, connect(io, listener->address(), deadline));
  const auto text = refused ? run_task(io, read_to_end(*refused, deadline)) : std::string();
  for (const int fd : fill) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(refused) << describe(refused.error());
  EXPECT_EQ(text, "421 full\r\n");
  EXPECT_EQ(accepted, 1);

  const auto taken = run_task(io, connect(io, listener->address(), deadline));
  ASSERT_TRUE(taken);
  io.run_until([&] { return accepted == 2; });
}

// Says when the listener has found that it has none.
class Shortage final : public log::Sink {
 public:
  void write(log::Level, std::string_view event, std::span<const log::Field>) override {
    if (event == "net.no_descriptors") seen_.release();
  }
  void wait() { seen_.acquire(); }

 private:
  std::counting_semaphore<> seen_{0};
};

TEST(Listener, KeepsItsLastWordWhileTheLimitIsBelowWhatIsOpen) {
  const SystemClock clock;
  IoThread io(clock);
  IoThread* const threads[] = {&io};
  auto listener = std::move(*Listener::tcp(threads, Address{"127.0.0.1", 0},
                                           {.backlog = 16, .no_descriptor_reply = "421 full\r\n"}));
  std::counting_semaphore<> accepted{0};
  listener->start([&](std::size_t, Stream) { accepted.release(); });
  const auto address = to_socket_address(listener->address()).value();
  const Fd first(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  Shortage shortage;
  log::set_sink(&shortage);
  log::warning("net.no_descriptors");  // the sanitizer sees the type while all is well, as above
  shortage.wait();
  io.start("test");
  EXPECT_EQ(::connect(first.get(), address.get(), address.size), 0);
  accepted.acquire();

  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &low);
  std::vector<Fd> fill;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fill.emplace_back(fd);
  rlimit below = before;
  below.rlim_cur = 3;
  ::setrlimit(RLIMIT_NOFILE, &below);
  EXPECT_EQ(::connect(client.get(), address.get(), address.size), 0);
  shortage.wait();
  shortage.wait();  // what followed from the first is over
  ::setrlimit(RLIMIT_NOFILE, &low);
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fill.emplace_back(fd);  // none that is lost
  char bytes[64];
  const ssize_t got = ::recv(client.get(), bytes, sizeof bytes, 0);
  ::setrlimit(RLIMIT_NOFILE, &before);
  io.stop();
  io.join();
  log::set_sink(nullptr);
  EXPECT_EQ(got, 10);  // "421 full"
}

}  // namespace
}  // namespace mail::net
