// Bodies as rows: each chunk is its octets and a CRC32C over key and octets, so that neither a
// flipped bit nor a chunk in another's place goes unseen (security.md 11). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "codec/record/envelope.h"
#include "platform/kv/database.h"

namespace mail {

inline constexpr std::size_t kChunkSeal = 4;

inline kv::Family family_of(record::BodyFamily family) {
  return family == record::BodyFamily::queue ? kv::Family::queue_body : kv::Family::mail_body;
}

std::string seal_of(std::string_view key, std::string_view octets);  // kChunkSeal octets
// The octets of a row without their seal; store_corrupt.
Result<std::string_view> open_chunk(std::string_view key, std::string_view row);

// The row that finds a chunk by offset; it is sealed as well.
std::string chunk_sizes_row(std::string_view key, std::span<const std::uint64_t> sizes);
Result<std::vector<std::uint64_t>> parse_chunk_sizes(std::string_view key, std::string_view row);

// The rows of a body; one that lies in a segment has none.
void remove_body(kv::Batch& batch, const record::BodyRef& body);

}  // namespace mail
