#include "platform/net/connect.h"

#include <netinet/tcp.h>

#include <cerrno>

#include "base/text.h"
#include "platform/net/loop.h"
#include "platform/net/socket.h"

namespace mail::net {
namespace {

std::unexpected<Error> cannot_connect(const std::string& where, int number) {
  // A Unix socket with a full backlog says EAGAIN, and nothing would tell when it has room.
  const Errc code = number == ENOENT   ? Errc::not_found
                    : number == EAGAIN ? Errc::overloaded
                                       : Errc::unavailable;
  return fail(code, concat("cannot connect to ", where, ": ", errno_text(number)));
}

Task<Result<Stream>> connect_socket(IoThread& thread, Fd fd, const sockaddr* name, socklen_t size,
                                    Address peer, std::string where, MonoTime deadline) {
  const int socket = fd.get();
  const int started = ::connect(socket, name, size) == 0 ? 0 : errno;
  if (started != 0 && started != EINPROGRESS) co_return cannot_connect(where, started);
  MAIL_CO_TRY(Stream stream, make_stream(thread.loop(), fd.release(), std::move(peer)));
  if (started == 0) co_return stream;
  auto waited = co_await stream.connected(deadline);
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

}  // namespace

Task<Result<void>> Stream::connected(MonoTime deadline) {
  co_return co_await impl_->wait(WaitType::wait_write, deadline);
}

Task<Result<Stream>> connect(IoThread& thread, Address address, MonoTime deadline) {
  MAIL_CO_TRY(const SocketAddress name, to_socket_address(address));
  MAIL_CO_TRY(Fd fd, make_socket(name.family()));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string where = address.text();
  co_return co_await connect_socket(thread, std::move(fd), name.get(), name.size,
                                    std::move(address), where, deadline);
}

Task<Result<Stream>> connect_unix(IoThread& thread, std::filesystem::path path, MonoTime deadline) {
  MAIL_CO_TRY(const UnixAddress address, to_unix_address(path));
  MAIL_CO_TRY(Fd fd, make_socket(AF_UNIX));
  co_return co_await connect_socket(thread, std::move(fd),
                                    reinterpret_cast<const sockaddr*>(&address.name),
                                    sizeof address.name, Address{}, path.string(), deadline);
}

}  // namespace mail::net
