#include <algorithm>

#include "base/text.h"
#include "codec/envelope/options.h"

namespace mail {
namespace {

int hex_digit(char c) {  // RFC 3461 §4: upper case only
  if (is_digit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

constexpr char kHexDigits[] = "0123456789ABCDEF";

}  // namespace

Result<std::string> decode_xtext(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+') {
      if (i + 2 >= text.size()) return fail(Errc::bad_syntax, "xtext ends in its escape");
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return fail(Errc::bad_syntax, "xtext escape without two digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '=' || c < '!' || c > '~') {
      return fail(Errc::bad_syntax, "xtext with a character that must be escaped");
    }
    out.push_back(c);
  }
  // RFC 3461 §4 lets "+0A" through; nothing downstream may ever see a line end in a value.
  const bool hidden = std::ranges::any_of(out, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (hidden) {
    return fail(Errc::bad_syntax, "xtext hides a control byte");
  }
  return out;
}

void append_xtext(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= '!' && byte <= '~' && byte != '+' && byte != '=') {
      out.push_back(c);
      continue;
    }
    out.push_back('+');
    out.push_back(kHexDigits[byte >> 4]);
    out.push_back(kHexDigits[byte & 0xF]);
  }
}

}  // namespace mail
