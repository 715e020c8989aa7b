// The frame around everything kept on disk, and the fields inside it (security.md 11):
//   type u8 | version u8 | length u32 | payload | CRC32C of all before it u32
// Integers are big-endian, counts and lengths are varints (7 bits a byte, lowest first). The frame
// itself never changes; a payload changes by a new version of its type, and readers take the
// current one and the two before it.
// Pure. Views given by a Reader point into the bytes it was opened on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace mail::record {

// Numbers are on disk: never change or reuse one.
enum class Type : std::uint8_t {
  event = 1,
  envelope = 2,
  mailbox = 3,
  entry = 4,
  pending = 5,
  counters = 6,
  journal = 7,
  mailbox_sequence = 8,
  notice = 9,
};
std::string_view to_string(Type type);

// Appends one record to `out`: fields in order, then finish(). `out` must stay untouched between.
class Writer {
 public:
  Writer(std::string& out, Type type, std::uint8_t version);
  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void varint(std::uint64_t value);
  void text(std::string_view value);  // varint length, then the octets
  void texts(const std::vector<std::string>& values);
  void id(const MessageId& value) { out_.append(value.key()); }
  void time(WallTime value);
  void finish();  // fills in the length, appends the checksum

 private:
  std::string& out_;
  std::size_t start_;
};

// Reads one record. A field that is not there makes the reader bad and reads as zero or empty;
// finish() says so, once, for all of them.
class Reader {
 public:
  // `bytes` is exactly one record. store_corrupt, or store_newer for a version above `newest`.
  static Result<Reader> open(std::string_view bytes, Type type, std::uint8_t newest);

  std::uint8_t version() const { return version_; }
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t varint();
  std::string_view text();
  std::vector<std::string> texts();
  // How many elements follow, each at least `least_size` octets: never more than can be there.
  std::size_t count(std::size_t least_size = 1);
  MessageId id();
  WallTime time();
  void refuse() { bad_ = true; }  // the caller read a value that cannot be
  Result<void> finish() const;    // store_corrupt if anything was missing, refused or left over

 private:
  Reader(std::string_view payload, Type type, std::uint8_t version)
      : rest_(payload), type_(type), version_(version) {}
  std::string_view take(std::size_t size);

  std::string_view rest_;
  Type type_;
  std::uint8_t version_;
  bool bad_ = false;
};

constexpr std::size_t kFrameHead = 6;
constexpr std::size_t kFrameTail = 4;
// The version of a record that has been read.
inline std::uint8_t version_of(std::string_view record) {
  return static_cast<std::uint8_t>(record[1]);
}
// Size of the whole record whose first kFrameHead octets these are; for files of many records.
std::uint64_t framed_size(std::string_view head);

}  // namespace mail::record
