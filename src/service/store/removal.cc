// Entries leave mailboxes, and messages with their last reference.
#include <algorithm>

#include "base/text.h"
#include "service/store/changes.h"
#include "service/store/keys.h"

namespace mail {
namespace {
constexpr std::size_t kEntriesAtOnce = 1000;  // of an account; bounds the batch

// Puts the removal of one entry; `row` is its record, damaged or not.
void remove_entry(Group& group, record::MailboxInfo& mailbox, Uid uid, std::string_view row) {
  const std::string key = keys::entry(mailbox.id, uid);
  group.batch.remove(kv::Family::mailbox, key);
  group.removed.emplace(kv::Family::mailbox, key);
  if (mailbox.messages > 0) --mailbox.messages;
  const Result<record::MailboxEntry> entry = record::parse_entry(row);
  if (!entry) return;  // damaged: its message keeps one reference too many, and so is kept
  group.batch.remove(kv::Family::mailbox, keys::change(mailbox.id, entry->modseq));
  mailbox.bytes -= std::min(mailbox.bytes, entry->size);
  group.envelopes.refer(entry->message, -1);
}

}  // namespace

EntryRemoval::EntryRemoval(MailboxId mailbox, std::vector<Uid> uids)
    : mailbox_(mailbox), uids_(std::move(uids)) {
  std::ranges::sort(uids_);
  const auto doubles = std::ranges::unique(uids_);
  uids_.erase(doubles.begin(), doubles.end());
}

Result<void> EntryRemoval::apply(Group& group) {
  record::MailboxInfo* mailbox = group.state.mailbox(mailbox_);
  if (mailbox == nullptr) return fail(Errc::not_found, "no such mailbox");
  std::vector<std::string> rows;
  for (const Uid uid : uids_) {
    const std::string key = keys::entry(mailbox_, uid);
    Result<std::string> row = group.db.get(kv::Family::mailbox, key);
    if (!group.still_there(kv::Family::mailbox, key) ||
        (!row && row.error().code == Errc::not_found)) {
      return fail(Errc::not_found, concat("no message with uid ", uid.value));
    }
    rows.push_back(std::move(row).value_or(""));
  }
  for (std::size_t i = 0; i < uids_.size(); ++i) {
    remove_entry(group, *mailbox, uids_[i], rows[i]);
    ++mailbox->highest_modseq.value;  // RFC 7162 §3.2.7: a removal has a MODSEQ of its own
    group.batch.put(kv::Family::mailbox, keys::tombstone(mailbox_, mailbox->highest_modseq),
                    keys::number(uids_[i].value));
  }
  return {};
}

Result<void> AccountRemoval::apply(Group& group) {
  std::size_t left = kEntriesAtOnce;
  for (const MailboxId id : group.state.mailboxes_of(account_)) {
    record::MailboxInfo* mailbox = group.state.mailbox(id);
    const std::string prefix = keys::entries(id);
    kv::Cursor rows = group.db.scan_prefix(kv::Family::mailbox, prefix);
    for (; rows.valid() && left > 0; rows.next(), --left) {
      const Uid uid{read_big_endian<std::uint32_t>(rows.key().substr(prefix.size()))};
      remove_entry(group, *mailbox, uid, rows.value());
    }
    MAIL_TRY(rows.status());  // what was removed so far is removed well
    if (rows.valid()) break;
    remove_rows_behind(group, id);
    group.state.remove_mailbox(group.batch, id);
  }
  finished_ = group.state.mailboxes_of(account_).empty();
  return {};
}

void AccountRemoval::remove_rows_behind(Group& group, MailboxId mailbox) const {
  for (const std::string& prefix : {keys::changes(mailbox), keys::tombstones(mailbox)}) {
    kv::Cursor rows = group.db.scan_prefix(kv::Family::mailbox, prefix);
    for (; rows.valid(); rows.next()) group.batch.remove(kv::Family::mailbox, rows.key());
  }
}

}  // namespace mail
