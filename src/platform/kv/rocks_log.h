// RocksDB's log format, in which its MANIFEST is written, and the one kind of record in it that we
// write ourselves: RocksDB has no call that takes a table out of a database that does not open.
//   block of 32 KiB: record... , zeros where less than a head is left
//   record: masked CRC32C of type and payload u32 | length u16 | type u8 | payload (little-endian)
// A payload that does not fit into its block goes on in the next. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mail::kv {

inline constexpr std::size_t kLogBlock = 32768;

// Where the records of a block end and the zeros behind them begin, which may have been written
// ahead; zeros that are a record's own are none of those. 0: there are only zeros.
std::size_t end_in_block(std::string_view block);

// The records that are whole, one behind the other; where one is not, the rest of its block goes
// too.
std::string without_damage(std::string_view bytes);

void append_log_record(std::string& file, std::string_view payload);

// The payload that says: this table is no more (a VersionEdit with one kDeletedFile).
std::string removal_of_table(std::uint32_t family_id, int level, std::uint64_t number);

}  // namespace mail::kv
