#include "platform/kv/rocks_log.h"

#include <optional>

#include "base/crc32c.h"
#include "base/result.h"
#include "platform/kv/little_endian.h"
#include "platform/kv/mending.h"

namespace mail::kv {
namespace {

constexpr std::size_t kHead = 7;
enum Kind : std::uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// RocksDB masks checksums that are kept beside what they are of.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

std::string typed(Kind kind, std::string_view payload) {
  std::string bytes(1, static_cast<char>(kind));
  return bytes.append(payload);
}

struct Part {
  Kind kind = kZero;
  std::string_view payload;
  std::size_t end = 0;  // where the next begins
};

// The part at `at`, where a head fits into its block; nothing: it is not whole.
std::optional<Part> part_at(std::string_view bytes, std::size_t at) {
  if (at + kHead > bytes.size()) return std::nullopt;
  const std::size_t length = read_little(bytes.substr(at + 4), 2);
  const auto kind = static_cast<Kind>(bytes[at + 6]);
  const std::size_t end = at + kHead + length;
  if (kind < kFull || kind > kLast) return std::nullopt;
  if (at % kLogBlock + kHead + length > kLogBlock || end > bytes.size()) return std::nullopt;
  const std::string_view payload = bytes.substr(at + kHead, length);
  if (masked(crc32c(typed(kind, payload))) != read_little(bytes.substr(at), 4)) return std::nullopt;
  return Part{.kind = kind, .payload = payload, .end = end};
}

bool goes_on(Kind kind) { return kind == kMiddle || kind == kLast; }
bool is_last(Kind kind) { return kind == kFull || kind == kLast; }

}  // namespace

std::uint64_t whole_records(std::string_view bytes) {
  std::uint64_t whole = 0;  // behind the last record that ended
  bool inside = false;      // of a record in several parts
  for (std::size_t at = 0;;) {
    const std::size_t left = kLogBlock - at % kLogBlock;
    if (left < kHead) at += left;
    const std::optional<Part> part = part_at(bytes, at);
    if (!part || inside != goes_on(part->kind)) break;
    at = part->end;
    inside = !is_last(part->kind);
    if (!inside) whole = at;
  }
  return whole;
}

std::size_t end_in_block(std::string_view block) {
  const std::size_t end = block.find_last_not_of('\0') + 1;
  for (std::size_t at = 0; at < end;) {
    const std::optional<Part> part = part_at(block, at);
    if (!part) return end;  // cut short, or damaged
    if (part->end >= end) return part->end;
    at = part->end;
  }
  return end;
}

std::string without_damage(std::string_view bytes) {
  std::string out;
  std::string record;
  bool inside = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t left = kLogBlock - at % kLogBlock;
    const std::optional<Part> part = left < kHead ? std::nullopt : part_at(bytes, at);
    if (!part) {
      inside = false;
      at += left;  // its length is not believed either
      continue;
    }
    at = part->end;
    if (!goes_on(part->kind)) record.clear();
    inside = !goes_on(part->kind) || inside;
    if (!inside) continue;  // the end of one that has lost its beginning
    record.append(part->payload);
    if (!is_last(part->kind)) continue;
    append_log_record(out, record);
    inside = false;
  }
  return out;
}

void append_log_record(std::string& file, std::string_view payload) {
  bool first = true;
  for (;;) {
    const std::size_t left = kLogBlock - file.size() % kLogBlock;
    if (left < kHead) {
      file.append(left, '\0');
      continue;
    }
    const std::string_view part = payload.substr(0, left - kHead);
    payload.remove_prefix(part.size());
    const Kind kind = payload.empty() ? (first ? kFull : kLast) : (first ? kFirst : kMiddle);
    append_little(file, masked(crc32c(typed(kind, part))), 4);
    append_little(file, part.size(), 2);
    file += typed(kind, part);
    if (payload.empty()) return;
    first = false;
  }
}

std::string removal_of_table(std::uint32_t family_id, int level, std::uint64_t number) {
  constexpr std::uint64_t kDeletedFile = 6;  // of RocksDB's version_edit.h; they never change
  constexpr std::uint64_t kColumnFamily = 200;
  MAIL_ASSERT(level >= 0);
  std::string edit;
  append_varint(edit, kDeletedFile);
  append_varint(edit, static_cast<std::uint64_t>(level));
  append_varint(edit, number);
  if (family_id == 0) return edit;
  append_varint(edit, kColumnFamily);
  append_varint(edit, family_id);
  return edit;
}

}  // namespace mail::kv
