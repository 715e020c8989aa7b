#include "service/outbound/slot.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"

namespace mail {
namespace {

using smtp::Verdict;

// Two connections in a row lost in the middle of a message: the host, not the message.
constexpr int kMaxLost = 2;
// RFC 5321 §4.5.3.1.8: so many any server takes in a transaction.
constexpr std::size_t kMostTogether = 100;

bool is_lost(const Verdict& verdict) {
  return verdict.cause != Verdict::Cause::reply || verdict.code == 421;
}

bool is_put_off(const Verdict& verdict) {
  return verdict.kind == Verdict::Kind::deferred && verdict.cause == Verdict::Cause::reply &&
         verdict.stage == smtp::Stage::recipient;
}

// Whether a destination made later leads to where the connection is.
bool still_names(const Destination& destination, const HopConnection& connection) {
  if (!same_way(*destination.route, connection.route())) return false;
  if (!destination.route->unix_path.empty()) return true;
  const ConnectionFacts& facts = connection.facts();
  return std::ranges::any_of(destination.hosts, [&](const HopHost& host) {
    return host.name == facts.host &&
           std::ranges::any_of(host.addresses, [&](const IpAddress& address) {
             return net::Address{address.to_string(), destination.route->port}.text() ==
                    facts.address;
           });
  });
}

}  // namespace

Slot::Slot(SlotHost& host, const HopServices& services, const SenderSettings& settings)
    : host_(host), services_(services), settings_(settings), opener_(services, settings) {}

Slot::~Slot() { MAIL_ASSERT(!job_ && connection_ == nullptr); }

void Slot::give(Job job) {
  MAIL_ASSERT(!job_);
  job_ = std::move(job);
  end_idle();
}

void Slot::end_idle() {
  if (idle_) connection_->interrupt();
}

void Slot::begin_stop() {
  stopping_ = true;
  end_idle();
  opener_.cancel();
}

void Slot::cut() {
  opener_.cut();
  if (connection_ != nullptr) connection_->cut();
}

Task<void> Slot::run() {
  while (job_) {
    while (job_) {
      Job job = std::move(*job_);
      job_.reset();
      co_await work(std::move(job));
      if (job_ || stopping_ || connection_ == nullptr || host_.connection_wanted()) continue;
      idle_ = true;
      co_await connection_->idle(now() + settings_.keep_idle);
      idle_ = false;
    }
    co_await drop();
  }
}

Task<void> Slot::work(Job job) {
  std::size_t next = 0;
  int lost = 0;
  std::optional<SiteTrouble> trouble;
  while (next < job.parcels.size() && !stopping_ && !trouble) {
    const std::span<Parcel> rest = std::span(job.parcels).subspan(next);
    const bool strict = rest.front().options.require_tls;
    std::optional<Obstacle> obstacle = co_await reach(job.destination, rest.front());
    if (obstacle && strict) {  // its own fate: others may go where it may not
      if (stopping_) break;
      HopConnection::Sent sent;
      sent.recipients.assign(rest.front().recipients.size(), obstacle->verdict);
      sent.began = services_.clock.wall_now();
      report(rest.front(), std::move(sent), std::move(obstacle->facts));
      ++next;
      continue;
    }
    if (obstacle) {
      if (!stopping_) trouble = {std::move(obstacle->verdict), std::move(obstacle->facts)};
      break;
    }
    const std::span<Parcel> group = rest.first(count_together(rest));
    HopConnection::Sent sent = co_await connection_->send(group);
    if (planted(Bug::delete_before_remote_250)) {
      for (Verdict& verdict : sent.recipients) verdict.kind = Verdict::Kind::accepted;
    }
    const bool stands = connection_->ready();
    const Verdict first = sent.recipients.front();
    // RFC 5321 §3.8: a server may close an idle connection; the mail it never heard of loses no
    // time by that.
    if (!stands && connection_->facts().reused && !sent.maybe_delivered && is_lost(first) &&
        first.stage == smtp::Stage::mail && !stopping_) {
      continue;
    }
    lost = stands ? 0 : lost + 1;
    if (lost >= kMaxLost) {
      trouble = {first, connection_->facts()};
      trouble->verdict.kind = Verdict::Kind::deferred;
    }
    next += report_all(group, std::move(sent));
  }
  if (next == job.parcels.size()) trouble.reset();
  host_.job_done(std::move(job), next, std::move(trouble));
}

// RFC 5321 §4.5.4.1: one copy for recipients that share a host, whatever their domains.
std::size_t Slot::count_together(std::span<const Parcel> parcels) const {
  if (!mixes_) return 1;
  const Parcel& first = parcels.front();
  std::size_t recipients = first.recipients.size();
  std::size_t count = 1;
  for (; count < parcels.size(); ++count) {
    const Parcel& next = parcels[count];
    recipients += next.recipients.size();
    if (recipients > kMostTogether || next.key.message != first.key.message ||
        next.reverse_path != first.reverse_path || next.added_fields != first.added_fields ||
        next.options != first.options) {
      break;
    }
  }
  return std::max<std::size_t>(connection_->would_take(parcels.first(count)), 1);
}

// Some hosts take recipients of one domain at a time, and tell the others to come again: they come
// again at once, alone, and so do all after them. Returns how many have their answer; those come
// first in `group` then.
std::size_t Slot::report_all(std::span<Parcel> group, HopConnection::Sent sent) {
  if (group.size() == 1) {
    report(group.front(), std::move(sent), connection_->facts());
    return 1;
  }
  const bool some = std::ranges::any_of(
      sent.recipients, [](const Verdict& each) { return each.kind == Verdict::Kind::accepted; });
  std::size_t done = 0;
  auto next = std::make_move_iterator(sent.recipients.begin());
  for (Parcel& parcel : group) {
    HopConnection::Sent part{.recipients = {},
                             .maybe_delivered = sent.maybe_delivered,
                             .began = sent.began,
                             .took = sent.took};
    const auto end = next + static_cast<std::ptrdiff_t>(parcel.recipients.size());
    part.recipients.assign(next, end);
    next = end;
    if (some && connection_->ready() && std::ranges::all_of(part.recipients, is_put_off)) {
      mixes_ = false;
      continue;
    }
    report(parcel, std::move(part), connection_->facts());
    std::swap(group[done++], parcel);
  }
  return done;
}

void Slot::report(const Parcel& parcel, HopConnection::Sent sent, ConnectionFacts facts) {
  if (sent.maybe_delivered) {
    log::warning(
        "outbound.possible_duplicate",
        {{"id", parcel.key.message.to_string()}, {"host", facts.host}, {"address", facts.address}});
  }
  host_.attempted({parcel.key, std::move(sent.recipients), std::move(facts), sent.began, sent.took,
                   sent.maybe_delivered});
}

bool Slot::fits(const std::shared_ptr<const Destination>& destination, const Parcel& parcel) {
  if (connection_ == nullptr || !connection_->ready()) return false;
  if (connection_->sent() >= settings_.messages_per_connection) return false;
  if (connection_->would_take(std::span(&parcel, 1)) == 0) return false;
  if (parcel.options.require_tls && connection_->unfit_for_secrecy()) return false;
  if (destination != destination_ && !still_names(*destination, *connection_)) return false;
  destination_ = destination;
  return true;
}

Task<std::optional<Obstacle>> Slot::reach(std::shared_ptr<const Destination> destination,
                                          const Parcel& parcel) {
  if (fits(destination, parcel)) co_return std::nullopt;
  co_await drop();
  co_await host_.connection_permit();
  std::optional<Obstacle> obstacle = co_await opener_.open(destination, parcel.options.require_tls);
  connection_ = opener_.take();
  if (connection_ == nullptr) host_.connection_gone();
  destination_ = std::move(destination);
  co_return obstacle;
}

Task<void> Slot::drop() {
  if (connection_ == nullptr) co_return;
  co_await connection_->quit();
  connection_.reset();
  host_.connection_gone();
}

}  // namespace mail
