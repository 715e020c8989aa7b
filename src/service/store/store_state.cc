#include "service/store/store_state.h"

#include <algorithm>

#include "base/text.h"
#include "codec/record/record.h"
#include "service/store/keys.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

constexpr std::uint8_t kCountersVersion = 1;
constexpr std::uint8_t kSequenceVersion = 1;
constexpr std::uint64_t kSequenceGap = 1'000'000;

constexpr std::int64_t Counters::* kCounterFields[] = {
    &Counters::accepted, &Counters::delivered, &Counters::bounced,
    &Counters::expired,  &Counters::discarded, &Counters::quarantined,
    &Counters::held,     &Counters::queued,    &Counters::messages};

std::uint64_t hour_of(WallTime time) {
  const auto hour = std::chrono::floor<std::chrono::hours>(time.time_since_epoch()).count();
  return hour < 0 ? 0 : static_cast<std::uint64_t>(hour);
}

}  // namespace

void append_counters(std::string& out, const Counters& counters) {
  record::Writer writer(out, record::Type::counters, kCountersVersion);
  for (const auto field : kCounterFields) writer.u64(static_cast<std::uint64_t>(counters.*field));
  writer.finish();
}

Result<Counters> parse_counters(std::string_view bytes) {
  MAIL_TRY(record::Reader reader,
           record::Reader::open(bytes, record::Type::counters, kCountersVersion));
  Counters counters;
  for (const auto field : kCounterFields) counters.*field = static_cast<std::int64_t>(reader.u64());
  MAIL_TRY(reader.finish());
  return counters;
}

Result<StoreState> StoreState::load(const kv::Database& db, std::vector<DamagedRow>& damaged) {
  StoreState state;
  state.db_ = &db;
  MAIL_TRY(state.load_mailboxes(db, damaged));
  MAIL_TRY(state.load_counters(db, damaged));
  MAIL_TRY(state.load_next_event(db));
  return state;
}

Result<void> StoreState::load_mailboxes(const kv::Database& db, std::vector<DamagedRow>& damaged) {
  const std::string prefix(1, keys::kMailboxRow);
  std::vector<MailboxId> lost;
  kv::Cursor rows = db.scan_prefix(kv::Family::mailbox, prefix);
  for (; rows.valid(); rows.next()) {
    Result<record::MailboxInfo> info = record::parse_mailbox(rows.value());
    if (!info && info.error().code == Errc::store_newer) return std::unexpected(info.error());
    if (!info) {
      const auto number = read_big_endian<std::uint64_t>(rows.key().substr(1));
      damaged.push_back({kv::Family::mailbox, std::string(rows.key()), concat("mailbox ", number),
                         info.error().detail, std::nullopt});
      lost.push_back(MailboxId{number});
      next_mailbox_ = std::max(next_mailbox_, number + 1);
      continue;
    }
    next_mailbox_ = std::max(next_mailbox_, info->id.value + 1);
    last_validity_ = std::max(last_validity_, info->uid_validity);
    keep(std::move(*info));
  }
  MAIL_TRY(rows.status());
  MAIL_TRY(load_sequence(db, damaged));
  for (const MailboxId id : lost) MAIL_TRY(rebuild(db, id));
  return {};
}

void StoreState::keep(record::MailboxInfo info) {
  by_account_[info.account].push_back(info.id);
  mailboxes_.emplace(info.id, std::move(info));
}

Result<void> StoreState::load_sequence(const kv::Database& db, std::vector<DamagedRow>& damaged) {
  const Result<std::string> row = db.get(kv::Family::mailbox, keys::kMailboxSequence);
  if (!row && row.error().code == Errc::not_found) return {};
  MAIL_TRY(const std::string& bytes, row);
  auto reader = record::Reader::open(bytes, record::Type::mailbox_sequence, kSequenceVersion);
  if (!reader && reader.error().code == Errc::store_newer) return std::unexpected(reader.error());
  const std::uint64_t next = reader ? reader->u64() : 0;
  const std::uint32_t validity = reader ? reader->u32() : 0;
  if (reader && reader->finish()) {
    next_mailbox_ = std::max(next_mailbox_, next);
    last_validity_ = std::max(last_validity_, validity);
    return {};
  }
  damaged.push_back({kv::Family::mailbox, std::string(keys::kMailboxSequence),
                     "the numbers of mailboxes", "the record does not decode", std::nullopt});
  next_mailbox_ += kSequenceGap;  // over mailboxes that were removed
  sequence_changed_ = true;
  return {};
}

Result<void> StoreState::load_counters(const kv::Database& db, std::vector<DamagedRow>& damaged) {
  kv::Cursor rows = db.scan(kv::Family::counter, "", "");
  for (; rows.valid(); rows.next()) {
    const Result<Counters> counters = parse_counters(rows.value());
    if (!counters && counters.error().code == Errc::store_newer) {
      return std::unexpected(counters.error());
    }
    if (counters) {
      totals_ = totals_ + *counters;
    } else {
      damaged.push_back({kv::Family::counter, std::string(rows.key()),
                         concat("counters of hour ", read_big_endian<std::uint64_t>(rows.key())),
                         counters.error().detail, std::nullopt});
    }
  }
  return rows.status();
}

Result<void> StoreState::load_next_event(const kv::Database& db) {
  const kv::Cursor last = db.scan_down(kv::Family::event, kv::after_prefix("s"), "s");
  if (last.valid()) {
    next_event_ = EventSeq{read_big_endian<std::uint64_t>(last.key().substr(1)) + 1};
  }
  return last.status();
}

record::MailboxInfo* StoreState::mailbox(MailboxId id) {
  const auto found = mailboxes_.find(id);
  if (found == mailboxes_.end()) return nullptr;
  changed_.insert(id);
  changed_accounts_.insert(found->second.account);
  return &found->second;
}

record::MailboxInfo& StoreState::mailbox_for(AccountId account, const std::string& folder,
                                             WallTime now) {
  for (const MailboxId id : by_account_[account]) {
    if (mailboxes_.at(id).name == folder) return *mailbox(id);
  }
  // RFC 9051 §2.3.1.1: a folder made anew under an old name has a larger UIDVALIDITY.
  const auto seconds = now.time_since_epoch() / std::chrono::seconds(1);
  last_validity_ = std::max(static_cast<std::uint32_t>(seconds), last_validity_ + 1);
  record::MailboxInfo info;
  info.id = MailboxId{next_mailbox_++};
  info.account = account;
  info.name = folder;
  info.uid_validity = last_validity_;
  by_account_[account].push_back(info.id);
  mailboxes_.emplace(info.id, info);
  made_.push_back(info.id);
  return *mailbox(info.id);
}

std::vector<MailboxId> StoreState::mailboxes_of(AccountId account) const {
  const auto found = by_account_.find(account);
  return found == by_account_.end() ? std::vector<MailboxId>{} : found->second;
}

void StoreState::remove_mailbox(kv::Batch& batch, MailboxId id) {
  const auto found = mailboxes_.find(id);
  MAIL_ASSERT(found != mailboxes_.end());
  changed_accounts_.insert(found->second.account);
  batch.remove(kv::Family::mailbox, keys::owned_mailbox(found->second.account, id));
  std::erase(by_account_[found->second.account], id);
  mailboxes_.erase(found);
  changed_.erase(id);
  batch.remove(kv::Family::mailbox, keys::mailbox(id));
}

EventSeq StoreState::put_events(kv::Batch& batch, MessageId message, record::EventKind kind,
                                const EventRows& events) {
  const EventSeq first = next_event_;
  if (events.empty()) return first;
  std::string run = keys::number(static_cast<std::uint32_t>(events.size()));
  run.push_back(static_cast<char>(kind));
  row_.clear();
  keys::append_run(row_, message, next_event_);
  batch.put(kv::Family::run, row_, run);
  for (std::size_t i = 0; i < events.size(); ++i) {
    batch.put(kv::Family::event, keys::event(next_event_), events[i]);
    ++next_event_.value;
  }
  return first;
}

void StoreState::count(const Counters& effect, WallTime now) {
  const std::uint64_t hour = hour_of(now);
  if (!hours_.contains(hour)) {
    const Result<std::string> row = db_->get(kv::Family::counter, keys::number(hour));
    // A damaged row counts as nothing, as it did when the totals were loaded.
    hours_[hour] = row ? parse_counters(*row).value_or(Counters{}) : Counters{};
  }
  hours_[hour] = hours_[hour] + effect;
  totals_ = totals_ + effect;
  if (std::ranges::find(changed_hours_, hour) == changed_hours_.end())
    changed_hours_.push_back(hour);
}

void StoreState::finish(kv::Batch& batch) {
  std::string& row = row_;
  for (const MailboxId id : changed_) {
    row.clear();
    record::append_mailbox(row, mailboxes_.at(id));
    batch.put(kv::Family::mailbox, keys::mailbox(id), row);
  }
  changed_.clear();
  for (const std::uint64_t hour : changed_hours_) {
    row.clear();
    append_counters(row, hours_[hour]);
    batch.put(kv::Family::counter, keys::number(hour), row);
  }
  changed_hours_.clear();
  while (hours_.size() > 2) hours_.erase(hours_.begin());
  if (!made_.empty() || sequence_changed_) {
    for (const MailboxId id : made_) {
      const record::MailboxInfo& info = mailboxes_.at(id);
      // The name a second time, for the day when the mailbox's own row is damaged.
      batch.put(kv::Family::mailbox, keys::owned_mailbox(info.account, id), info.name);
    }
    made_.clear();
    sequence_changed_ = false;
    row.clear();
    record::Writer writer(row, record::Type::mailbox_sequence, kSequenceVersion);
    writer.u64(next_mailbox_);
    writer.u32(last_validity_);
    writer.finish();
    batch.put(kv::Family::mailbox, keys::kMailboxSequence, row);
  }
}

std::uint64_t StoreState::bytes_of(AccountId account) const {
  const auto found = by_account_.find(account);
  if (found == by_account_.end()) return 0;
  std::uint64_t bytes = 0;
  for (const MailboxId id : found->second) bytes += mailboxes_.at(id).bytes;
  return bytes;
}

std::set<AccountId> StoreState::accounts() const {
  std::set<AccountId> all;
  for (const auto& [account, ids] : by_account_) all.insert(account);
  return all;
}

}  // namespace mail
