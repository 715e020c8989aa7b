#include "codec/address/utf8.h"

#include <algorithm>
#include <cstdint>

namespace mail {

std::size_t utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  // RFC 3629 §4: the second octet has narrower bounds behind some first ones.
  std::uint8_t least = 0x80;
  std::uint8_t most = 0xBF;
  std::size_t size = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    if (first == 0xC2) least = 0xA0;  // below: C1 controls
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) least = 0xA0;  // overlong
    if (first == 0xED) most = 0x9F;   // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) least = 0x90;  // overlong
    if (first == 0xF4) most = 0x8F;   // above U+10FFFF
  }
  if (size == 0 || text.size() < size || byte(1) < least || byte(1) > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<std::uint8_t>(c) >= 0x80; });
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const bool ascii = static_cast<std::uint8_t>(text.front()) < 0x80;
    const std::size_t size = ascii ? 1 : utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace mail
