// What can be done for a database whose files are damaged while it is closed. Files that are
// replaced or given up are kept in a folder `aside`, which is made when it is needed; nothing is
// deleted. One thread, no other process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/kv/database.h"

namespace mail::kv {

inline constexpr std::string_view kManifest = "MANIFEST-";
inline constexpr std::string_view kTwin = "TWIN-OF-MANIFEST-";  // see manifest_twin.cc

// Loses nothing: CURRENT is made anew from the newest whole MANIFEST, and a MANIFEST that was
// damaged or cut from its twin. The names of the files that were put right.
Result<std::vector<std::string>> mend(const std::filesystem::path& directory,
                                      const std::filesystem::path& aside);

// How many octets of a file of RocksDB's log format are whole records, from its beginning.
std::uint64_t whole_records(std::string_view bytes);

// Takes out of the write-ahead logs what is not whole. RocksDB can skip it as well, but 7.8 gives
// up at a record that it believes to be altered when it has dropped a part of the one before it.
Result<void> take_damage_out_of_logs(const std::filesystem::path& directory);

// A table file that cannot be opened, or not be read to its end.
struct BrokenTable {
  std::uint64_t number = 0;
  std::string file;  // "000059.sst"
  Family family = Family::meta;
  std::uint32_t family_id = 0;
  int level = 0;
  std::string why;
};
// Of those that the MANIFEST names. Reads every table to its end.
Result<std::vector<BrokenTable>> broken_tables(const std::filesystem::path& directory,
                                               const Options& options);

// Takes them out of the MANIFEST: their rows are gone, rows that they had replaced or removed may
// be there again. They, the MANIFEST as it was, and bodies that only they named are kept aside.
Result<void> give_up(const std::filesystem::path& directory, const std::filesystem::path& aside,
                     const std::vector<BrokenTable>& tables);

}  // namespace mail::kv
