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

// So often whoever waits looks whether there is still a reason to.
constexpr std::chrono::seconds kTurn{1};

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
  // One that we did not wait for, since we stop, is not away: the client comes back to ask it.
  const bool stopping = latest_.load() != MonoTime::max();
  if (settings_.accept_when_away && !stopping) {
    return Accept{.added_fields = {}, .tags = {concat(settings_.name, " away")}, .folder = {}};
  }
  return Defer{concat(settings_.name, ": ", describe(error)), "A filter does not answer, try again",
               "4.3.0"};
}

Error Neighbour::given_up() const {
  return {Errc::unavailable,
          concat("it did not answer ", kMissesUntilGivenUp, " times in a row, and is left alone")};
}

// While it is given up, one may try when the time has come: the others learn from that.
Neighbour::Entry Neighbour::entry() {
  if (misses_ < kMissesUntilGivenUp) return Entry::open;
  MonoTime due = next_try_;
  if (clock_.mono_now() < due) return Entry::shut;
  return next_try_.compare_exchange_strong(due, MonoTime::max()) ? Entry::trial : Entry::shut;
}

void Neighbour::note_miss() {
  if (latest_.load() != MonoTime::max()) return;  // its time was cut short
  next_try_ = clock_.mono_now() + kGivenUpFor;
  if (++misses_ != kMissesUntilGivenUp) return;
  ++era_;
  log::warning("judge.given_up", {{"judge", settings_.name},
                                  {"misses", kMissesUntilGivenUp},
                                  {"seconds", kGivenUpFor.count()}});
}

void Neighbour::note_answer() {
  if (misses_ == 0 || misses_.exchange(0) < kMissesUntilGivenUp) return;
  log::info("judge.back", {{"judge", settings_.name}});
}

Task<Result<std::unique_ptr<Neighbour::Line>>> Neighbour::open(MonoTime deadline) {
  const Entry entered = entry();
  if (entered == Entry::shut) co_return std::unexpected(given_up());
  const bool is_trial = entered == Entry::trial;
  if (open_.fetch_add(1) >= settings_.connections) {
    --open_;
    if (is_trial) next_try_ = clock_.mono_now();
    co_return fail(Errc::overloaded, "all its connections are in use");
  }
  const MonoTime latest = std::min(clock_.mono_now() + kMaxConnecting, latest_.load());
  auto stream = co_await reach(settings_.address, std::min(deadline, latest));
  if (!stream) {
    --open_;
    // To be told quickly that it is not there costs nobody time.
    stream.error().code == Errc::deadline_exceeded ? note_miss() : note_answer();
    co_return std::unexpected(std::move(stream).error());
  }
  co_return std::unique_ptr<Line>(new Line(*this, *std::move(stream), is_trial));
}

Neighbour::Line::~Line() {
  --neighbour_.open_;
  if (is_trial_) neighbour_.next_try_ = neighbour_.clock_.mono_now();  // nothing was learnt
}

Task<Result<void>> Neighbour::Line::wait(For what, MonoTime deadline) {
  for (;;) {
    if (era_ != neighbour_.era_) co_return std::unexpected(neighbour_.given_up());
    const MonoTime now = neighbour_.clock_.mono_now();
    const MonoTime latest = std::min(deadline, neighbour_.latest_.load());
    if (now >= latest) {
      is_trial_ = false;
      neighbour_.note_miss();
      co_return fail(Errc::deadline_exceeded, latest < deadline ? "we stop" : "it took too long");
    }
    const MonoTime turn = std::min(latest, now + kTurn);
    Result<void> ready;
    if (what == For::reading) {
      ready = co_await stream_.readable(turn);
    } else {
      ready = co_await stream_.connected(turn);
    }
    if (ready || ready.error().code != Errc::deadline_exceeded) co_return ready;
  }
}

Task<Result<void>> Neighbour::Line::send(std::string bytes, MonoTime deadline) {
  for (std::string_view rest = bytes;;) {
    MAIL_CO_TRY(const std::size_t put, stream_.write_some(rest));
    rest.remove_prefix(put);
    if (rest.empty()) co_return Result<void>{};
    MAIL_CO_TRY(co_await wait(For::writing, deadline));
  }
}

Task<Result<std::string_view>> Neighbour::Line::receive(MonoTime deadline) {
  for (;;) {
    const std::span<char> buffer = scratch();
    MAIL_CO_TRY(const std::size_t got, stream_.read_some(buffer));
    if (got > 0) {
      is_trial_ = false;
      neighbour_.note_answer();
      co_return std::string_view(buffer.data(), got);
    }
    MAIL_CO_TRY(co_await wait(For::reading, deadline));
  }
}

void Neighbour::Line::send_now(std::string_view bytes) {
  (void)stream_.write_some(bytes).has_value();  // it would notice our end as well
}

}  // namespace mail
