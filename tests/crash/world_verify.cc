// What must be there after each opening, by the ledger.
#include <algorithm>
#include <map>

#include "base/executor.h"
#include "base/text.h"
#include "codec/address/address.h"
#include "service/store/ledger.h"
#include "world.h"

namespace mail::crash {
namespace {

template <typename T>
T run(Task<T> task) {
  LoopExecutor loop;
  return block_on(loop, std::move(task));
}

AccountId account_of(std::size_t worker) { return {worker + 1}; }

std::string whole(MailStore& store, const record::BodyRef& body, std::string& trouble) {
  std::string all;
  for (;;) {
    const Result<std::string> part = run(store.read_body(body, all.size()));
    if (!part) {
      trouble = describe(part.error());
      return all;
    }
    if (part->empty()) return all;
    all += *part;
  }
}

}  // namespace

void World::verify() {
  for (Worker& worker : all_) {
    const auto entries = entries_of(worker);
    for (Message& message : worker.messages) verify_one(worker, message, entries);
    for (const auto& [id, rows] : entries) {
      if (std::ranges::find(worker.messages, id, &Message::id) == worker.messages.end()) {
        found(concat("an entry of ", id.to_string(), ", which nobody sent"));
      }
    }
    for (const Message& dsn : worker.messages) {
      if (!dsn.tells) continue;
      const bool told = worker.messages[*dsn.tells].promised == Stage::told;
      if (told != (dsn.promised >= Stage::kept)) {
        // A second DSN may have been tried after the first one was refused.
        const bool other = std::ranges::any_of(worker.messages, [&](const Message& one) {
          return &one != &dsn && one.tells == dsn.tells && one.promised >= Stage::kept;
        });
        if (!told || !other) found(concat(dsn.id.to_string(), ": a DSN without its notices' end"));
      }
    }
  }
  verify_control(all_[0]);
  verify_sums();
}

std::map<MessageId, std::vector<record::MailboxEntry>> World::entries_of(Worker& worker) {
  std::map<MessageId, std::vector<record::MailboxEntry>> all;
  const auto boxes = run(store_->mailboxes(account_of(worker.number)));
  if (!boxes) {
    found(concat("mailboxes: ", describe(boxes.error())));
    return all;
  }
  for (const record::MailboxInfo& box : *boxes) {
    const auto entries = run(store_->entries(box.id, Uid{0}, 1'000'000));
    if (!entries) found(concat("entries: ", describe(entries.error())));
    if (!entries) continue;
    for (const record::MailboxEntry& entry : *entries) all[entry.message].push_back(entry);
  }
  return all;
}

void World::verify_one(Worker&, Message& message,
                       const std::map<MessageId, std::vector<record::MailboxEntry>>& entries) {
  const std::string id = message.id.to_string();
  const auto events = run(store_->events_of(message.id));
  if (!events) return found(concat(id, " events: ", describe(events.error())));
  const auto found_entries = entries.find(message.id);
  const std::size_t boxed = found_entries == entries.end() ? 0 : found_entries->second.size();
  const auto envelope = run(store_->envelope(message.id));
  if (events->empty()) {
    if (message.promised != Stage::begun) found(concat(id, " was acknowledged and is LOST"));
    if (boxed > 0 || envelope) found(concat(id, " is there in part"));
    message.tried = message.promised = Stage::begun;
    return;
  }
  if (message.tried == Stage::begun) found(concat(id, " is there and was never to be kept"));
  const bool sure = message.promised != Stage::begun;
  if (!sure) message.promised = Stage::kept;
  const auto notices = run(store_->notices(message.id));
  if (!notices) return found(concat(id, " notices: ", describe(notices.error())));
  if (message.queued) verify_queue(message, notices->size());
  if (boxed > (message.boxed ? 1U : 0U)) found(concat(id, " has ", boxed, " entries"));
  if (message.boxed && boxed == 0 && !message.removal_tried) {
    found(concat(id, " was acknowledged and is LOST from its mailbox"));
  }
  if (message.removal_promised && boxed > 0) found(concat(id, " was removed and is there again"));
  message.removal_tried = message.removal_promised = message.boxed && boxed == 0;

  const auto waiting = run(store_->queued_of(message.id));
  const bool wanted = boxed > 0 || (waiting && !waiting->empty()) || !notices->empty();
  if (!wanted) {
    if (envelope) found(concat(id, " is kept though nothing names it"));
    return;
  }
  if (!envelope) return found(concat(id, " has no envelope: ", describe(envelope.error())));
  std::string trouble;
  if (whole(*store_, envelope->body, trouble) != content_of(message.seed, message.size)) {
    found(concat(id, sure ? " was acknowledged and" : " was not acknowledged and", " is ALTERED ",
                 trouble));
  }
}

void World::verify_queue(Message& message, std::size_t notices) {
  const std::string id = message.id.to_string();
  const auto waiting = run(store_->queued_of(message.id));
  if (!waiting) return found(concat(id, " queue: ", describe(waiting.error())));
  Stage now = Stage::ended;
  std::uint32_t attempts = message.attempts_tried;
  if (waiting->size() == 1) {
    now = Stage::kept;
    attempts = waiting->front().delivery.attempts;
    if (waiting->front().delivery.recipients.size() != message.recipients || notices != 0) {
      found(concat(id, " waits in part"));
    }
    const auto leased = run(store_->lease(waiting->front().key.queue, {},
                                          WallTime::max() - Milliseconds(1), 1'000'000));
    const bool listed = leased && std::ranges::any_of(*leased, [&](const QueuedDelivery& one) {
                          return one.key.message == message.id;
                        });
    if (!listed) found(concat(id, " waits, but its queue does not know"));
  } else if (!waiting->empty()) {
    found(concat(id, " has ", waiting->size(), " deliveries"));
  } else if (message.tried == Stage::kept) {
    return found(concat(id, " is FORGOTTEN: its delivery is gone without an end"));
  } else if (message.bounces && notices == 0) {
    now = Stage::told;
  } else if (notices != (message.bounces ? message.recipients : 0)) {
    found(concat(id, " has ", notices, " notices"));
  }
  if (now < message.promised || now > message.tried) {
    found(concat(id, " is at stage ", static_cast<int>(now), ", promised ",
                 static_cast<int>(message.promised), ", tried ", static_cast<int>(message.tried)));
  }
  if (attempts < message.attempts_promised || attempts > message.attempts_tried) {
    found(concat(id, " has ", attempts, " attempts, promised ", message.attempts_promised));
  }
  message.promised = message.tried = now;
  message.attempts_promised = message.attempts_tried = attempts;
  if (now == Stage::kept) message.bounces = false;
}

void World::verify_control(Worker& worker) {
  if (!control_) return;
  if (const Result<void> whole_file = control_->check(); !whole_file) {
    found(concat("control store: ", describe(whole_file.error())));
  }
  const auto directory = control_->snapshot();
  for (const std::string& name : worker.domains_promised) {
    if (!directory->is_local(*Domain::parse(name))) {
      found(concat("the domain ", name, " was acknowledged and is LOST"));
    }
  }
}

// The counters as a stranger computes them, from nothing but the events.
void World::verify_sums() {
  std::map<MessageId, std::vector<record::Event>> messages;
  EventSeq cursor{0};
  for (;;) {
    const auto events = run(store_->events_after(cursor, 1000));
    if (!events) return found(concat("events: ", describe(events.error())));
    if (events->empty()) break;
    cursor = events->back().seq;
    for (const SequencedEvent& event : *events)
      messages[event.event.message].push_back(event.event);
  }
  Counters sums;
  for (const auto& [id, events] : messages) {
    ++sums.messages;
    for (const RecipientState& recipient : recipient_states(events)) {
      ++sums.accepted;
      ++counter_of(sums, recipient.state);
    }
  }
  if (sums != store_->counters()) found("the counters do not agree with the events");
  const auto report = run(store_->check());
  if (!report) return found(concat("check: ", describe(report.error())));
  for (const Damage& damage : report->damage)
    found(concat("check: ", damage.what, ": ", damage.why));
}

}  // namespace mail::crash
