#include "world.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>

#include "base/executor.h"
#include "base/text.h"
#include "codec/address/address.h"

namespace mail::crash {
namespace {

const WallTime kStart{Milliseconds(1'790'000'000'000)};
constexpr std::size_t kChunk = 20'000;
constexpr std::size_t kHeader = 18;
constexpr std::string_view kFields = "X-Added: y\r\n";

template <typename T>
T run(Task<T> task) {
  LoopExecutor loop;
  return block_on(loop, std::move(task));
}

QueueName queue_of(std::size_t worker) { return {"mx", concat("w", worker, ".test"), ""}; }
AccountId account_of(std::size_t worker) { return {worker + 1}; }
std::string address_of(std::size_t worker, std::size_t n) {
  return concat("r", n, "@w", worker, ".test");
}

RocksOptions small_options() {
  RocksOptions options;
  // Small, so that flushes, table files and their removal are part of each life.
  options.database.body_memtable = ByteCount{96 << 10};
  options.database.other_memtable = ByteCount{64 << 10};
  options.database.block_cache = ByteCount{1 << 20};
  options.tick = Milliseconds(3);
  // So that some groups are worth a segment and files fill, empty and go.
  options.segment_body = ByteCount{6 << 10};
  options.segment_group = ByteCount{24 << 10};
  options.segment_file = ByteCount{300 << 10};
  options.space = [](const std::filesystem::path&) -> Result<os::Space> {
    return os::Space{1ULL << 40, 1ULL << 40};
  };
  return options;
}

}  // namespace

std::string content_of(std::uint64_t seed, std::size_t size) {
  std::string content = "Subject: hello\r\n\r\n";
  content.reserve(size + sizeof(std::uint64_t));
  for (std::uint64_t x = seed | 1; content.size() < size;) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    content.append(reinterpret_cast<const char*>(&x), sizeof x);
  }
  content.resize(size);
  return content;
}

World::World(Disk& disk, std::uint64_t seed) : disk_(disk), dice_(seed), clock_(kStart) {
  for (std::size_t i = 0; i < kWorkers; ++i) {
    all_.emplace_back();
    all_.back().number = i;
    all_.back().dice.seed(dice_());
  }
}

World::~World() = default;

void World::found(std::string what) {
  const std::lock_guard lock(mutex_);
  findings_.push_back(std::move(what));
}

std::size_t World::acknowledged() const {
  std::size_t sum = 0;
  for (const Worker& worker : all_) sum += worker.acknowledged;
  return sum;
}

std::size_t World::refused() const {
  std::size_t sum = 0;
  for (const Worker& worker : all_) sum += worker.refused;
  return sum;
}

// Back as often as forth: an id must not come again.
void World::jump_clock() {
  const auto by = Milliseconds(static_cast<std::int64_t>(dice_() % 40'000) - 20'000);
  clock_.set_wall(dice_() % 3 == 0 ? kStart : clock_.wall_now() + by);
}

bool World::open(bool with_control) {
  RocksOptions options = small_options();
  if (little_space_) {
    const auto looks = std::make_shared<std::atomic<unsigned>>(0);
    options.space = [looks](const std::filesystem::path&) -> Result<os::Space> {
      return os::Space{1ULL << 40, ++*looks % 3 == 1 ? 1ULL << 20 : 1ULL << 40};
    };
  }
  Result<std::unique_ptr<RocksMailStore>> store =
      RocksMailStore::open(disk_.root(), clock_, std::move(options));
  if (!store) {
    why_ = describe(store.error());
    return false;
  }
  store_ = std::move(*store);
  for (const MessageId& id : store_->missing()) {
    found(concat("the journal has ", id.to_string(), ", which the store has not"));
  }
  if (!with_control) return true;
  Result<std::unique_ptr<ControlStore>> control = ControlStore::open(disk_.root() / "control.db");
  if (!control) {
    why_ = describe(control.error());
    return false;
  }
  control_ = std::move(*control);
  return true;
}

void World::close() {
  store_.reset();
  control_.reset();
}

void World::work(std::size_t steps, const std::function<bool()>& stop) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers_; ++i) {
    threads.emplace_back([&, this, i] {
      for (std::size_t n = 0; n < steps && disk_.powered() && !stop(); ++n) step(all_[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void World::step(Worker& worker) {
  const std::uint64_t roll = worker.dice() % 100;
  clock_.advance(Milliseconds(static_cast<std::int64_t>(worker.dice() % 3)));
  if (roll < 45) return keep_new(worker);
  if (roll < 72) return settle_one(worker);
  if (roll < 82) return tell_one(worker);
  if (roll < 89) return remove_one(worker);
  if (roll < 93) return drop_one(worker);
  if (worker.number == 0) add_domain(worker);
}

// --- what is done ---

// Notes what was acknowledged while there was power. A refusal on a disk that is well is a finding.
bool World::accepted(Worker& worker, const Result<void>& result,
                     const std::function<void()>& note) {
  if (result) {
    return disk_.while_powered([&] {
      note();
      ++worker.acknowledged;
    });
  }
  ++worker.refused;
  if (disk_.powered() && !errors_expected_) {
    found(concat("refused on a disk that is well: ", describe(result.error())));
  }
  if (fate_of(result.error().code) != Fate::retry) {
    found(concat("refused for ever: ", describe(result.error())));
  }
  return false;
}

template <typename T>
bool World::usable(const Result<T>& result) {
  if (!result && disk_.powered() && !errors_expected_) {
    found(concat("cannot read on a disk that is well: ", describe(result.error())));
  }
  return result.has_value();
}

Message& World::begin_message(Worker& worker, std::size_t size) {
  Message& message = worker.messages.emplace_back();
  message.id = store_->next_id();
  message.seed = worker.dice();
  message.size = size;
  const std::lock_guard lock(mutex_);
  if (!ids_.insert(message.id).second) {
    findings_.push_back(concat("the id ", message.id.to_string(), " was given twice"));
  }
  return message;
}

Draft World::draft_of(const Worker& worker, const Message& message) {
  Draft draft;
  draft.id = message.id;
  draft.received_at = clock_.wall_now();
  draft.reverse_path = "tom@gmail.test";
  draft.header_size = kHeader;
  draft.size = message.size;
  draft.content = content_of(message.seed, message.size);
  if (message.boxed) {
    draft.recipients.emplace_back("jerry@yahoo.test");
    draft.deliveries.push_back({ToMailbox{account_of(worker.number)},
                                {"jerry@yahoo.test"},
                                draft.reverse_path,
                                std::string(kFields)});
  }
  if (message.queued) {
    std::vector<Recipient> recipients;
    for (std::size_t i = 0; i < message.recipients; ++i) {
      recipients.emplace_back(address_of(worker.number, i));
      draft.recipients.push_back(recipients.back());
    }
    draft.deliveries.push_back({ToRoute{queue_of(worker.number), clock_.wall_now()},
                                std::move(recipients), draft.reverse_path, std::string(kFields)});
  }
  return draft;
}

// A body too large for memory goes ahead in chunks, unsynced.
bool World::stage(Worker& worker, Draft& draft, const std::string& content) {
  draft.content = content.substr(0, kChunk);
  for (std::size_t at = kChunk; at < content.size(); at += kChunk) {
    const Result<void> staged =
        run(store_->stage(draft.id, ++draft.staged_chunks, content.substr(at, kChunk)));
    if (!staged) {
      accepted(worker, staged, [] {});
      return false;
    }
  }
  return true;
}

void World::keep_new(Worker& worker) {
  std::vector<Draft> drafts;
  const std::size_t count = worker.dice() % 8 == 0 ? 3 : 1;  // all of them or none
  const std::size_t first = worker.messages.size();
  for (std::size_t i = 0; i < count; ++i) {
    constexpr std::array<std::size_t, 6> kSizes{40, 700, 1500, 4000, 9000, 55'000};
    const std::size_t base = kSizes[worker.dice() % kSizes.size()];
    Message& message = begin_message(worker, base + worker.dice() % base);
    const std::uint64_t where = worker.dice() % 4;
    message.boxed = where != 0;
    message.queued = where != 1;
    message.recipients = 1 + worker.dice() % 3;
    message.tried = Stage::kept;
    Draft draft = draft_of(worker, message);
    if (message.size > kChunk && worker.dice() % 3 == 0) {
      const std::string content = std::move(draft.content);
      if (!stage(worker, draft, content)) {
        run(store_->drop_staged(draft.id));
        worker.messages.resize(first);  // nothing was asked for
        return;
      }
    }
    drafts.push_back(std::move(draft));
  }
  const Result<void> kept = run(store_->commit(drafts));
  accepted(worker, kept, [&] {
    for (std::size_t i = first; i < worker.messages.size(); ++i) {
      worker.messages[i].promised = Stage::kept;
    }
  });
}

bool World::commit_one() {
  Worker& worker = all_[0];
  Message& message = begin_message(worker, 2000);
  message.boxed = true;
  message.tried = Stage::kept;
  std::vector<Draft> drafts;
  drafts.push_back(draft_of(worker, message));
  const Result<void> kept = run(store_->commit(drafts));
  return accepted(worker, kept, [&] { message.promised = Stage::kept; });
}

void World::settle_one(Worker& worker) {
  std::vector<Message*> waiting;
  for (Message& message : worker.messages) {
    const bool sure = message.promised == Stage::kept && message.tried == Stage::kept &&
                      message.attempts_promised == message.attempts_tried;
    if (message.queued && sure) waiting.push_back(&message);
  }
  if (waiting.empty()) return;
  Message& message = *waiting[worker.dice() % waiting.size()];
  const auto found_rows = run(store_->queued_of(message.id));
  if (!usable(found_rows)) return;
  if (found_rows->size() != 1) {
    return found(concat(message.id.to_string(), " has ", found_rows->size(), " deliveries, not 1"));
  }
  const QueuedDelivery& delivery = found_rows->front();
  Outcome outcome;
  outcome.place = delivery.key;
  outcome.at = clock_.wall_now();
  outcome.attempts = delivery.delivery.attempts + 1;
  const std::uint64_t roll = worker.dice() % 4;
  using Kind = RecipientOutcome::Kind;
  const Kind kind = roll < 2 ? Kind::deferred : roll == 2 ? Kind::delivered : Kind::bounced;
  std::vector<Recipient> rest;
  for (const auto& one : delivery.delivery.recipients) {
    RecipientOutcome told{.recipient = one.recipient.address,
                          .kind = kind,
                          .facts = {{"host", "mx.test"}},
                          .reason = kind == Kind::deferred ? "451 later" : "",
                          .notice = std::nullopt};
    if (kind == Kind::bounced) {
      told.notice.emplace();
      told.notice->at = outcome.at;
      told.notice->reverse_path = "tom@gmail.test";
      told.notice->recipient = told.recipient;
      told.notice->status = "5.1.1";
    }
    if (kind == Kind::deferred) rest.push_back(one.recipient);
    outcome.recipients.push_back(std::move(told));
  }
  if (kind == Kind::deferred) {
    outcome.rest.push_back(
        {ToRoute{queue_of(worker.number), clock_.wall_now() + Milliseconds(worker.dice() % 9000)},
         std::move(rest), "tom@gmail.test", std::string(kFields)});
    ++message.attempts_tried;
  } else {
    message.tried = Stage::ended;
    message.bounces = kind == Kind::bounced;
  }
  std::vector<Outcome> outcomes;
  outcomes.push_back(std::move(outcome));
  accepted(worker, run(store_->settle(std::move(outcomes))), [&] {
    message.promised = message.tried;
    message.attempts_promised = message.attempts_tried;
  });
}

void World::tell_one(Worker& worker) {
  for (std::size_t i = 0; i < worker.messages.size(); ++i) {
    Message& about = worker.messages[i];
    if (!about.bounces || about.promised != Stage::ended || about.tried != Stage::ended) continue;
    const auto due = run(store_->notices(about.id));
    if (!usable(due)) return;
    if (due->size() != about.recipients) {
      return found(concat(about.id.to_string(), " has ", due->size(), " notices due"));
    }
    about.tried = Stage::told;
    Message& dsn = begin_message(worker, 1800);  // `about` may have moved
    dsn.boxed = true;
    dsn.tried = Stage::kept;
    dsn.tells = i;
    std::vector<Draft> drafts;
    drafts.push_back(draft_of(worker, dsn));
    for (const DueNotice& notice : *due) drafts.back().tells.push_back(notice.key);
    accepted(worker, run(store_->commit(drafts)), [&] {
      worker.messages.back().promised = Stage::kept;
      worker.messages[i].promised = Stage::told;
    });
    return;
  }
}

void World::remove_one(Worker& worker) {
  const auto boxes = run(store_->mailboxes(account_of(worker.number)));
  if (!usable(boxes) || boxes->empty()) return;
  const auto entries = run(store_->entries(boxes->front().id, Uid{0}, 1000));
  if (!usable(entries) || entries->empty()) return;
  const record::MailboxEntry& entry = (*entries)[worker.dice() % entries->size()];
  const auto message = std::ranges::find(worker.messages, entry.message, &Message::id);
  if (message == worker.messages.end()) {
    return found(concat("an entry of ", entry.message.to_string(), ", which nobody sent"));
  }
  // What was refused and is there nevertheless is only known after the next opening.
  if (message->promised == Stage::begun) return;
  message->removal_tried = true;
  accepted(worker, run(store_->remove_entries(boxes->front().id, {entry.uid})),
           [&] { message->removal_promised = true; });
}

void World::drop_one(Worker& worker) {
  const MessageId id = store_->next_id();
  const Result<void> staged = run(store_->stage(id, 1, content_of(worker.dice(), 3000)));
  if (!staged) {
    accepted(worker, staged, [] {});
    return;
  }
  if (worker.dice() % 2 == 0) run(store_->drop_staged(id));  // else the next start removes it
}

void World::add_domain(Worker& worker) {
  if (!control_) return;
  const std::string name = concat("d", worker.next_domain++, ".test");
  worker.domains_tried.insert(name);
  const Result<Domain> domain = Domain::parse(name);
  const Result<void> added = control_->add_domain(*domain, "");
  if (added) {
    disk_.while_powered([&] { worker.domains_promised.push_back(name); });
  } else if (disk_.powered() && !errors_expected_) {
    found(concat("control store: ", describe(added.error())));
  }
}

}  // namespace mail::crash
