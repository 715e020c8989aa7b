#include "codec/envelope/original_recipient.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/envelope/options.h"

namespace mail {
namespace {

constexpr std::size_t kMaxOriginal = 500;  // RFC 3461 §4.2

std::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::bad_syntax, std::string(why));
}

// addr-type = atom, in practice a registered name (RFC 3464 §2.1.2).
bool is_address_type(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | (point >> 6));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

// "\x{FC}": EmbeddedUnicodeChar of RFC 6533 §3. `text` begins behind the backslash and is moved
// behind the brace.
bool take_character(std::string_view& text, std::string& out) {
  if (!text.starts_with("x{")) return false;
  const std::size_t end = text.find('}');
  const std::string_view digits = text.substr(2, end == std::string_view::npos ? 0 : end - 2);
  std::uint32_t point = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
  if (digits.size() < 2 || digits.size() > 6 || read.ec != std::errc{} ||
      read.ptr != digits.data() + digits.size()) {
    return false;
  }
  append_utf8(out, point);
  text.remove_prefix(end + 1);
  return true;
}

Result<std::string> decode_unitext(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      out.push_back(c);
    } else if (!take_character(text, out)) {
      return bad("a backslash that begins no character");
    }
  }
  return out;
}

// xtext whose octets above 127 are let through.
Result<std::string> decode_value(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto high = [](char c) { return static_cast<std::uint8_t>(c) >= 0x80; };
    const auto end = std::ranges::find_if(text, high);
    MAIL_TRY(const std::string ascii, decode_xtext({text.begin(), end}));
    out.append(ascii);
    const auto next = std::find_if_not(end, text.end(), high);
    out.append(end, next);
    text = {next, text.end()};
  }
  return out;
}

}  // namespace

Result<std::string> parse_original_recipient(std::string_view value, bool utf8) {
  const std::size_t semicolon = value.find(';');
  if (value.size() > kMaxOriginal || semicolon == std::string_view::npos) {
    return bad("not an address type, a semicolon and an address");
  }
  const std::string_view type = value.substr(0, semicolon);
  const std::string_view encoded = value.substr(semicolon + 1);
  const bool is_utf8_type = iequals(type, "utf-8");
  if (!is_address_type(type) || encoded.empty()) return bad("no address type, or no address");
  if (!is_ascii(encoded) && !(utf8 && is_utf8_type)) return bad("octets above 127");
  // RFC 6533 §3 has its own escapes; "+2B" is no part of them, but harms nobody.
  MAIL_TRY(std::string address, decode_value(encoded));
  if (is_utf8_type) {
    MAIL_TRY(address, decode_unitext(address));
    const auto control = [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F; };
    if (!is_utf8(address) || std::ranges::any_of(address, control)) return bad("not UTF-8");
  } else if (!is_ascii(address)) {
    return bad("octets above 127");  // RFC 3461 §4.2: printable US-ASCII
  }
  return concat(type, ';', address);
}

}  // namespace mail
