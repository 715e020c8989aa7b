#include "platform/kv/rocks_log.h"

#include "base/crc32c.h"
#include "base/result.h"
#include "platform/kv/mending.h"

namespace mail::kv {
namespace {

constexpr std::size_t kBlock = 32768;
constexpr std::size_t kHead = 7;
enum Kind : std::uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// RocksDB masks checksums that are kept beside what they are of.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

void append_little(std::string& out, std::uint64_t value, std::size_t octets) {
  for (std::size_t i = 0; i < octets; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
std::uint64_t read_little(std::string_view bytes, std::size_t octets) {
  std::uint64_t value = 0;
  for (std::size_t i = octets; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}
void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

std::string typed(Kind kind, std::string_view payload) {
  std::string bytes(1, static_cast<char>(kind));
  return bytes.append(payload);
}

}  // namespace

std::uint64_t whole_records(std::string_view bytes) {
  std::uint64_t whole = 0;  // behind the last record that ended
  bool inside = false;      // of a record in several parts
  for (std::size_t at = 0;;) {
    const std::size_t left = kBlock - at % kBlock;
    if (left < kHead) at += left;
    if (at + kHead > bytes.size()) break;
    const std::size_t length = read_little(bytes.substr(at + 4), 2);
    const auto kind = static_cast<Kind>(bytes[at + 6]);
    if (kind < kFull || kind > kLast || at % kBlock + kHead + length > kBlock) break;
    if (at + kHead + length > bytes.size()) break;
    const std::string_view payload = bytes.substr(at + kHead, length);
    if (masked(crc32c(typed(kind, payload))) != read_little(bytes.substr(at), 4)) break;
    if (inside != (kind == kMiddle || kind == kLast)) break;
    at += kHead + length;
    inside = kind == kFirst || kind == kMiddle;
    if (!inside) whole = at;
  }
  return whole;
}

void append_log_record(std::string& file, std::string_view payload) {
  bool first = true;
  for (;;) {
    const std::size_t left = kBlock - file.size() % kBlock;
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
