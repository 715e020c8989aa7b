// The part of check() that looks at what waits: each delivery can be found both ways, and the
// references that an envelope counts are there, all and no more.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "service/store/keys.h"
#include "service/store/rows.h"

namespace mail::rows {
namespace {

constexpr std::size_t kPage = 1'000'000;  // envelopes in memory at once
constexpr int kTries = 1000;
constexpr std::string_view kEntries = "e";  // rows of mailboxes

// All families as they were at one moment, or the sums could never agree while mail flows.
struct Moment {
  kv::Cursor envelopes;
  kv::Cursor schedule;
  kv::Cursor mailbox;
  kv::Cursor notice;
};
std::optional<Moment> moment(const kv::Database& db) {
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = db.sequence();
    Moment all{db.scan(kv::Family::envelope, "", ""), db.scan(kv::Family::schedule, "", ""),
               db.scan(kv::Family::mailbox, "", ""), db.scan(kv::Family::notice, "", "")};
    if (db.sequence() == before) return all;
  }
  return std::nullopt;
}

class References {
 public:
  References(Moment at, const Damaged& damaged, const std::function<bool()>& closing,
             CheckReport& report)
      : at_(std::move(at)), closing_(closing), report_(report) {
    for (const DamagedRow& row : damaged) excuse(row.family, row.key, row.message);
  }

  Result<void> run() {
    MAIL_TRY(read_quarantined());
    while (at_.envelopes.valid()) {
      MAIL_TRY(read_page());
      MAIL_TRY(count_by_message(at_.schedule, keys::kHeld));
      MAIL_TRY(count_by_message(at_.schedule, keys::kWaiting));
      MAIL_TRY(count_by_message(at_.notice, keys::kNotice));
      MAIL_TRY(count_entries());
      for (const auto& [id, missing] : missing_) judge(id, missing);
    }
    return at_.envelopes.status();
  }

 private:
  // What hangs on a damaged row cannot be counted.
  void excuse(kv::Family family, std::string_view key, std::optional<MessageId> message) {
    if (message) {
      excused_.insert(*message);
    } else if (family == kv::Family::mailbox && key.starts_with(kEntries)) {
      entries_damaged_ = true;
    }
  }

  Result<void> read_quarantined() {
    at_.notice.seek(keys::kQuarantined);
    for (; at_.notice.valid() && at_.notice.key().starts_with(keys::kQuarantined);
         at_.notice.next()) {
      const std::string_view key = at_.notice.key();
      if (key.size() < 2) continue;
      const auto family = static_cast<kv::Family>(key[1]);
      if (family == kv::Family::schedule && key.substr(2).starts_with("l")) {
        const MessageId lost = keys::id_in(key.substr(3));
        report_.damage.push_back({concat("message ", lost.to_string()),
                                  "what waited of it is lost: its table file was given up"});
        excused_.insert(lost);
        continue;
      }
      excuse(family, key.substr(2), message_in(family, key.substr(2)));
    }
    return at_.notice.status();
  }

  static std::optional<MessageId> message_in(kv::Family family, std::string_view key) {
    switch (family) {
      case kv::Family::envelope:
      case kv::Family::queue_body:
      case kv::Family::mail_body:
        return keys::id_in(key);
      case kv::Family::schedule:
        if (const auto queued = keys::parse_queued(key)) return queued->message;
        if (const auto held = keys::parse_of_message(key)) return held->message;
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  Result<void> read_page() {
    missing_.clear();
    first_ = keys::id_in(at_.envelopes.key());
    for (; at_.envelopes.valid() && missing_.size() < kPage; at_.envelopes.next()) {
      if (closing_()) return fail(Errc::store_unhealthy, "the store is being reopened");
      last_ = keys::id_in(at_.envelopes.key());
      const Result<record::Envelope> envelope = record::parse_envelope(at_.envelopes.value());
      if (envelope) missing_[last_] = envelope->references;
    }
    return at_.envelopes.status();
  }

  void count(MessageId message) {
    if (const auto found = missing_.find(message); found != missing_.end()) --found->second;
  }

  // Rows whose key goes on with the id of a message, from first_ to last_.
  Result<void> count_by_message(kv::Cursor& rows, std::string_view row) {
    rows.seek(keys::of_message(row, first_));
    for (; rows.valid() && rows.key().starts_with(row); rows.next()) {
      const MessageId message = keys::id_in(rows.key().substr(row.size()));
      if (message > last_) break;
      count(message);
    }
    return rows.status();
  }

  Result<void> count_entries() {
    at_.mailbox.seek(kEntries);
    for (; at_.mailbox.valid() && at_.mailbox.key().starts_with(kEntries); at_.mailbox.next()) {
      if (closing_()) return fail(Errc::store_unhealthy, "the store is being reopened");
      const Result<record::MailboxEntry> entry = record::parse_entry(at_.mailbox.value());
      if (entry) {
        count(entry->message);
      } else {
        entries_damaged_ = true;
      }
    }
    return at_.mailbox.status();
  }

  void judge(MessageId id, std::int64_t missing) {
    if (missing == 0 || excused_.contains(id)) return;
    if (missing > 0 && entries_damaged_) return;
    report_.damage.push_back(
        {concat("envelope ", id.to_string()),
         missing > 0 ? concat("it counts ", missing, " references that are not there")
                     : concat("it is named ", -missing, " times more than it counts")});
  }

  Moment at_;
  const std::function<bool()>& closing_;
  CheckReport& report_;
  std::unordered_set<MessageId> excused_;
  bool entries_damaged_ = false;
  std::unordered_map<MessageId, std::int64_t> missing_;  // of one page
  MessageId first_;
  MessageId last_;
};

// Rows of the schedule one by one; mail may come and go, so what looks wrong is looked at again.
class Waiting {
 public:
  Waiting(const kv::Database& db, Damaged& damaged, const std::function<bool()>& closing,
          CheckReport& report)
      : db_(db), damaged_(damaged), closing_(closing), report_(report) {}

  Result<void> run() {
    kv::Cursor rows = db_.scan(kv::Family::schedule, "", "");
    for (; rows.valid(); rows.next()) {
      if (closing_()) return fail(Errc::store_unhealthy, "the store is being reopened");
      if (rows.key().starts_with(keys::kWaiting)) {
        place(rows.key(), rows.value());
      } else {
        MAIL_TRY(delivery(rows.key(), rows.value()));
      }
    }
    MAIL_TRY(rows.status());
    return notices();
  }

 private:
  bool there(kv::Family family, std::string_view key) const {
    return db_.contains(family, key).value_or(true);
  }

  void complain(kv::Family family, std::string_view key, std::string why) {
    if (there(family, key)) report_.damage.push_back({name_of(family, key), std::move(why)});
  }

  void place(std::string_view key, std::string_view value) {
    const std::optional<QueueKey> named = keys::parse_queued(value);
    const std::optional<HeldKey> own = keys::parse_of_message(key);
    if (!named || !own || named->message != own->message || named->number != own->number) {
      return complain(kv::Family::schedule, key, "it does not say where the delivery waits");
    }
    if (there(kv::Family::schedule, value)) return;
    const Result<std::string> now = db_.get(kv::Family::schedule, key);
    if (now && *now == value) {
      complain(kv::Family::schedule, key, "the delivery is not in its queue");
    }
  }

  Result<void> delivery(std::string_view key, std::string_view value) {
    const std::optional<QueueKey> queued = keys::parse_queued(key);
    const std::optional<HeldKey> held =
        key.starts_with(keys::kHeld) ? keys::parse_of_message(key) : std::nullopt;
    if (!queued && !held) {
      complain(kv::Family::schedule, key, "its key does not decode");
      return {};
    }
    const MessageId message = queued ? queued->message : held->message;
    const Result<record::PendingDelivery> delivery = record::parse_pending(value);
    if (!delivery) {
      if (delivery.error().code != Errc::store_corrupt) return std::unexpected(delivery.error());
      if (there(kv::Family::schedule, key)) {
        damaged_.push_back({kv::Family::schedule, std::string(key),
                            name_of(kv::Family::schedule, key), delivery.error().detail, message});
      }
      return {};
    }
    if (!there(kv::Family::envelope, message.key())) {
      complain(kv::Family::schedule, key, "its message is missing");
    }
    if (queued) {
      const auto found =
          db_.get(kv::Family::schedule, keys::waiting(queued->message, queued->number));
      if (!found || *found != key) {
        complain(kv::Family::schedule, key, "its message does not name it");
      }
    }
    return {};
  }

  Result<void> notices() {
    kv::Cursor rows = db_.scan_prefix(kv::Family::notice, keys::kNotice);
    for (; rows.valid(); rows.next()) {
      const Result<record::Notice> notice = record::parse_notice(rows.value());
      if (!notice && notice.error().code != Errc::store_corrupt) {
        return std::unexpected(notice.error());
      }
      const std::optional<NoticeKey> key = keys::parse_notice(rows.key());
      if (!key || !notice) {
        damaged_.push_back(
            {kv::Family::notice, std::string(rows.key()), name_of(kv::Family::notice, rows.key()),
             notice ? "its key does not decode" : notice.error().detail, std::nullopt});
      } else if (!there(kv::Family::envelope, key->message.key())) {
        complain(kv::Family::notice, rows.key(), "its message is missing");
      }
    }
    return rows.status();
  }

  const kv::Database& db_;
  Damaged& damaged_;
  const std::function<bool()>& closing_;
  CheckReport& report_;
};

}  // namespace

Result<void> check_waiting(const kv::Database& db, Damaged& damaged,
                           const std::function<bool()>& closing, CheckReport& report) {
  MAIL_TRY(Waiting(db, damaged, closing, report).run());
  std::optional<Moment> at = moment(db);
  if (!at) return {};  // writes come so fast that no two reads see the same
  return References(std::move(*at), damaged, closing, report).run();
}

}  // namespace mail::rows
