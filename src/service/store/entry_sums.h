// What the entries of a mailbox say of it, which its row says too (record::MailboxInfo).
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "platform/kv/database.h"

namespace mail {

struct EntrySums {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  // of the entries that can be read
  Uid highest{0};
};

// Fails where the rows can not be read; a damaged entry counts as a message.
Result<EntrySums> sum_entries(const kv::Database& db, MailboxId id);

}  // namespace mail
