#include "platform/net/stream.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/text.h"
#include "platform/net/stream_impl.h"

namespace mail::net {
namespace {

Error socket_error(int number) {
  if (number == EPIPE || number == ECONNRESET || number == ETIMEDOUT || number == ENOTCONN ||
      number == EBADF) {
    return {Errc::closed, errno_text(number)};
  }
  return {Errc::io_error, errno_text(number)};
}

bool would_block(int number) { return number == EAGAIN || number == EWOULDBLOCK; }

}  // namespace

Stream::Impl::~Impl() {
  MAIL_ASSERT(!waiter);  // the task that waits owns the stream
  close_socket();
}

void Stream::Impl::happened(std::uint32_t events) {
  drained = false;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) stops_short = true;
  if (waiter && !ended_by && (events & (waits_for | EPOLLHUP | EPOLLERR)) != 0) resume();
}

void Stream::Impl::begin_wait(std::uint32_t what, MonoTime until, std::coroutine_handle<> caller) {
  MAIL_ASSERT(!waiter);
  waiter = caller;
  waits_for = what;
  deadline = until;
  ended_by.reset();
  previous = nullptr;
  next = loop.waits;
  if (next != nullptr) next->previous = this;
  loop.waits = this;
  if (what == EPOLLIN && drained) return;
  if (!loop.arm(fd.get(), key, what)) end_wait(Errc::io_error);
}

void Stream::Impl::end_wait(Errc why) {
  if (!waiter || ended_by) return;
  ended_by = why;
  loop.post([this] { resume(); });  // from now on no event does: it is there until then
}

void Stream::Impl::resume() {
  if (previous != nullptr) {
    previous->next = next;
  } else {
    loop.waits = next;
  }
  if (next != nullptr) next->previous = previous;
  std::exchange(waiter, {}).resume();
}

void Stream::Impl::close_socket() {
  if (!fd) return;
  loop.forget(key);
  fd = Fd();
}

Result<void> Stream::Impl::outcome() {
  if (closed) return fail(Errc::closed, "the connection was closed here");
  if (!ended_by) return {};
  switch (*ended_by) {
    case Errc::deadline_exceeded:
      return fail(*ended_by, "the peer took too long");
    case Errc::unavailable:
      return fail(*ended_by, "interrupted");
    default:
      return fail(*ended_by, "cannot wait for the socket");
  }
}

Result<Stream> make_stream(Loop& loop, Fd socket, Address peer) {
  auto impl = std::make_unique<Stream::Impl>(loop, std::move(peer));
  MAIL_TRY(impl->key, loop.watch(socket.get(), impl.get()));
  impl->fd = std::move(socket);
  return Stream(std::move(impl));
}

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Task<Result<void>> Stream::readable(MonoTime deadline) {
  if (impl_->more_inside) co_return Result<void>{};
  co_return co_await impl_->wait(impl_->read_waits_for, deadline);
}

Result<std::size_t> Stream::read_some(std::span<char> into) {
  Impl& it = *impl_;
  if (it.closed) return fail(Errc::closed, "the connection was closed here");
  if (it.cipher == nullptr) {
    const ssize_t got = ::recv(it.fd.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (got == 0) return fail(Errc::closed, "the peer closed the connection");
    it.has_read(got < static_cast<ssize_t>(into.size()));
    if (got > 0) return static_cast<std::size_t>(got);
    if (would_block(errno) || errno == EINTR) return std::size_t{0};
    return std::unexpected(socket_error(errno));
  }
  std::size_t total = 0;
  it.more_inside = false;
  it.read_waits_for = EPOLLIN;
  while (total < into.size()) {
    std::size_t got = 0;
    const Want want = it.cipher->read(into.subspan(total), &got);
    total += got;
    if (want == Want::done) continue;
    if (want == Want::write) it.read_waits_for = EPOLLOUT;
    it.has_read(want == Want::read);
    if (want == Want::read || want == Want::write) return total;
    if (total > 0) {  // the end is told by the next call
      it.more_inside = true;
      return total;
    }
    if (want == Want::closed) return fail(Errc::closed, "the peer closed the connection");
    return fail(Errc::tls_failed, it.cipher->last_error());
  }
  it.more_inside = true;
  return total;
}

Result<std::size_t> Stream::write_some(std::string_view bytes) {
  Impl& it = *impl_;
  if (it.closed) return fail(Errc::closed, "the connection was closed here");
  if (it.cipher == nullptr) {
    const ssize_t put =
        ::send(it.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (would_block(errno) || errno == EINTR) return std::size_t{0};
    return std::unexpected(socket_error(errno));
  }
  std::size_t total = 0;
  it.write_waits_for = EPOLLOUT;
  while (total < bytes.size()) {
    std::size_t put = 0;
    const Want want = it.cipher->write(bytes.substr(total), &put);
    total += put;
    if (want == Want::done) continue;
    if (want == Want::read) it.write_waits_for = EPOLLIN;
    if (want == Want::read || want == Want::write) return total;
    if (want == Want::closed) return fail(Errc::closed, "the peer closed the connection");
    return fail(Errc::tls_failed, it.cipher->last_error());
  }
  return total;
}

Task<Result<void>> Stream::write_all(std::string_view bytes, MonoTime deadline) {
  for (;;) {
    MAIL_CO_TRY(const std::size_t put, write_some(bytes));
    bytes.remove_prefix(put);
    if (bytes.empty()) co_return Result<void>{};
    const std::uint32_t what = impl_->cipher ? impl_->write_waits_for : EPOLLOUT;
    MAIL_CO_TRY(co_await impl_->wait(what, deadline));
  }
}

Task<Result<void>> Stream::secure(std::unique_ptr<Cipher> cipher, MonoTime deadline) {
  MAIL_ASSERT(impl_->cipher == nullptr);
  for (;;) {
    std::uint32_t what = EPOLLIN;
    switch (cipher->handshake()) {
      case Want::done:
        impl_->cipher = std::move(cipher);
        impl_->more_inside = true;  // data may have come along with the handshake's last record
        co_return Result<void>{};
      case Want::read:
        break;
      case Want::write:
        what = EPOLLOUT;
        break;
      case Want::closed:
        co_return fail(Errc::closed, "the peer closed the connection during the TLS handshake");
      case Want::failed:
        co_return fail(Errc::tls_failed, cipher->last_error());
    }
    impl_->has_read(what == EPOLLIN);
    MAIL_CO_TRY(co_await impl_->wait(what, deadline));
  }
}

const Cipher* Stream::cipher() const { return impl_->cipher.get(); }
int Stream::native_handle() const { return impl_->fd.get(); }
std::string Stream::peer_address() const { return impl_->peer.host; }
std::uint16_t Stream::peer_port() const { return impl_->peer.port; }

Result<PeerUser> Stream::peer_user() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(impl_->fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail(Errc::io_error, concat("cannot ask who the peer is: ", errno_text(errno)));
  }
  return PeerUser{credentials.uid, credentials.gid, credentials.pid};
}

void Stream::interrupt() { impl_->end_wait(Errc::unavailable); }

void Stream::finish_writing() {
  if (impl_->closed) return;
  if (impl_->cipher) impl_->cipher->close_notify();
  ::shutdown(impl_->fd.get(), SHUT_WR);
}

void Stream::close() {
  if (!impl_ || impl_->closed) return;
  impl_->closed = true;
  if (impl_->cipher) impl_->cipher->close_notify();
  impl_->cipher.reset();
  impl_->close_socket();
  impl_->end_wait(Errc::closed);
}

}  // namespace mail::net
