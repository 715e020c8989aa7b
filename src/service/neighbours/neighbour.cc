#include "service/neighbours/neighbour.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "base/executor.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/net/address.h"
#include "platform/net/connect.h"
#include "platform/net/io_thread.h"

namespace mail {
namespace {

// The thread's read buffer: an idle line owns none.
std::span<char> scratch() {
  thread_local std::vector<char> buffer(std::size_t{16} << 10);
  return buffer;
}

Task<Result<net::Stream>> reach(std::string address, MonoTime deadline) {
  auto* const thread = dynamic_cast<net::IoThread*>(Executor::current());
  MAIL_ASSERT(thread != nullptr);  // sessions live on I/O threads
  if (address.starts_with('/')) co_return co_await net::connect_unix(*thread, address, deadline);
  MAIL_CO_TRY(net::Address where, net::parse_address(address));
  co_return co_await net::connect(*thread, std::move(where), deadline);
}

}  // namespace

bool Neighbour::hears(const smtp::SmtpListener& listener) const {
  return std::ranges::find(settings_.roles, listener.role) != settings_.roles.end();
}

Verdict Neighbour::away(const Error& error) const {
  log::warning("judge.away", {{"judge", settings_.name},
                              {"error", describe(error)},
                              {"mail", settings_.accept_when_away ? "accepted" : "deferred"}});
  if (settings_.accept_when_away) {
    return Accept{.added_fields = {}, .tags = {concat(settings_.name, " away")}, .folder = {}};
  }
  return Defer{concat(settings_.name, ": ", describe(error)), "A filter does not answer, try again",
               "4.3.0"};
}

Task<Result<std::unique_ptr<Neighbour::Line>>> Neighbour::open(MonoTime deadline) {
  if (open_.fetch_add(1) >= settings_.connections) {
    --open_;
    co_return fail(Errc::overloaded, "all its connections are in use");
  }
  auto stream = co_await reach(settings_.address, deadline);
  if (!stream) {
    --open_;
    co_return std::unexpected(std::move(stream).error());
  }
  co_return std::unique_ptr<Line>(new Line(*this, *std::move(stream)));
}

Neighbour::Line::~Line() { --neighbour_.open_; }

Task<Result<void>> Neighbour::Line::send(std::string bytes, MonoTime deadline) {
  co_return co_await stream_.write_all(bytes, deadline);
}

Task<Result<std::string_view>> Neighbour::Line::receive(MonoTime deadline) {
  for (;;) {
    const std::span<char> buffer = scratch();
    MAIL_CO_TRY(const std::size_t got, stream_.read_some(buffer));
    if (got > 0) co_return std::string_view(buffer.data(), got);
    MAIL_CO_TRY(co_await stream_.readable(deadline));
  }
}

void Neighbour::Line::send_now(std::string_view bytes) {
  (void)stream_.write_some(bytes).has_value();  // it would notice our end as well
}

}  // namespace mail
