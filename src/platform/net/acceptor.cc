#include "platform/net/acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <shared_mutex>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "platform/net/stream_impl.h"

namespace mail::net {
namespace {

constexpr int kAcceptsAtOnce = 64;  // then the connections that are there get their turn
constexpr auto kBackOff = std::chrono::milliseconds(100);

// Held shared to accept, alone to give up a reserve: otherwise the acceptor of another thread would
// serve a client with the descriptor meant for saying no, and nothing would be left to say it with.
std::shared_mutex& descriptors_mutex() {
  static std::shared_mutex mutex;
  return mutex;
}

Fd accept_one(int listening, SocketAddress* peer) {
  const std::shared_lock lock(descriptors_mutex());
  return Fd(::accept4(listening, peer->get(), &peer->size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

bool out_of_resources(int number) {
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

// While the limit is below it, giving it up lets nobody in, and it could not be had again: those
// who come once the limit has risen would hear nothing.
bool out_of_reach(const Fd& reserve) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return reserve && static_cast<rlim_t>(reserve.get()) >= limit.rlim_cur;
}

Fd open_reserve() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Acceptor::Acceptor(Loop& loop, Fd listening, std::size_t index, std::string no_descriptor_reply)
    : loop_(loop),
      index_(index),
      no_descriptor_reply_(std::move(no_descriptor_reply)),
      listening_(std::move(listening)),
      reserve_(open_reserve()) {}

void Acceptor::start(std::shared_ptr<const Listener::OnAccept> on_accept) {
  on_accept_ = std::move(on_accept);
  auto key = loop_.watch(listening_.get(), this);
  if (key) {
    key_ = *key;
    watching_ = true;
  } else {
    log::error("net.cannot_accept", {{"error", describe(key.error())}});
  }
}

void Acceptor::close() {
  if (std::exchange(watching_, false)) loop_.forget(key_);
  listening_ = Fd();
  on_accept_.reset();
  reserve_ = Fd();
}

void Acceptor::happened(std::uint32_t) {
  if (!pausing_) accept_waiting();
}

void Acceptor::accept_waiting() {
  // It may have been lost while the limit was below what was open: first of all it is had again.
  if (!reserve_) reserve_ = open_reserve();
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    SocketAddress peer;
    Fd fd = accept_one(listening_.get(), &peer);
    if (!fd) {
      if (errno == EAGAIN) return;  // the next that comes is an event
      if (out_of_resources(errno)) return refuse_waiting();
      continue;  // that one connection failed: accept(2) lists a dozen reasons
    }
    auto stream = make_stream(loop_, std::move(fd), peer.to_address());
    if (stream) {
      (*on_accept_)(index_, std::move(*stream));
    } else {
      log::warning("net.accept_failed", {{"error", describe(stream.error())}});
    }
  }
  if (!loop_.arm(listening_.get(), key_, EPOLLIN)) back_off();
}

void Acceptor::refuse_waiting() {
  log::warning("net.no_descriptors", {{"remedy", "raise LimitNOFILE or lower max_connections"}});
  if (out_of_reach(reserve_)) return back_off();
  const std::unique_lock lock(descriptors_mutex());
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    reserve_ = Fd();  // lets one connection in
    const Fd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) break;
    ::send(fd.get(), no_descriptor_reply_.data(), no_descriptor_reply_.size(),
           MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  reserve_ = open_reserve();
  back_off();
}

void Acceptor::back_off() {
  pausing_ = true;
  loop_.after(kBackOff, [self = shared_from_this()] {
    self->pausing_ = false;
    if (self->listening_) self->accept_waiting();
  });
}

}  // namespace mail::net
