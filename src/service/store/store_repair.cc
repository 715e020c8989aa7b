// A mailbox whose row is damaged is made anew from the rows around it: one damaged record must not
// take all the mail of a folder with it.
#include <algorithm>

#include "base/text.h"
#include "service/store/entry_sums.h"
#include "service/store/keys.h"
#include "service/store/store_state.h"

namespace mail {
namespace {

struct Owned {
  AccountId account;
  std::string name;
};

// Nothing: no account claims it, so nobody could ask for it.
Result<std::optional<Owned>> owner_of(const kv::Database& db, MailboxId id) {
  kv::Cursor rows = db.scan_prefix(kv::Family::mailbox, "a");
  for (; rows.valid(); rows.next()) {
    const std::string_view key = rows.key();
    if (key.size() != 17 || read_big_endian<std::uint64_t>(key.substr(9)) != id.value) continue;
    return Owned{AccountId{read_big_endian<std::uint64_t>(key.substr(1))},
                 std::string(rows.value())};
  }
  MAIL_TRY(rows.status());
  return std::nullopt;
}

// Counts the entries, and takes the highest UID and MODSEQ that any row speaks of.
Result<void> count_rows(const kv::Database& db, record::MailboxInfo& info) {
  MAIL_TRY(const EntrySums sums, sum_entries(db, info.id));
  info.messages = sums.messages;
  info.bytes = sums.bytes;
  Uid highest = sums.highest;
  for (const std::string& prefix : {keys::changes(info.id), keys::tombstones(info.id)}) {
    kv::Cursor changes = db.scan_prefix(kv::Family::mailbox, prefix);
    for (; changes.valid(); changes.next()) {
      const auto at = read_big_endian<std::uint64_t>(changes.key().substr(prefix.size()));
      info.highest_modseq.value = std::max(info.highest_modseq.value, at);
      if (changes.value().size() != sizeof(std::uint32_t)) continue;
      highest.value = std::max(highest.value, read_big_endian<std::uint32_t>(changes.value()));
    }
    MAIL_TRY(changes.status());
  }
  info.uid_next = Uid{highest.value + 1};
  return {};
}

}  // namespace

Result<void> StoreState::rebuild(const kv::Database& db, MailboxId id) {
  MAIL_TRY(const std::optional<Owned> owned, owner_of(db, id));
  if (!owned) return {};
  const auto taken = [&](const std::string& name) {
    return std::ranges::any_of(mailboxes_of(owned->account),
                               [&](MailboxId other) { return mailboxes_.at(other).name == name; });
  };
  record::MailboxInfo info;
  info.id = id;
  info.account = owned->account;
  info.name = owned->name.empty() ? "INBOX" : owned->name;
  if (taken(info.name)) info.name = concat("Recovered ", id.value);
  // RFC 9051 §2.3.1.1: what clients remember of it may be wrong now.
  info.uid_validity = ++last_validity_;
  sequence_changed_ = true;
  MAIL_TRY(count_rows(db, info));
  keep(std::move(info));
  mailbox(id);  // finish() writes it
  return {};
}

}  // namespace mail
