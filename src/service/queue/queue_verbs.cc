// The operator's verbs: they read rows from the store, ask the scheduler where each is, and let it
// settle what is decided, so that nothing is changed behind its back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "service/queue/driver.h"

namespace mail {
namespace {

constexpr std::size_t kPage = 256;
constexpr std::size_t kQueuesPerPage = 1000;
constexpr std::size_t kAll = 1'000'000'000;

// Goes on on another executor.
struct HopTo {
  Executor& to;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> caller) const {
    to.post([caller] { caller.resume(); });
  }
  void await_resume() const {}
};

const record::PendingDelivery& delivery_of(const FoundDelivery& found) {
  return std::visit([](const auto& row) -> const record::PendingDelivery& { return row.delivery; },
                    found.row);
}
MessageId message_of(const FoundDelivery& found) {
  return std::visit([](const auto& row) { return row.key.message; }, found.row);
}

bool is_in_domain(std::string_view address, std::string_view domain) {
  const std::size_t at = address.rfind('@');
  return at != std::string_view::npos && iequals(address.substr(at + 1), domain);
}

bool matches(const QueueFilter& filter, MessageId message,
             const record::PendingDelivery& delivery) {
  if (!filter.ids.empty() && std::ranges::find(filter.ids, message) == filter.ids.end()) {
    return false;
  }
  if (!filter.sender.empty()) {
    const std::string_view wanted = filter.sender == "<>" ? std::string_view() : filter.sender;
    if (!iequals(delivery.reverse_path, wanted)) return false;
  }
  const auto has = [&](auto&& fits) {
    return std::ranges::any_of(delivery.recipients, [&](const record::PendingRecipient& pending) {
      return fits(pending.recipient.address);
    });
  };
  if (!filter.recipient.empty() &&
      !has([&](std::string_view address) { return iequals(address, filter.recipient); })) {
    return false;
  }
  return filter.domain.empty() ||
         has([&](std::string_view address) { return is_in_domain(address, filter.domain); });
}

}  // namespace

// A verb runs on the queue's thread and ends where it began.
class Queue::Impl::Verbs {
 public:
  explicit Verbs(Impl& impl) : impl_(impl) { ++impl_.verbs_; }
  ~Verbs() {
    --impl_.verbs_;
    impl_.check_stopped();
  }
  Verbs(const Verbs&) = delete;
  Verbs& operator=(const Verbs&) = delete;

 private:
  Impl& impl_;
};

Task<Result<void>> Queue::Impl::add_options(std::vector<FoundDelivery>* found) {
  for (FoundDelivery& each : *found) {
    const auto envelope = co_await parts_.store.envelope(message_of(each));
    if (envelope) {
      each.options = envelope->options;
    } else if (envelope.error().code != Errc::not_found) {
      co_return std::unexpected(envelope.error());
    }
  }
  co_return Result<void>{};
}

Task<Result<void>> Queue::Impl::find_queued(const QueueFilter& filter,
                                            std::vector<FoundDelivery>* found) {
  std::optional<QueueName> after;
  for (;;) {
    MAIL_CO_TRY(const std::vector<QueueKey> queues,
                co_await parts_.store.queues(after, kQueuesPerPage));
    for (const QueueKey& first : queues) {
      // All recipients of a delivery are of its queue's domain.
      if (!filter.domain.empty() && !iequals(first.queue.domain, filter.domain)) continue;
      std::optional<QueueKey> last;
      for (bool more = true; more && found->size() < filter.limit;) {
        const WallTime until = parts_.clock.wall_now() + std::chrono::years(20);
        MAIL_CO_TRY(std::vector<QueuedDelivery> rows,
                    co_await parts_.store.lease(first.queue, last, until, kPage));
        more = rows.size() == kPage;
        if (!rows.empty()) last = rows.back().key;
        for (QueuedDelivery& row : rows) {
          if (found->size() >= filter.limit) break;
          if (!matches(filter, row.key.message, row.delivery)) continue;
          found->push_back({.row = std::move(row), .options = {}});
        }
      }
    }
    if (queues.size() < kQueuesPerPage || found->size() >= filter.limit) break;
    after = queues.back().queue;
  }
  co_return Result<void>{};
}

Task<Result<std::vector<FoundDelivery>>> Queue::Impl::find(QueueFilter filter) {
  std::vector<FoundDelivery> found;
  if (filter.ids.empty()) {
    MAIL_CO_TRY(co_await find_queued(filter, &found));
  }
  for (const MessageId id : filter.ids) {
    MAIL_CO_TRY(std::vector<QueuedDelivery> rows, co_await parts_.store.queued_of(id));
    for (QueuedDelivery& row : rows) {
      if (found.size() >= filter.limit) break;
      if (!matches(filter, id, row.delivery)) continue;
      found.push_back({.row = std::move(row), .options = {}});
    }
  }
  for (const MessageId id : filter.ids) {
    MAIL_CO_TRY(std::vector<HeldDelivery> rows, co_await parts_.store.held_of(id));
    for (HeldDelivery& row : rows) {
      if (found.size() >= filter.limit) break;
      if (!matches(filter, id, row.delivery)) continue;
      found.push_back({.row = std::move(row), .options = {}});
    }
  }
  if (found.size() >= filter.limit || !filter.ids.empty()) co_return found;
  const std::size_t most = filter.empty() ? filter.limit : kAll;
  MAIL_CO_TRY(std::vector<HeldDelivery> held, co_await parts_.store.held(most));
  for (HeldDelivery& row : held) {
    if (found.size() >= filter.limit) break;
    if (!matches(filter, row.key.message, row.delivery)) continue;
    found.push_back({.row = std::move(row), .options = {}});
  }
  co_return found;
}

QueueRow Queue::Impl::row_of(const FoundDelivery& found) const {
  const record::PendingDelivery& delivery = delivery_of(found);
  QueueRow row;
  row.message = message_of(found);
  row.sender = delivery.reverse_path;
  row.attempts = delivery.attempts;
  row.since = delivery.since;
  for (const auto& pending : delivery.recipients) {
    row.recipients.push_back(pending.recipient.address);
  }
  if (const auto* held = std::get_if<HeldDelivery>(&found.row)) {
    row.number = held->key.number;
    row.state = QueueRow::State::held;
    row.reason = delivery.reason;
    return row;
  }
  const QueueKey& key = std::get<QueuedDelivery>(found.row).key;
  row.number = key.number;
  row.queue = key.queue;
  queue::Explanation why = scheduler_.explain(key, delivery, now());
  row.reason = std::move(why.reason);
  if (why.state == queue::Explanation::State::waiting) {
    row.next_try = why.next_try;
  } else {
    row.state = QueueRow::State::sending;
  }
  return row;
}

bool Queue::Impl::settles(const FoundDelivery& found) const {
  const auto* row = std::get_if<QueuedDelivery>(&found.row);
  return row != nullptr && scheduler_.explain(row->key, row->delivery, now()).state ==
                               queue::Explanation::State::settling;
}

Task<Result<std::vector<QueueRow>>> Queue::Impl::list(QueueFilter filter) {
  Executor* const home = Executor::current();
  MAIL_ASSERT(home != nullptr);
  co_await HopTo{thread_};
  Result<std::vector<QueueRow>> answer;
  {
    const Verbs counted(*this);
    const Result<std::vector<FoundDelivery>> found = co_await find(std::move(filter));
    if (found) {
      for (const FoundDelivery& each : *found) answer->push_back(row_of(each));
    } else {
      answer = std::unexpected(found.error());
    }
  }
  co_await HopTo{*home};
  co_return answer;
}

bool Queue::Impl::change_queued(Verb verb, const queue::Loaded& load, const std::string& reason) {
  switch (verb) {
    case Verb::retry:
      return scheduler_.retry(load, now());
    case Verb::hold:
      return scheduler_.hold(load, reason, now());
    case Verb::bounce:
      return scheduler_.bounce(load, reason, now());
    case Verb::release:
      break;
  }
  return true;
}

Outcome Queue::Impl::change_held(Verb verb, const HeldDelivery& held, const MailOptions& options,
                                 const std::string& reason) {
  if (verb == Verb::bounce) return scheduler_.bounce_held(held, options, reason, now());
  return scheduler_.release(held, options, now());
}

Task<Result<QueueChange>> Queue::Impl::change_here(Verb verb, QueueFilter filter,
                                                   std::string reason) {
  MAIL_CO_TRY(std::vector<FoundDelivery> found, co_await find(filter));
  const auto settling = [this](const FoundDelivery& each) { return settles(each); };
  if (!filter.ids.empty() && std::ranges::any_of(found, settling)) {
    co_await flushed();  // that takes milliseconds, and then they are elsewhere, or gone
    MAIL_CO_TRY(found, co_await find(std::move(filter)));
  }
  MAIL_CO_TRY(co_await add_options(&found));
  QueueChange change;
  std::vector<Outcome> outcomes;  // of those that are held
  for (FoundDelivery& each : found) {
    QueueRow row = row_of(each);
    if (auto* held = std::get_if<HeldDelivery>(&each.row)) {
      if (verb == Verb::retry || verb == Verb::hold) continue;  // it is not in the queue
      outcomes.push_back(change_held(verb, *held, each.options, reason));
      change.changed.push_back(std::move(row));
      continue;
    }
    if (verb == Verb::release) continue;
    const queue::Loaded load{
        .row = std::move(std::get<QueuedDelivery>(each.row)), .options = each.options, .body = {}};
    const bool taken = change_queued(verb, load, reason);
    (taken ? change.changed : change.refused).push_back(std::move(row));
  }
  run();
  co_await flushed();
  if (outcomes.empty()) co_return change;
  co_await name_mail(&outcomes);
  MAIL_CO_TRY(co_await parts_.store.settle(outcomes));
  for (const Outcome& outcome : outcomes) scheduler_.note(outcome, now());
  tell_notices(outcomes);
  run();
  co_return change;
}

Task<Result<QueueChange>> Queue::Impl::change(Verb verb, QueueFilter filter, std::string reason) {
  Executor* const home = Executor::current();
  MAIL_ASSERT(home != nullptr);
  co_await HopTo{thread_};
  Result<QueueChange> answer;
  if (stopping_) {
    answer = fail(Errc::closed, "the queue is stopping");
  } else {
    const Verbs counted(*this);
    answer = co_await change_here(verb, std::move(filter), std::move(reason));
  }
  co_await HopTo{*home};
  co_return answer;
}

// What the scheduler has decided by now is on disk.
Task<void> Queue::Impl::flushed() {
  // One settlement may be under way; what was decided since goes with the next.
  const std::uint64_t enough = settlements_done_ + 2;
  while (scheduler_.status().unsettled > 0 && settlements_done_ < enough && !out_of_patience_) {
    co_await settlements_.wait();
  }
}

Task<QueueStatus> Queue::Impl::status() {
  Executor* const home = Executor::current();
  MAIL_ASSERT(home != nullptr);
  co_await HopTo{thread_};
  const queue::SchedulerStatus now_is = scheduler_.status();
  const QueueStatus answer{.ready = learned_,
                           .in_memory = now_is.in_memory,
                           .queues = now_is.queues,
                           .sites = now_is.sites,
                           .sites_down = now_is.sites_down,
                           .sending = now_is.sending,
                           .unsettled = now_is.unsettled};
  co_await HopTo{*home};
  co_return answer;
}

}  // namespace mail
