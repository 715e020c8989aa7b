#include "platform/net/listener.h"

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "platform/net/acceptor.h"
#include "platform/net/socket.h"

namespace mail::net {
namespace {

constexpr int kUnixBacklog = 1024;  // a full one turns clients away

std::unexpected<Error> cannot_listen(const std::string& where, int number) {
  switch (number) {
    case EADDRINUSE:
      return fail(Errc::already_exists,
                  concat("cannot listen on ", where, ": another process uses this address"));
    case EACCES:
    case EPERM:
      return fail(Errc::not_allowed,
                  concat("cannot listen on ", where,
                         ": permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)"));
    case EADDRNOTAVAIL:
      return fail(Errc::not_found,
                  concat("cannot listen on ", where, ": this machine has no such address",
                         where.starts_with('[') ? "; perhaps IPv6 is switched off" : ""));
    case EAFNOSUPPORT:
      return fail(Errc::not_found, concat("cannot listen on ", where,
                                          ": this machine has no IPv6; use an IPv4 address"));
    default:
      return fail(Errc::io_error, concat("cannot listen on ", where, ": ", errno_text(number)));
  }
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  ::setsockopt(fd, level, name, &on, sizeof on);
}

// SO_REUSEPORT alone would let a second server of the same user take half of the connections, so
// the first socket binds without it, which fails when anyone listens there, and gets it afterwards.
Result<Fd> open_tcp(const Address& address, bool first, const ListenOptions& options) {
  MAIL_TRY(const SocketAddress name, to_socket_address(address));
  Fd fd(::socket(name.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return cannot_listen(address.text(), errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (name.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it
  if (!first) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (::bind(fd.get(), name.get(), name.size) != 0) return cannot_listen(address.text(), errno);
  if (first) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (options.send_buffer > 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &options.send_buffer, sizeof(int));
  }
  if (::listen(fd.get(), options.backlog) != 0) return cannot_listen(address.text(), errno);
  return fd;
}

// Whether a server answers behind a socket file.
bool is_served(const UnixAddress& address) {
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.name),
                   sizeof address.name) == 0 ||
         errno == EAGAIN;
}

Result<Fd> open_unix(const std::filesystem::path& path, mode_t mode) {
  MAIL_TRY(const UnixAddress address, to_unix_address(path));
  MAIL_TRY(Fd fd, make_socket(AF_UNIX));
  const auto* name = reinterpret_cast<const sockaddr*>(&address.name);
  ::fchmod(fd.get(), mode);  // never wider than `mode`, not even for a moment
  int bound = ::bind(fd.get(), name, sizeof address.name);
  if (bound != 0 && errno == EADDRINUSE && !is_served(address)) {
    ::unlink(path.c_str());
    bound = ::bind(fd.get(), name, sizeof address.name);
  }
  if (bound != 0) return cannot_listen(path.string(), errno);
  if (::chmod(path.c_str(), mode) != 0) return cannot_listen(path.string(), errno);  // umask
  if (::listen(fd.get(), kUnixBacklog) != 0) return cannot_listen(path.string(), errno);
  return fd;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::tcp(std::span<IoThread* const> threads,
                                                const Address& address,
                                                const ListenOptions& options) {
  std::unique_ptr<Listener> out(new Listener);
  out->address_ = address;
  for (IoThread* thread : threads) {
    const bool first = out->acceptors_.empty();
    MAIL_TRY(Fd fd, open_tcp(out->address_, first, options));
    if (first) {
      SocketAddress chosen;
      ::getsockname(fd.get(), chosen.get(), &chosen.size);
      out->address_.port = chosen.to_address().port;
    }
    out->threads_.push_back(thread);
    out->acceptors_.push_back(std::make_shared<Acceptor>(
        thread->loop(), std::move(fd), out->acceptors_.size(), options.no_descriptor_reply));
  }
  return out;
}

Result<std::unique_ptr<Listener>> Listener::unix_socket(IoThread& thread,
                                                        const std::filesystem::path& path,
                                                        mode_t mode) {
  std::unique_ptr<Listener> out(new Listener);
  MAIL_TRY(Fd fd, open_unix(path, mode));
  out->path_ = path;
  out->threads_.push_back(&thread);
  out->acceptors_.push_back(
      std::make_shared<Acceptor>(thread.loop(), std::move(fd), 0, std::string()));
  return out;
}

Listener::~Listener() { stop(); }

void Listener::start(OnAccept on_accept) {
  const auto shared = std::make_shared<const OnAccept>(std::move(on_accept));
  for (std::size_t i = 0; i < acceptors_.size(); ++i) {
    threads_[i]->post([acceptor = acceptors_[i], shared] { acceptor->start(shared); });
  }
}

void Listener::stop() {
  for (std::size_t i = 0; i < acceptors_.size(); ++i) {
    threads_[i]->post([acceptor = std::move(acceptors_[i])] { acceptor->close(); });
  }
  acceptors_.clear();
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace mail::net
