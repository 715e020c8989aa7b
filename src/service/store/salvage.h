// What an operator asks for when the store does not open: table files that cannot be read are set
// aside (platform/kv/mending.h) and their rows put back as far as they can be read; what is left is
// made to agree with itself, and each message that lost something is named. Nothing is deleted.
// Where a table is gone that said that something was over, events decide: what they know the end of
// is not sent again (docs/decisions/0021-salvage.md).
// The caller holds the lock on the state; no store is open on it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "service/store/store_engine.h"

namespace mail {

struct Salvaged {
  std::vector<Damage> files;      // set aside, each with what is wrong with it
  std::filesystem::path kept_in;  // empty: nothing had to be
  std::uint64_t rows = 0;         // read from them and put back
  std::vector<MessageId> lost;    // of which something that waited is gone
  std::uint64_t over = 0;         // deliveries that were there again though they had ended
};

// Opens and closes the store. Errors as for RocksMailStore::open().
Result<Salvaged> salvage_store(const std::filesystem::path& state_dir, const Clock& clock,
                               const RocksOptions& options);

// A new folder's name beside the database, for what is set aside.
std::filesystem::path aside_folder(const std::filesystem::path& state_dir, const Clock& clock);

}  // namespace mail
