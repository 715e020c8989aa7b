#include "platform/net/connect.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <optional>
#include <utility>

#include "base/executor.h"
#include "base/text.h"
#include "platform/net/loop.h"
#include "platform/net/socket.h"
#include "platform/net/stream_impl.h"

namespace mail::net {
namespace {

std::unexpected<Error> cannot_connect(const std::string& where, int number) {
  // A Unix socket with a full backlog says EAGAIN, and nothing would tell when it has room.
  const Errc code = number == ENOENT   ? Errc::not_found
                    : number == EAGAIN ? Errc::overloaded
                                       : Errc::unavailable;
  return fail(code, concat("cannot connect to ", where, ": ", errno_text(number)));
}

// Streams that wait for their connection, for those who may want to close them.
using Pending = std::vector<Stream*>;

Task<Result<Stream>> connect_socket(IoThread& thread, Fd fd, const sockaddr* name, socklen_t size,
                                    Address peer, std::string where, MonoTime deadline,
                                    Pending* pending) {
  const int socket = fd.get();
  const int started = ::connect(socket, name, size) == 0 ? 0 : errno;
  if (started != 0 && started != EINPROGRESS) co_return cannot_connect(where, started);
  MAIL_CO_TRY(Stream stream, make_stream(thread.loop(), std::move(fd), std::move(peer)));
  if (started == 0) co_return stream;
  if (pending != nullptr) pending->push_back(&stream);
  auto waited = co_await stream.connected(deadline);
  if (pending != nullptr) std::erase(*pending, &stream);
  if (!waited) {
    waited.error().detail = concat("cannot connect to ", where, ": ", waited.error().detail);
    co_return std::unexpected(std::move(waited.error()));
  }
  int failed = 0;
  socklen_t length = sizeof failed;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failed, &length);
  if (failed != 0) co_return cannot_connect(where, failed);
  co_return stream;
}

Task<Result<Stream>> connect_from(IoThread& thread, Address address, std::string source,
                                  MonoTime deadline, Pending* pending) {
  MAIL_CO_TRY(const SocketAddress name, to_socket_address(address));
  MAIL_CO_TRY(Fd fd, make_socket(name.family()));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!source.empty()) {
    // The port is chosen when the peer is known, so that one address has 28,000 for each peer.
    ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    MAIL_CO_TRY(const SocketAddress ours, to_socket_address({source, 0}));
    if (::bind(fd.get(), ours.get(), ours.size) != 0) {
      const int number = errno;
      co_return fail(Errc::unavailable,
                     concat("cannot send from ", source, ": ", errno_text(number)));
    }
  }
  const std::string where = address.text();
  co_return co_await connect_socket(thread, std::move(fd), name.get(), name.size,
                                    std::move(address), where, deadline, pending);
}

}  // namespace

Task<Result<void>> Stream::connected(MonoTime deadline) {
  co_return co_await impl_->wait(EPOLLOUT, deadline);
}

Task<Result<Stream>> connect(IoThread& thread, Address address, MonoTime deadline) {
  co_return co_await connect_from(thread, std::move(address), std::string(), deadline, nullptr);
}

Task<Result<Stream>> connect_unix(IoThread& thread, std::filesystem::path path, MonoTime deadline) {
  MAIL_CO_TRY(const UnixAddress address, to_unix_address(path));
  MAIL_CO_TRY(Fd fd, make_socket(AF_UNIX));
  co_return co_await connect_socket(
      thread, std::move(fd), reinterpret_cast<const sockaddr*>(&address.name), sizeof address.name,
      Address{}, path.string(), deadline, nullptr);
}

std::string local_address(const Stream& stream) {
  SocketAddress ours;
  if (::getsockname(stream.native_handle(), ours.get(), &ours.size) != 0) return {};
  return ours.to_address().host;
}

// The attempts share it with run(), which waits until each has ended; the timer's handler may come
// later still.
struct Dial::Race : std::enable_shared_from_this<Race> {
  Race(IoThread& the_thread, std::vector<Address> the_addresses, DialOptions the_options)
      : thread(the_thread), addresses(std::move(the_addresses)), options(std::move(the_options)) {}

  Task<Result<Stream>> run();
  Task<void> attempt(Address address);
  void start_timer();
  void cancel_attempts();

  // Wakes run(), once it waits, from the loop: never from within an attempt.
  void wake() {
    if (!waiter) return;
    thread.post([handle = std::exchange(waiter, {})] { handle.resume(); });
  }
  struct Changed {
    Race& race;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> caller) { race.waiter = caller; }
    void await_resume() const {}
  };

  IoThread& thread;
  std::vector<Address> addresses;
  DialOptions options;
  TaskSet attempts;
  Pending pending;
  std::size_t begun = 0;
  std::size_t ended = 0;
  bool next_is_due = false;
  bool cancelled = false;
  std::coroutine_handle<> waiter;
  std::optional<Stream> winner;
  Error error{Errc::unavailable, ""};
};

Task<void> Dial::Race::attempt(Address address) {
  auto stream = co_await connect_from(thread, std::move(address), options.source,
                                      thread.clock().mono_now() + options.patience, &pending);
  ++ended;
  if (stream) {
    if (!winner && !cancelled) winner.emplace(std::move(*stream));
  } else if (!winner && !cancelled) {
    error.code = stream.error().code;
    append(error.detail, error.detail.empty() ? "" : "; ", stream.error().detail);
  }
  next_is_due = true;
  wake();
}

void Dial::Race::start_timer() {
  next_is_due = false;
  thread.loop().after(options.head_start, [self = shared_from_this(), begun_then = begun] {
    if (self->begun != begun_then) return;  // that of an attempt before the last
    self->next_is_due = true;
    self->wake();
  });
}

void Dial::Race::cancel_attempts() {
  for (Stream* each : pending) each->close();
}

Task<Result<Stream>> Dial::Race::run() {
  while (!winner && !cancelled && (begun < addresses.size() || ended < begun)) {
    if (begun < addresses.size()) {
      ++begun;
      start_timer();
      attempts.spawn(attempt(addresses[begun - 1]));
    }
    // A failure calls for the next address at once; when there is no more, for the end.
    while (!winner && !cancelled && ended < begun && (!next_is_due || begun == addresses.size())) {
      co_await Changed{*this};
    }
  }
  cancel_attempts();
  while (attempts.size() > 0) co_await Changed{*this};
  if (winner) co_return std::move(*winner);
  if (cancelled) co_return fail(Errc::closed, "the connection was given up here");
  co_return std::unexpected(std::move(error));
}

Dial::Dial(IoThread& thread, std::vector<Address> addresses, DialOptions options) {
  if (!options.source.empty()) {
    const bool v6 = Address{options.source, 0}.is_v6();
    std::erase_if(addresses, [v6](const Address& each) { return each.is_v6() != v6; });
  }
  const bool none = addresses.empty();
  race_ = std::make_shared<Race>(thread, std::move(addresses), std::move(options));
  if (!none) return;
  race_->error.detail = race_->options.source.empty()
                            ? "the host has no address"
                            : concat("the host has no address of the kind of ",
                                     race_->options.source, ", from which we send");
}

Dial::~Dial() = default;

Task<Result<Stream>> Dial::run() { return race_->run(); }

void Dial::cancel() {
  race_->cancelled = true;
  race_->cancel_attempts();
  race_->wake();
}

}  // namespace mail::net
