// What a listener does when the process has no descriptor left: answer, back off, go on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "platform/net/connect.h"
#include "platform/net/listener.h"

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

}  // namespace
}  // namespace mail::net
