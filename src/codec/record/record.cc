#include "codec/record/record.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/text.h"

namespace mail::record {

std::string_view to_string(Type type) {
  switch (type) {
    case Type::event:
      return "event";
    case Type::envelope:
      return "envelope";
    case Type::mailbox:
      return "mailbox";
    case Type::entry:
      return "mailbox entry";
    case Type::pending:
      return "pending delivery";
    case Type::counters:
      return "counters";
    case Type::journal:
      return "journal";
    case Type::mailbox_sequence:
      return "mailbox sequence";
    case Type::notice:
      return "notice";
  }
  return "unknown";
}

Writer::Writer(std::string& out, Type type, std::uint8_t version) : out_(out), start_(out.size()) {
  u8(static_cast<std::uint8_t>(type));
  u8(version);
  u32(0);  // the length, when it is known
}

namespace {
// One append instead of one per octet: records are written for every message.
template <typename Number>
void append_whole(std::string& out, Number value) {
  char bytes[sizeof(Number)];
  for (std::size_t i = sizeof(Number); i-- > 0; value = static_cast<Number>(value >> 8)) {
    bytes[i] = static_cast<char>(value & 0xFF);
  }
  out.append(bytes, sizeof(Number));
}
}  // namespace

void Writer::u32(std::uint32_t value) { append_whole(out_, value); }
void Writer::u64(std::uint64_t value) { append_whole(out_, value); }

void Writer::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80));
  u8(static_cast<std::uint8_t>(value));
}

void Writer::text(std::string_view value) {
  varint(value.size());
  out_.append(value);
}

void Writer::texts(const std::vector<std::string>& values) {
  varint(values.size());
  for (const std::string& value : values) text(value);
}

void Writer::time(WallTime value) {
  u64(static_cast<std::uint64_t>(value.time_since_epoch().count()));
}

void Writer::finish() {
  const std::size_t length = out_.size() - start_ - kFrameHead;
  MAIL_ASSERT(length <= UINT32_MAX);
  for (int i = 0; i < 4; ++i) {
    out_[start_ + 2 + static_cast<std::size_t>(i)] = static_cast<char>(length >> (24 - 8 * i));
  }
  u32(crc32c(std::string_view(out_).substr(start_)));
}

std::uint64_t framed_size(std::string_view head) {
  return kFrameHead + kFrameTail + std::uint64_t{read_big_endian<std::uint32_t>(head.substr(2))};
}

Result<Reader> Reader::open(std::string_view bytes, Type type, std::uint8_t newest) {
  const auto corrupt = [&](std::string_view why) {
    return fail(Errc::store_corrupt, concat(to_string(type), " record: ", why));
  };
  if (bytes.size() < kFrameHead + kFrameTail) return corrupt("too short");
  if (framed_size(bytes) != bytes.size()) return corrupt("wrong length");
  const std::size_t sealed = bytes.size() - kFrameTail;
  if (read_big_endian<std::uint32_t>(bytes.substr(sealed)) != crc32c(bytes.substr(0, sealed))) {
    return corrupt("checksum mismatch");
  }
  if (static_cast<std::uint8_t>(bytes[0]) != static_cast<std::uint8_t>(type)) {
    return corrupt("another type of record");
  }
  const auto version = static_cast<std::uint8_t>(bytes[1]);
  if (version > newest) {
    return fail(Errc::store_newer,
                concat(to_string(type), " record of version ", version, ", this program knows ",
                       newest, "; use the newer program"));
  }
  if (version == 0) return corrupt("version 0");
  return Reader(bytes.substr(kFrameHead, sealed - kFrameHead), type, version);
}

std::string_view Reader::take(std::size_t size) {
  if (bad_ || rest_.size() < size) {
    bad_ = true;
    return {};
  }
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::uint8_t Reader::u8() {
  const std::string_view bytes = take(1);
  return bytes.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes[0]);
}
std::uint32_t Reader::u32() {
  const std::string_view bytes = take(4);
  return bytes.empty() ? 0 : read_big_endian<std::uint32_t>(bytes);
}
std::uint64_t Reader::u64() {
  const std::string_view bytes = take(8);
  return bytes.empty() ? 0 : read_big_endian<std::uint64_t>(bytes);
}

std::uint64_t Reader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (shift == 63 && byte > 1) break;  // more than 64 bits
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  bad_ = true;
  return 0;
}

std::string_view Reader::text() { return take(varint()); }

std::size_t Reader::count(std::size_t least_size) {
  const std::uint64_t number = varint();
  if (number > rest_.size() / least_size) bad_ = true;
  return bad_ ? 0 : number;
}

std::vector<std::string> Reader::texts() {
  std::vector<std::string> values;
  const std::size_t number = count();
  values.reserve(number);
  for (std::size_t i = 0; i < number; ++i) values.emplace_back(text());
  return values;
}

MessageId Reader::id() {
  MessageId value;
  const std::string_view bytes = take(value.bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

WallTime Reader::time() { return WallTime(Milliseconds(static_cast<std::int64_t>(u64()))); }

Result<void> Reader::finish() const {
  if (!bad_ && rest_.empty()) return {};
  return fail(Errc::store_corrupt,
              concat(to_string(type_),
                     " record: ", bad_ ? "a field is missing or wrong" : "bytes left over"));
}

}  // namespace mail::record
