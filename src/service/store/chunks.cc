#include "service/store/chunks.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "service/store/keys.h"

namespace mail {

std::string seal_of(std::string_view key, std::string_view octets) {
  return keys::number(crc32c(octets, crc32c(key)));
}

Result<std::string_view> open_chunk(std::string_view key, std::string_view row) {
  if (row.size() < kChunkSeal) return fail(Errc::store_corrupt, "body chunk too short");
  const std::string_view octets = row.substr(0, row.size() - kChunkSeal);
  if (seal_of(key, octets) != row.substr(octets.size())) {
    return fail(Errc::store_corrupt, "body chunk: checksum mismatch");
  }
  return octets;
}

std::string chunk_sizes_row(std::string_view key, std::span<const std::uint64_t> sizes) {
  std::string row;
  for (const std::uint64_t size : sizes) append_big_endian(row, size);
  return row + seal_of(key, row);
}

Result<std::vector<std::uint64_t>> parse_chunk_sizes(std::string_view key, std::string_view row) {
  MAIL_TRY(std::string_view numbers, open_chunk(key, row));
  if (numbers.size() % sizeof(std::uint64_t) != 0) {
    return fail(Errc::store_corrupt, "body chunk sizes: wrong length");
  }
  std::vector<std::uint64_t> sizes;
  for (; !numbers.empty(); numbers.remove_prefix(sizeof(std::uint64_t))) {
    sizes.push_back(read_big_endian<std::uint64_t>(numbers));
  }
  return sizes;
}

void remove_body(kv::Batch& batch, const record::BodyRef& body) {
  const auto* kept = std::get_if<record::KvBody>(&body);
  if (kept == nullptr) return;
  const kv::Family family = family_of(kept->family);
  for (std::uint32_t i = 0; i < kept->chunks; ++i) {
    batch.remove_once(family, keys::chunk(kept->id, i));
  }
  if (kept->chunks > 1) batch.remove_once(family, keys::chunk(kept->id, keys::kChunkSizes));
}

}  // namespace mail
