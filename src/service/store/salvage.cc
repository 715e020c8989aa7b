#include "service/store/salvage.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "platform/kv/mending.h"
#include "service/store/entry_sums.h"
#include "service/store/keys.h"
#include "service/store/rows.h"
#include "service/store/segments.h"

namespace mail {
namespace {

constexpr std::size_t kPage = 500;  // messages in one batch

// What events say of the recipients of one message.
class Fates {
 public:
  static Result<Fates> read(const kv::Database& db, MessageId id) {
    Fates fates;
    MAIL_TRY(const std::vector<record::Event> events, read_events(db, id, nullptr));
    fates.states_ = recipient_states(events);
    return fates;
  }

  // Whether they know the end of each of these.
  bool over(const record::PendingDelivery& delivery) const {
    return std::ranges::all_of(delivery.recipients, [&](const record::PendingRecipient& waiting) {
      const auto is_it = [&](const RecipientState& each) {
        return each.recipient == waiting.recipient.address;
      };
      return std::ranges::any_of(states_, is_it) &&
             std::ranges::none_of(states_, [&](const RecipientState& each) {
               return is_it(each) && open(each.state);
             });
    });
  }

  std::vector<RecipientState> still_open() const {
    std::vector<RecipientState> found;
    std::ranges::copy_if(states_, std::back_inserter(found),
                         [](const RecipientState& each) { return open(each.state); });
    return found;
  }

  static bool open(std::optional<record::EventKind> state) {
    return !state || *state == record::EventKind::deferred || *state == record::EventKind::held;
  }

 private:
  std::vector<RecipientState> states_;
};

// Deliveries that waited: each has one place, and none has ended. A page of rows at a time, in two
// rounds: what queues and holds name first, then what messages name.
class Places final : public Change {
 public:
  explicit Places(std::string_view rows) : rows_(rows), from_(rows) {}
  bool alone() const override { return true; }
  bool finished() const { return finished_; }
  std::uint64_t over() const { return over_; }

  Result<void> apply(Group& group) override {
    kv::Cursor rows = group.db.scan(kv::Family::schedule, from_, kv::after_prefix(rows_));
    for (std::size_t i = 0; rows.valid() && i < kPage; ++i, rows.next()) {
      if (rows_ == keys::kWaiting) {
        MAIL_TRY(place(group, rows.key(), rows.value()));
      } else {
        MAIL_TRY(delivery(group, rows.key(), rows.value()));
      }
    }
    MAIL_TRY(rows.status());
    finished_ = !rows.valid();
    if (!finished_) from_ = rows.key();
    return {};
  }

 private:
  // A place that nothing is at.
  Result<void> place(Group& group, std::string_view key, std::string_view value) {
    MAIL_TRY(const bool there, group.db.contains(kv::Family::schedule, value));
    if (!there) group.batch.remove(kv::Family::schedule, key);
    return {};
  }

  Result<void> delivery(Group& group, std::string_view key, std::string_view value) {
    const auto queued = keys::parse_queued(key);
    const auto held = keys::parse_of_message(key);
    const Result<record::PendingDelivery> row = record::parse_pending(value);
    if (!row || (!queued && !held)) return {};  // check() names it
    MAIL_TRY(const Fates fates, Fates::read(group.db, row->message));
    if (fates.over(*row)) {
      ++over_;
      remove(group, key, queued);
      return {};
    }
    if (!queued) return {};
    const std::string own = keys::waiting(queued->message, queued->number);
    const Result<std::string> named = group.db.get(kv::Family::schedule, own);
    if (named && *named == key) return {};
    const Result<std::string> other =
        named ? group.db.get(kv::Family::schedule, *named) : Result<std::string>(named);
    const Result<record::PendingDelivery> rival =
        other ? record::parse_pending(*other) : std::unexpected(other.error());
    if (rival && rival->attempts >= row->attempts) {  // an earlier try of the same delivery
      ++over_;
      group.batch.remove(kv::Family::schedule, key);
      return {};
    }
    if (rival) group.batch.remove(kv::Family::schedule, *named);
    group.batch.put(kv::Family::schedule, own, key);
    return {};
  }

  static void remove(Group& group, std::string_view key, const std::optional<QueueKey>& queued) {
    group.batch.remove(kv::Family::schedule, key);
    if (queued) {
      group.batch.remove(kv::Family::schedule, keys::waiting(queued->message, queued->number));
    }
  }

  const std::string rows_;
  std::string from_;
  std::uint64_t over_ = 0;
  bool finished_ = false;
};

// Recipients that events know to wait, and that wait nowhere: lost, and said to be.
class Losses final : public Change {
 public:
  explicit Losses(const std::string& why) : why_(why) {}
  bool alone() const override { return true; }
  bool finished() const { return finished_; }
  const std::vector<MessageId>& lost() const { return lost_; }

  Result<void> apply(Group& group) override {
    kv::Cursor runs = group.db.scan(kv::Family::run, from_, "");
    for (std::size_t i = 0; runs.valid() && i < kPage; ++i) {
      const MessageId id = keys::id_in(runs.key().substr(1));
      MAIL_TRY(message(group, id));
      runs.seek(kv::after_prefix(keys::runs(id)));
    }
    MAIL_TRY(runs.status());
    finished_ = !runs.valid();
    if (!finished_) from_ = runs.key();
    return {};
  }

 private:
  Result<void> message(Group& group, MessageId id) {
    MAIL_TRY(const Fates fates, Fates::read(group.db, id));
    std::vector<RecipientState> open = fates.still_open();
    if (open.empty()) return {};
    rows::Damaged damaged;
    MAIL_TRY(const std::vector<QueuedDelivery> queued, rows::queued_of(group.db, id, damaged));
    MAIL_TRY(const std::vector<HeldDelivery> held, rows::held_of(group.db, id, damaged));
    if (!damaged.empty()) return {};  // check() names it
    const auto found = [&](const record::PendingDelivery& delivery) {
      for (const record::PendingRecipient& each : delivery.recipients) {
        const auto at = std::ranges::find(open, each.recipient.address, &RecipientState::recipient);
        if (at != open.end()) open.erase(at);
      }
    };
    for (const QueuedDelivery& each : queued) found(each.delivery);
    for (const HeldDelivery& each : held) found(each.delivery);
    if (!open.empty()) name(group, id, open);
    return {};
  }

  void name(Group& group, MessageId id, const std::vector<RecipientState>& recipients) {
    lost_.push_back(id);
    EventRows events;
    Counters effect;
    for (const RecipientState& each : recipients) {
      events.add({.message = id,
                  .kind = record::EventKind::quarantined,
                  .at = group.now,
                  .recipient = each.recipient,
                  .recipients = {},
                  .facts = {{"what", "its delivery is lost"}, {"why", why_}}});
      --counter_of(effect, each.state);
      ++effect.quarantined;
    }
    group.state.put_events(group.batch, id, record::EventKind::quarantined, events);
    group.state.count(effect, group.now);
    // check() goes on saying so.
    set_aside(group.db, group.batch,
              {kv::Family::schedule, std::string(keys::lost(id)),
               concat("what waited of ", id.to_string()), why_, std::nullopt});
  }

  const std::string why_;
  std::string from_;
  std::vector<MessageId> lost_;
  bool finished_ = false;
};

// Counters as the events tell them.
class Recount final : public Change {
 public:
  bool alone() const override { return true; }
  Result<void> apply(Group& group) override {
    MAIL_TRY(Counters told, rows::recount(group.db));
    const Counters kept = group.state.totals();
    told.accepted -= kept.accepted;
    told.delivered -= kept.delivered;
    told.bounced -= kept.bounced;
    told.expired -= kept.expired;
    told.discarded -= kept.discarded;
    told.quarantined -= kept.quarantined;
    told.held -= kept.held;
    told.queued -= kept.queued;
    told.messages -= kept.messages;
    if (told == Counters{}) return {};
    group.state.count(told, group.now);
    // Of a group without a row of its own nothing is written.
    group.batch.put(kv::Family::meta, keys::kFormatRow, keys::number(keys::kFormat));
    return {};
  }
};

Result<void> run(StoreEngine& engine, Change& change) {
  Change* one = &change;
  engine.write(std::span(&one, 1));
  return change.result;
}

// Whether the row of a mailbox is there and is not older than what it speaks of.
Result<bool> is_sound(const kv::Database& db, MailboxId id) {
  const Result<std::string> row = db.get(kv::Family::mailbox, keys::mailbox(id));
  if (!row && row.error().code == Errc::not_found) return false;
  MAIL_TRY(const std::string& bytes, row);
  const Result<record::MailboxInfo> info = record::parse_mailbox(bytes);
  if (!info) return false;
  MAIL_TRY(const EntrySums sums, sum_entries(db, id));
  return sums.messages == info->messages && sums.bytes == info->bytes &&
         sums.highest < info->uid_next;
}

// Mailboxes whose row is gone or old: it is put as damaged, and made anew from what is around it
// when the store opens.
Result<void> note_lost_mailboxes(kv::Database& db) {
  kv::Batch batch(db);
  kv::Cursor rows = db.scan_prefix(kv::Family::mailbox, "a");
  for (; rows.valid(); rows.next()) {
    if (rows.key().size() != 17) continue;
    const MailboxId id{read_big_endian<std::uint64_t>(rows.key().substr(9))};
    MAIL_TRY(const bool sound, is_sound(db, id));
    if (!sound) batch.put(kv::Family::mailbox, keys::mailbox(id), "lost");
  }
  MAIL_TRY(rows.status());
  if (batch.empty()) return {};
  return db.write(batch, kv::Sync::yes);
}

// Ids go on above all that were given, also where the row that says so is old.
Result<void> go_on_with_ids(StoreEngine& engine) {
  return engine.with([&](kv::Database& db) -> Result<void> {
    const kv::Cursor last = db.scan_down(kv::Family::run, "");
    MAIL_TRY(last.status());
    if (last.valid()) engine.ids().start_above(keys::id_in(last.key().substr(1)).milliseconds());
    return {};
  });
}

Result<void> agree(StoreEngine& engine, const std::string& why, Salvaged& salvaged) {
  MAIL_TRY(go_on_with_ids(engine));
  for (const std::string_view rows : {keys::kQueued, keys::kHeld, keys::kWaiting}) {
    for (Places places(rows); !places.finished();) {
      MAIL_TRY(run(engine, places));
      if (places.finished()) salvaged.over += places.over();
    }
  }
  Losses losses(why);
  while (!losses.finished()) MAIL_TRY(run(engine, losses));
  salvaged.lost = losses.lost();
  Recount recount;
  return run(engine, recount);
}

std::string names_of(const std::vector<kv::BrokenTable>& tables) {
  std::string names;
  for (const kv::BrokenTable& table : tables) append(names, names.empty() ? "" : ", ", table.file);
  return names;
}

}  // namespace

std::filesystem::path aside_folder(const std::filesystem::path& state_dir, const Clock& clock) {
  std::error_code error;
  for (auto at = clock.wall_now().time_since_epoch().count();; ++at) {  // the clock may go back
    std::filesystem::path aside = state_dir / concat("mail.damaged-", at);
    if (!std::filesystem::exists(aside, error)) return aside;
  }
}

Result<Salvaged> salvage_store(const std::filesystem::path& state_dir, const Clock& clock,
                               const RocksOptions& options) {
  Salvaged salvaged;
  const std::filesystem::path directory = state_dir / "mail";
  const std::filesystem::path aside = aside_folder(state_dir, clock);
  MAIL_TRY(const std::vector<std::string> mended, kv::mend(directory, aside));
  for (const std::string& file : mended) {
    salvaged.files.push_back({file, "damaged; made anew without loss"});
  }
  MAIL_TRY(const std::vector<kv::BrokenTable> broken,
           kv::broken_tables(directory, options.database));
  for (const kv::BrokenTable& table : broken) {
    salvaged.files.push_back(
        {concat(table.file, " (", kv::to_string(table.family), ")"), table.why});
    log::error("store.table_set_aside", {{"file", table.file},
                                         {"family", kv::to_string(table.family)},
                                         {"why", table.why},
                                         {"kept_in", aside.string()}});
  }
  if (!salvaged.files.empty()) salvaged.kept_in = aside;
  if (!broken.empty()) {
    // Rows that count what lies in segments may go, and so may all that names what lies there.
    const Segments segments(state_dir / "segments", 0);
    MAIL_TRY(segments.copy_to(aside / "segments"));
    MAIL_TRY(segments.distrust());
    MAIL_TRY(kv::give_up(directory, aside, broken));
    // Where the log is damaged as well, the engine knows what to do.
    if (const auto db = kv::Database::open(directory, options.database)) {
      for (const kv::BrokenTable& table : broken) {
        MAIL_TRY(const std::uint64_t rows, (*db)->put_back_rows(table, aside / table.file));
        salvaged.rows += rows;
      }
      MAIL_TRY(note_lost_mailboxes(**db));
    }
  }
  MAIL_TRY(const std::unique_ptr<StoreEngine> engine, StoreEngine::open(state_dir, clock, options));
  if (broken.empty()) return salvaged;
  MAIL_TRY(agree(*engine, concat("set aside: ", names_of(broken)), salvaged));
  for (const MessageId& id : engine->missing()) salvaged.lost.push_back(id);
  std::ranges::sort(salvaged.lost);
  const auto twice = std::ranges::unique(salvaged.lost);
  salvaged.lost.erase(twice.begin(), twice.end());
  for (const MessageId& id : salvaged.lost) {
    log::error("store.lost", {{"id", id.to_string()}, {"kept_in", aside.string()}});
  }
  return salvaged;
}

}  // namespace mail
