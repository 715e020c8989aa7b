// What is noted of mail on its way, and what an earlier process noted when it died.
#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "service/queue/driver.h"

namespace mail {
namespace {

queue::InFlightDelivery in_flight(const QueueKey& key) {
  return {.message = key.message, .number = key.number, .due = key.due};
}

std::vector<queue::InFlightDelivery> in_flight(const std::vector<Parcel>& parcels) {
  std::vector<queue::InFlightDelivery> out;
  out.reserve(parcels.size());
  for (const Parcel& parcel : parcels) out.push_back(in_flight(parcel.key));
  return out;
}

void log_double(const QueuedDelivery& row) {
  std::string recipients;
  for (const auto& pending : row.delivery.recipients) {
    append(recipients, recipients.empty() ? "" : " ", pending.recipient.address);
  }
  log::warning("queue.possible_duplicate", {{"id", row.key.message.to_string()},
                                            {"recipients", std::move(recipients)},
                                            {"host", row.key.queue.domain},
                                            {"why", "the server died while it was being sent"}});
}

}  // namespace

void Queue::Impl::send(Job job) {
  if (in_flight_.has_value()) in_flight_->begin(in_flight(job.parcels));
  courier_->send(std::move(job));
}

void Queue::Impl::came_back(const std::vector<Parcel>& untried) {
  if (in_flight_.has_value()) in_flight_->end(in_flight(untried));
}

void Queue::Impl::are_settled(const std::vector<Outcome>& outcomes) {
  if (!in_flight_.has_value()) return;
  std::vector<queue::InFlightDelivery> ended;
  ended.reserve(outcomes.size());
  for (const Outcome& outcome : outcomes) {
    const auto* key = std::get_if<QueueKey>(&outcome.place);
    if (key != nullptr) ended.push_back(in_flight(*key));
  }
  in_flight_->end(ended);
}

// What an earlier process was sending when it died, and is still in a queue, goes again: it may
// have arrived already (security.md 13).
Task<void> Queue::Impl::name_doubles() {
  if (!in_flight_.has_value()) co_return;
  const std::vector<queue::InFlightDelivery> left(in_flight_->under_way().begin(),
                                                  in_flight_->under_way().end());
  for (const queue::InFlightDelivery& each : left) {
    Result<std::vector<QueuedDelivery>> rows = co_await parts_.store.queued_of(each.message);
    while (!rows && rows.error().code != Errc::store_corrupt && !stopping_) {
      log::warning("queue.not_read", {{"error", describe(rows.error())}, {"next", "in a second"}});
      co_await ticks_.wait();
      rows = co_await parts_.store.queued_of(each.message);
    }
    if (stopping_) co_return;  // the next process says it
    if (rows) {
      const auto found = std::ranges::find(
          *rows, each, [](const QueuedDelivery& row) { return in_flight(row.key); });
      if (found != rows->end()) log_double(*found);
    }
    in_flight_->end(std::span(&each, 1));
  }
}

}  // namespace mail
