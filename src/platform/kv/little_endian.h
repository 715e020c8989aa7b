// Numbers as RocksDB writes them into its files: little-endian, or seven bits an octet. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mail::kv {

inline void append_little(std::string& out, std::uint64_t value, std::size_t octets) {
  for (std::size_t i = 0; i < octets; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
// `bytes` has so many octets.
inline std::uint64_t read_little(std::string_view bytes, std::size_t octets) {
  std::uint64_t value = 0;
  for (std::size_t i = octets; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
// From the beginning of `bytes`, which loses it; nothing: there is none.
inline std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto octet = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{octet & 0x7FU} << shift;
    if (octet < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace mail::kv
