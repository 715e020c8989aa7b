#include "service/outbound/slot.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace mail {
namespace {

using smtp::Verdict;

// Two connections in a row lost in the middle of a message: the host, not the message.
constexpr int kMaxLost = 2;

bool is_lost(const Verdict& verdict) {
  return verdict.cause != Verdict::Cause::reply || verdict.code == 421;
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
    const Parcel& parcel = job.parcels[next];
    const bool strict = parcel.options.require_tls;
    std::optional<Obstacle> obstacle = co_await reach(job.destination, strict);
    if (obstacle && strict) {  // its own fate: others may go where it may not
      if (stopping_) break;
      HopConnection::Sent sent;
      sent.recipients.assign(parcel.recipients.size(), obstacle->verdict);
      sent.began = services_.clock.wall_now();
      report(parcel, std::move(sent), std::move(obstacle->facts));
      ++next;
      continue;
    }
    if (obstacle) {
      if (!stopping_) trouble = {std::move(obstacle->verdict), std::move(obstacle->facts)};
      break;
    }
    HopConnection::Sent sent = co_await connection_->send(parcel);
    const bool stands = connection_->ready();
    const Verdict& first = sent.recipients.front();
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
    report(parcel, std::move(sent), connection_->facts());
    ++next;
  }
  if (next == job.parcels.size()) trouble.reset();
  host_.job_done(std::move(job), next, std::move(trouble));
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

bool Slot::fits(const std::shared_ptr<const Destination>& destination, bool strict) {
  if (connection_ == nullptr || !connection_->ready()) return false;
  if (connection_->sent() >= settings_.messages_per_connection) return false;
  if (strict && connection_->unfit_for_secrecy()) return false;
  if (destination != destination_ && !still_names(*destination, *connection_)) return false;
  destination_ = destination;
  return true;
}

Task<std::optional<Obstacle>> Slot::reach(std::shared_ptr<const Destination> destination,
                                          bool strict) {
  if (fits(destination, strict)) co_return std::nullopt;
  co_await drop();
  co_await host_.connection_permit();
  std::optional<Obstacle> obstacle = co_await opener_.open(destination, strict);
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
