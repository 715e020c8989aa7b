// Reads the whole store and compares what must agree. Mail may come and go meanwhile: before a row
// is called damaged for what is missing elsewhere, it is looked at again.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "service/store/changes.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"
#include "service/store/ledger.h"
#include "service/store/rows.h"
#include "service/store/segments.h"

namespace mail::rows {
namespace {

class Checker {
 public:
  Checker(const kv::Database& db, const Segments& segments, Damaged& damaged,
          const std::function<bool()>& closing)
      : db_(db), segments_(segments), damaged_(damaged), closing_(closing) {}

  Result<CheckReport> run() {
    MAIL_TRY(messages());
    MAIL_TRY(orphans(kv::Family::queue_body));
    MAIL_TRY(orphans(kv::Family::mail_body));
    MAIL_TRY(segments());
    MAIL_TRY(mailboxes());
    MAIL_TRY(check_waiting(db_, damaged_, closing_, report_));
    MAIL_TRY(events());
    for (const DamagedRow& row : damaged_) report_.damage.push_back({row.what, row.why});
    return std::move(report_);
  }

 private:
  bool there(kv::Family family, std::string_view key) const {
    return db_.contains(family, key).value_or(true);
  }

  Result<void> go_on() const {
    if (!closing_()) return {};
    return fail(Errc::store_unhealthy, "a write failed; the store is being reopened");
  }

  // The error of a row read as damaged is in `damaged_`; only others end the check.
  static Result<void> tolerate(const Error& error) {
    if (error.code == Errc::store_corrupt) return {};
    return std::unexpected(error);
  }

  Result<void> tolerate_and_name(std::string what, const Error& error) {
    MAIL_TRY(tolerate(error));
    complain(std::move(what), error.detail);
    return {};
  }

  Result<void> messages() {
    kv::Cursor rows = db_.scan(kv::Family::envelope, "", "");
    for (; rows.valid(); rows.next()) {
      MAIL_TRY(go_on());
      ++report_.messages;
      MessageId id;
      std::ranges::copy(rows.key(), id.bytes.begin());
      const Result<record::Envelope> found = envelope(db_, id, damaged_);
      if (!found) {
        if (found.error().code != Errc::not_found) MAIL_TRY(tolerate(found.error()));
      } else if (!std::holds_alternative<record::NoBody>(found->body)) {
        MAIL_TRY(content(*found));
      }
    }
    return rows.status();
  }

  Result<void> content(const record::Envelope& envelope) {
    if (!std::holds_alternative<record::InlineBody>(envelope.body)) ++report_.bodies;
    std::uint64_t offset = 0;
    for (;;) {
      const Result<std::string> octets = body(db_, segments_, envelope.body, offset, damaged_);
      if (!octets && octets.error().code == Errc::not_found) {
        if (there(kv::Family::envelope, envelope.id.key())) {
          complain(concat("body ", envelope.id.to_string()), "it is missing");
        }
        return {};
      }
      if (!octets) return tolerate(octets.error());
      if (octets->empty()) break;
      offset += octets->size();
    }
    if (offset != envelope.size) {
      complain(concat("body ", envelope.id.to_string()),
               concat("it has ", offset, " octets, its envelope says ", envelope.size));
    }
    return {};
  }

  static bool is_inline(std::string_view row) {
    const Result<record::Envelope> envelope = record::parse_envelope(row);
    return envelope && std::holds_alternative<record::InlineBody>(envelope->body);
  }

  Result<void> orphans(kv::Family family) {
    std::string from;
    for (;;) {
      std::string last = from;
      kv::Cursor rows = db_.scan(family, from, "");
      MAIL_TRY(orphans(family, rows, last));
      if (const Result<void> read = rows.status();
          read || read.error().code != Errc::store_corrupt) {
        return read;
      }
      // A row behind `last` cannot be read: of the next message, which was named with its body.
      const std::string id = last.substr(0, sizeof(MessageId::bytes));
      kv::Cursor next = db_.scan(kv::Family::envelope, kv::after_prefix(id), "");
      while (next.valid() && is_inline(next.value())) next.next();
      if (!next.valid()) return next.status();
      from = kv::after_prefix(next.key());
    }
  }

  Result<void> orphans(kv::Family family, kv::Cursor& rows, std::string& last) {
    for (; rows.valid(); rows.next()) {
      MAIL_TRY(go_on());
      last = rows.key();
      const std::string_view id = rows.key().substr(0, sizeof(MessageId::bytes));
      if (there(kv::Family::envelope, id) || there(kv::Family::staging, id)) continue;
      if (there(family, rows.key()) && !there(kv::Family::envelope, id)) {
        complain(name_of(family, rows.key()), "no envelope names it");
      }
    }
    return {};
  }

  // More than there are keep a file too long, fewer remove it too early.
  Result<void> segments() {
    const std::uint64_t before = db_.sequence();
    const auto rows = segment_rows(db_);
    if (!rows) return tolerate_and_name("segments", rows.error());
    MAIL_TRY(const SegmentCount count, count_segments(db_));
    if (db_.sequence() != before || count.unread > 0) return {};
    std::map<std::uint64_t, std::uint64_t> differ = *rows;
    for (const auto& [number, bodies] : count.bodies) differ[number] -= bodies;
    for (const auto& [number, difference] : differ) {
      if (difference == 0) continue;
      complain(concat("segment ", number), "its row and the envelopes count other bodies in it");
    }
    return {};
  }

  Result<void> mailboxes() {
    kv::Cursor rows = db_.scan_prefix(kv::Family::mailbox, std::string(1, keys::kMailboxRow));
    for (; rows.valid(); rows.next()) {
      ++report_.mailboxes;
      const MailboxId id{read_big_endian<std::uint64_t>(rows.key().substr(1))};
      const Result<std::string> before = db_.get(kv::Family::mailbox, rows.key());
      if (!before) continue;  // removed just now
      const Result<record::MailboxInfo> info = record::parse_mailbox(*before);
      if (!info) {
        complain(name_of(kv::Family::mailbox, rows.key()), info.error().detail);
        continue;
      }
      MAIL_TRY(const Sum sum, entries_of(id));
      const Result<std::string> after = db_.get(kv::Family::mailbox, rows.key());
      if (sum.damaged || !after || *after != *before) continue;  // it changed meanwhile
      if (sum.messages != info->messages || sum.bytes != info->bytes ||
          sum.last_uid >= info->uid_next.value) {
        complain(concat("mailbox ", id.value), "its sums do not agree with its entries");
      }
    }
    return rows.status();
  }

  struct Sum {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::uint32_t last_uid = 0;
    bool damaged = false;
  };
  Result<Sum> entries_of(MailboxId id) {
    Sum sum;
    const std::string prefix = keys::entries(id);
    kv::Cursor rows = db_.scan_prefix(kv::Family::mailbox, prefix);
    for (; rows.valid(); rows.next()) {
      MAIL_TRY(go_on());
      ++report_.entries;
      const Uid uid{read_big_endian<std::uint32_t>(rows.key().substr(prefix.size()))};
      const Result<record::MailboxEntry> found = entry(db_, id, uid, damaged_);
      if (!found) {
        if (found.error().code != Errc::not_found) MAIL_TRY(tolerate(found.error()));
        sum.damaged = true;
        continue;
      }
      ++sum.messages;
      sum.bytes += found->size;
      sum.last_uid = uid.value;
      if (!there(kv::Family::envelope, found->message.key()) &&
          there(kv::Family::mailbox, rows.key())) {
        complain(name_of(kv::Family::mailbox, rows.key()),
                 concat("message ", found->message.to_string(), " is missing"));
      }
    }
    MAIL_TRY(rows.status());
    return sum;
  }

  Result<void> events() {
    MAIL_TRY(const std::string before, last_event());
    const std::size_t damaged_before = damaged_.size();
    kv::Cursor rows = db_.scan_prefix(kv::Family::event, "s");
    for (; rows.valid(); rows.next()) {
      MAIL_TRY(go_on());
      ++report_.events;
      const Result<record::Event> event = record::parse_event(rows.value());
      if (event) continue;
      MAIL_TRY(tolerate(event.error()));
      damaged_.push_back({kv::Family::event, std::string(rows.key()),
                          name_of(kv::Family::event, rows.key()), event.error().detail,
                          std::nullopt});
    }
    MAIL_TRY(rows.status());
    if (damaged_.size() > damaged_before) return {};  // then the sums cannot be told from events
    MAIL_TRY(const Counters told, recount(db_));
    Damaged of_counters;
    MAIL_TRY(const StoreState kept, StoreState::load(db_, of_counters));
    MAIL_TRY(const std::string after, last_event());
    if (before == after && told != kept.totals()) {
      complain("counters", "they do not agree with the events");
    }
    return {};
  }

  Result<std::string> last_event() const {
    const kv::Cursor last = db_.scan_down(kv::Family::event, kv::after_prefix("s"), "s");
    MAIL_TRY(last.status());
    return last.valid() ? std::string(last.key()) : std::string();
  }

  void complain(std::string what, std::string why) {
    report_.damage.push_back({std::move(what), std::move(why)});
  }

  const kv::Database& db_;
  const Segments& segments_;
  Damaged& damaged_;
  const std::function<bool()>& closing_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check(const kv::Database& db, const Segments& segments, Damaged& damaged,
                          const std::function<bool()>& closing) {
  return Checker(db, segments, damaged, closing).run();
}

Result<Counters> recount(const kv::Database& db) {
  Counters counters;
  MessageId last;
  kv::Cursor runs = db.scan(kv::Family::run, "", "");
  for (; runs.valid(); runs.next()) {
    MessageId id;
    std::ranges::copy(runs.key().substr(1, id.bytes.size()), id.bytes.begin());
    if (id == last) continue;  // a later run of the same message
    last = id;
    MAIL_TRY(const std::vector<record::Event> events, read_events(db, id, nullptr));
    ++counters.messages;
    for (const RecipientState& recipient : recipient_states(events)) {
      ++counters.accepted;
      ++counter_of(counters, recipient.state);
    }
  }
  MAIL_TRY(runs.status());
  return counters;
}

}  // namespace mail::rows
