// Dialling a host of several addresses (RFC 8305).
#include "platform/net/connect.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <vector>

#include "base/text.h"
#include "platform/net/listener.h"
#include "platform/net/socket.h"

namespace mail::net {
namespace {

using namespace std::chrono_literals;

// Listens and never accepts; connections wait in its backlog.
class Listening {
 public:
  explicit Listening(const std::string& host, std::uint16_t port = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SocketAddress name = to_socket_address({host, port}).value();
    EXPECT_EQ(::bind(socket_.get(), name.get(), name.size), 0);
    EXPECT_EQ(::listen(socket_.get(), 0), 0);
    EXPECT_EQ(::getsockname(socket_.get(), name.get(), &name.size), 0);
    address_ = name.to_address();
  }
  // From now on the kernel drops what comes: the host is silent.
  void fall_silent() {
    for (int i = 0; i < 4; ++i) {
      Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const SocketAddress name = to_socket_address(address_).value();
      (void)::connect(fd.get(), name.get(), name.size);
      fillers_.push_back(std::move(fd));
    }
  }
  const Address& address() const { return address_; }

 private:
  Fd socket_;
  Address address_;
  std::vector<Fd> fillers_;
};

// A port of that address on which nobody listens.
Address refusing(const std::string& host, std::uint16_t port) { return {host, port}; }

Result<Stream> dial(IoThread& io, std::vector<Address> addresses, DialOptions options) {
  Dial dial(io, std::move(addresses), std::move(options));
  return run_task(io, dial.run());
}

TEST(Dial, TheNextAddressFollowsARefusalAtOnce) {
  const SystemClock clock;
  IoThread io(clock);
  const Listening there("127.0.0.3");
  const std::uint16_t port = there.address().port;
  const auto stream =
      dial(io, {refusing("127.0.0.1", port), refusing("::1", port), there.address()},
           {.source = "", .patience = 1h, .head_start = 1h});
  ASSERT_TRUE(stream) << describe(stream.error());
  EXPECT_EQ(stream->peer_address(), "127.0.0.3");
}

TEST(Dial, ASilentAddressDoesNotKeepTheNextWaiting) {
  const SystemClock clock;
  IoThread io(clock);
  Listening silent("127.0.0.2");
  silent.fall_silent();
  const Listening there("127.0.0.3", silent.address().port);
  const auto stream = dial(io, {silent.address(), there.address()},
                           {.source = "", .patience = 1h, .head_start = 10ms});
  ASSERT_TRUE(stream) << describe(stream.error());
  EXPECT_EQ(stream->peer_address(), "127.0.0.3");
}

// RFC 8305 §5: nobody else is troubled before the first has had its time.
TEST(Dial, TheNextAddressIsNotTriedWithinTheHeadStart) {
  const SystemClock clock;
  IoThread io(clock);
  Listening silent("127.0.0.2");
  silent.fall_silent();
  const Listening there("127.0.0.3", silent.address().port);
  const MonoTime begin = clock.mono_now();
  const auto stream = dial(io, {silent.address(), there.address()},
                           {.source = "", .patience = 1h, .head_start = 250ms});
  ASSERT_TRUE(stream) << describe(stream.error());
  EXPECT_GE(clock.mono_now() - begin, 250ms);
  EXPECT_LT(clock.mono_now() - begin, 10s);
}

TEST(Dial, TheErrorNamesWhatBecameOfEachAddress) {
  const SystemClock clock;
  IoThread io(clock);
  const Listening there("127.0.0.3");
  const std::uint16_t port = there.address().port;
  const auto stream = dial(io, {refusing("127.0.0.1", port), refusing("127.0.0.2", port)}, {});
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::unavailable);
  EXPECT_EQ(stream.error().detail, concat("cannot connect to 127.0.0.1:", port,
                                          ": Connection refused; cannot connect to 127.0.0.2:",
                                          port, ": Connection refused"));
  EXPECT_EQ(dial(io, {}, {}).error().detail, "the host has no address");
}

TEST(Dial, PatienceEndsForEachAddress) {
  const SystemClock clock;
  IoThread io(clock);
  Listening silent("127.0.0.2");
  silent.fall_silent();
  const auto stream =
      dial(io, {silent.address()}, {.source = "", .patience = 10ms, .head_start = 10ms});
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::deadline_exceeded);
}

TEST(Dial, OurSideIsTheSourceGivenAndOnlyItsFamilyIsTried) {
  const SystemClock clock;
  IoThread io(clock);
  const Listening there("127.0.0.3");
  const auto stream = dial(io, {{"::1", there.address().port}, there.address()},
                           {.source = "127.0.0.42", .patience = 1h, .head_start = 1h});
  ASSERT_TRUE(stream) << describe(stream.error());
  EXPECT_EQ(local_address(*stream), "127.0.0.42");
  EXPECT_EQ(dial(io, {{"::1", 25}}, {.source = "127.0.0.42"}).error().detail,
            "the host has no address of the kind of 127.0.0.42, from which we send");
  EXPECT_EQ(dial(io, {there.address()}, {.source = "192.0.2.1"}).error().code, Errc::unavailable);
}

TEST(Dial, CancellingEndsIt) {
  const SystemClock clock;
  IoThread io(clock);
  Listening silent("127.0.0.2");
  silent.fall_silent();
  Dial dial(io, {silent.address(), silent.address()},
            {.source = "", .patience = 1h, .head_start = 1ms});
  io.post([&] { dial.cancel(); });
  const auto stream = run_task(io, dial.run());
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::closed);
}

}  // namespace
}  // namespace mail::net
