#include "service/store/entry_sums.h"

#include <string>

#include "base/bytes.h"
#include "codec/record/mailbox.h"
#include "service/store/keys.h"

namespace mail {

Result<EntrySums> sum_entries(const kv::Database& db, MailboxId id) {
  EntrySums sums;
  const std::string prefix = keys::entries(id);
  kv::Cursor rows = db.scan_prefix(kv::Family::mailbox, prefix);
  for (; rows.valid(); rows.next()) {
    ++sums.messages;
    sums.highest.value = read_big_endian<std::uint32_t>(rows.key().substr(prefix.size()));
    const Result<record::MailboxEntry> entry = record::parse_entry(rows.value());
    if (entry) sums.bytes += entry->size;
  }
  MAIL_TRY(rows.status());
  return sums;
}

}  // namespace mail
