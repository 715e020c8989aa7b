#include "codec/dsn/clean.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/base64.h"
#include "base/result.h"
#include "base/text.h"
#include "codec/address/utf8.h"

namespace mail::dsn {
namespace {

constexpr std::size_t kWidth = 76;
constexpr std::size_t kMaxAddress = 600;  // an ORCPT may have 500 octets (RFC 3461 §4.2)
constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;  // 0: the text does not begin with a character
};

Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = utf8_character(text);
  if (size == 0) return {};
  std::uint32_t code = lead & (0xFFU >> (size + 1));
  for (const char c : text.substr(1, size - 1)) {
    code = (code << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  }
  return {code, size};
}

bool is_control(std::uint32_t code) {  // C1 controls are no characters to utf8_character()
  return code < 0x20 || code == 0x7F || code == 0x2028 || code == 0x2029;
}
// They could show an address backwards.
bool turns_direction(std::uint32_t code) {
  return code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

// The octets of `text` up to `max`, no character cut.
std::string_view cut(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && is_continuation(text[max])) --max;
  return text.substr(0, max);
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else {  // Latin-1 has no more than two octets
    out.push_back(static_cast<char>(0xC0U | (code >> 6U)));
    out.push_back(static_cast<char>(0x80U | (code & 0x3FU)));
  }
}

std::string clean(std::string_view text, std::size_t max, char for_control, bool squeeze) {
  std::string out;
  out.reserve(std::min(text.size(), max));
  while (!text.empty() && out.size() < max) {
    const Character character = first_character(text);
    const std::size_t size = std::max<std::size_t>(character.size, 1);
    if (character.size == 0 || turns_direction(character.code)) {
      out.push_back('?');
    } else if (is_control(character.code)) {
      out.push_back(for_control);
    } else if (out.size() + size > max) {
      break;
    } else {
      out.append(text.substr(0, size));
    }
    if (squeeze && out.back() == ' ' && (out.size() == 1 || out[out.size() - 2] == ' ')) {
      out.pop_back();
    }
    text.remove_prefix(size);
  }
  if (squeeze && out.ends_with(' ')) out.pop_back();
  return out;
}

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = ascii_lower(c);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return std::nullopt;
}

// RFC 2047 §4.2.
std::string decode_q(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        out.push_back(static_cast<char>(*high * 16 + *low));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i] == '_' ? ' ' : text[i]);
  }
  return out;
}

// `word` is what stands between "=?" and "?=": charset, encoding, text (RFC 2047 §2).
std::optional<std::string> decode_word(std::string_view word) {
  const std::vector<std::string_view> parts = split(word, '?');
  if (parts.size() != 3 || parts[1].size() != 1) return std::nullopt;
  const std::string_view charset = parts[0].substr(0, parts[0].find('*'));  // RFC 2231 §5
  const bool latin1 = iequals(charset, "iso-8859-1");
  if (!latin1 && !iequals(charset, "utf-8") && !iequals(charset, "us-ascii")) return std::nullopt;
  std::string bytes;
  if (ascii_lower(parts[1].front()) == 'q') {
    bytes = decode_q(parts[2]);
  } else if (Result<std::string> decoded = base64_decode(parts[2])) {
    bytes = std::move(*decoded);
  } else {
    return std::nullopt;
  }
  if (!latin1) return bytes;
  std::string out;
  for (const char c : bytes) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t max) {
  return clean(text, max, ' ', true);
}
std::string clean_address(std::string_view text) { return clean(text, kMaxAddress, '?', false); }

std::string clean_host(std::string_view text) {
  std::string out(text.substr(0, 255));
  for (char& c : out) {
    const bool allowed =
        is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
    if (!allowed) c = '?';
  }
  return out;
}

std::string as_ascii(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_continuation(c)) continue;
    out.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '?');
  }
  return out;
}

void append_wrapped(std::string& out, std::string_view text, std::string_view indent) {
  std::size_t column = out.size() - (out.rfind('\n') + 1);  // npos + 1 is 0
  const auto new_line = [&] {
    append(out, "\r\n", indent);
    column = indent.size();
  };
  while (!text.empty()) {
    const std::size_t word_at = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find(' ', word_at), text.size());
    std::string_view word = text.substr(0, end);  // the spaces before it included
    // A line of white space alone would end a group of fields: only a space with a word behind it
    // is broken at.
    if (word_at > 0 && word_at < end && column > indent.size() && column + word.size() > kWidth) {
      out.append(text.substr(0, word_at - 1));
      new_line();
      word.remove_prefix(word_at);
    }
    while (column + word.size() > kMaxLine) {
      const std::string_view piece = cut(word, kMaxLine - column);
      out.append(piece);
      word.remove_prefix(piece.size());
      new_line();
    }
    out.append(word);
    column += word.size();
    text.remove_prefix(end);
  }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append(out, name, ": ");
  append_wrapped(out, value, " ");
  out.append("\r\n");
}

std::string encode_words(std::string_view clean) {
  if (is_ascii(clean)) return std::string(clean);
  constexpr std::size_t kOctetsInWord = 45;  // 60 of base64; a word has 75 at most (RFC 2047 §2)
  std::string out;
  while (!clean.empty()) {
    const std::string_view piece = cut(clean, kOctetsInWord);
    if (!out.empty()) out.push_back(' ');
    append(out, "=?UTF-8?B?", base64_encode(piece), "?=");
    clean.remove_prefix(piece.size());
  }
  return out;
}

std::string decode_words(std::string_view text) {
  std::string out;
  bool behind_word = false;
  while (!text.empty()) {
    const std::size_t start = text.find("=?");
    const std::string_view before = text.substr(0, start);
    // RFC 2047 §6.2: white space between two words is not shown.
    const bool only_space = before.find_first_not_of(" \t") == std::string_view::npos;
    if (start == std::string_view::npos) {
      out.append(text);
      break;
    }
    // charset and encoding end in "?" each, the text holds none.
    const std::size_t charset_end = text.find('?', start + 2);
    const std::size_t encoding_end =
        charset_end == std::string_view::npos ? charset_end : text.find('?', charset_end + 1);
    const std::size_t end =
        encoding_end == std::string_view::npos ? encoding_end : text.find("?=", encoding_end + 1);
    std::optional<std::string> word;
    if (end != std::string_view::npos) word = decode_word(text.substr(start + 2, end - start - 2));
    if (!word) {
      append(out, before, "=?");
      text.remove_prefix(start + 2);
      behind_word = false;
      continue;
    }
    if (!behind_word || !only_space) out.append(before);
    out.append(*word);
    behind_word = true;
    text.remove_prefix(end + 2);
  }
  return out;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t column = 0;
  while (!text.empty()) {
    if (text.starts_with("\r\n")) {
      out.append("\r\n");
      column = 0;
      text.remove_prefix(2);
      continue;
    }
    const char c = text.front();
    text.remove_prefix(1);
    const bool at_end = text.empty() || text.starts_with("\r\n");
    const bool plain = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !at_end);
    const std::size_t size = plain ? 1 : 3;
    if (column + size > kWidth - 1) {  // one is left for the "=" of the break
      out.append("=\r\n");
      column = 0;
    }
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      append(out, '=', kHex[byte >> 4U], kHex[byte & 0xFU]);
    }
    column += size;
  }
  if (column > 0) out.append("\r\n");
  return out;
}

std::string unitext(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::uint32_t code = character.code;
    if (code > 0x20 && code < 0x7F && code != '\\' && code != '+' && code != '=') {
      out.push_back(static_cast<char>(code));
    } else {
      out.append("\\x{");
      unsigned shift = 4;  // two digits at least
      while (shift < 20 && (code >> (shift + 4)) != 0) shift += 4;
      for (;; shift -= 4) {
        out.push_back(kHex[(code >> shift) & 0xFU]);
        if (shift == 0) break;
      }
      out.push_back('}');
    }
    text.remove_prefix(std::max<std::size_t>(character.size, 1));
  }
  return out;
}

Shape shape_of(std::string_view content) {
  Shape shape = Shape::seven_bit;
  std::size_t column = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    if (c == '\r' && i + 1 < content.size() && content[i + 1] == '\n') {
      column = 0;
      ++i;
      continue;
    }
    if (c == '\r' || c == '\n' || c == '\0' || ++column > kMaxLine) return Shape::binary;
    if (static_cast<unsigned char>(c) >= 0x80) shape = Shape::eight_bit;
  }
  return shape;
}

}  // namespace mail::dsn
