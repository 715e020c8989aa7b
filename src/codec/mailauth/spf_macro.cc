#include "codec/mailauth/spf_macro.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/dns/name.h"

namespace mail::spf {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 7208 §7.3
constexpr std::string_view kDelimiters = ".-+,/_=";

// "%{l2r-}" taken apart.
struct Macro {
  char letter = 0;        // lower case
  bool escaped = false;   // it was upper case
  std::size_t parts = 0;  // 0: all
  bool reversed = false;
  std::string_view delimiters;
};

// One step of a macro string: a macro, or literal text ("%%" and its like are that too).
struct Piece {
  std::optional<Macro> macro;
  std::string_view literal;
  bool from_percent = false;  // the literal was written "%%", "%_" or "%-"
};

// `text` behind "%{"; the macro and its brace are cut off from it.
std::optional<Macro> read_macro(std::string_view& text) {
  const std::size_t end = text.find('}');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  std::string_view body = text.substr(0, end);
  text.remove_prefix(end + 1);
  Macro macro;
  macro.letter = ascii_lower(body[0]);
  macro.escaped = macro.letter != body[0];
  if (std::string_view("slodiphcrtv").find(macro.letter) == std::string_view::npos) {
    return std::nullopt;
  }
  body.remove_prefix(1);
  bool counted = false;
  for (; !body.empty() && is_digit(body[0]); body.remove_prefix(1)) {
    // More than all parts is all parts: the number need not grow beyond what a name can have.
    macro.parts =
        std::min<std::size_t>(macro.parts * 10 + static_cast<std::size_t>(body[0] - '0'), 100'000);
    counted = true;
  }
  if (counted && macro.parts == 0) return std::nullopt;  // RFC 7208 §7.3: "MUST be nonzero"
  if (!body.empty() && ascii_lower(body[0]) == 'r') {
    macro.reversed = true;
    body.remove_prefix(1);
  }
  if (body.find_first_not_of(kDelimiters) != std::string_view::npos) return std::nullopt;
  macro.delimiters = body.empty() ? "." : body;
  return macro;
}

// The piece that `text` begins with; it is cut off. Nothing on a syntax error.
std::optional<Piece> read_piece(std::string_view& text) {
  Piece piece;
  if (text[0] != '%') {
    piece.literal = text.substr(0, text.find('%'));
    text.remove_prefix(piece.literal.size());
    return piece;
  }
  if (text.size() < 2) return std::nullopt;
  const char kind = text[1];
  text.remove_prefix(2);
  if (kind == '{') {
    piece.macro = read_macro(text);
    if (!piece.macro) return std::nullopt;
    return piece;
  }
  if (kind != '%' && kind != '_' && kind != '-') return std::nullopt;
  piece.literal = kind == '%' ? "%" : kind == '_' ? " " : "%20";
  piece.from_percent = true;
  return piece;
}

bool is_toplabel(std::string_view label) {
  if (label.empty() || !is_alnum(label.front()) || !is_alnum(label.back())) return false;
  return std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; }) &&
         !std::ranges::all_of(label, is_digit);
}

// domain-end of RFC 7208 §7.1; `tail` is the literal text behind the last macro.
bool ends_as_a_domain(std::string_view tail, bool after_macro) {
  if (tail.empty()) return after_macro;
  if (tail.back() == '.') tail.remove_suffix(1);
  const std::size_t dot = tail.rfind('.');
  return dot != std::string_view::npos && is_toplabel(tail.substr(dot + 1));
}

std::string dotted(const IpAddress& client) {
  if (client.is_v4()) return client.to_string();
  // Upper case, as the test suite of RFC 7208 has it; names do not mind.
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const std::uint8_t octet : client.bytes) {
    append(out, out.empty() ? "" : ".", kDigits[octet >> 4], '.', kDigits[octet & 15]);
  }
  return out;
}

std::string value_of(char letter, const MacroValues& values) {
  switch (letter) {
    case 's':
      return concat(values.local_part, '@', values.sender_domain);
    case 'l':
      return std::string(values.local_part);
    case 'o':
      return std::string(values.sender_domain);
    case 'd':
      return std::string(values.domain);
    case 'i':
      return dotted(values.client);
    case 'p':
      return std::string(values.validated.empty() ? "unknown" : values.validated);
    case 'v':
      return values.client.is_v4() ? "in-addr" : "ip6";
    case 'h':
      return std::string(values.helo);
    case 'c':
      return values.client.to_string();
    case 'r':
      return std::string(values.receiver.empty() ? "unknown" : values.receiver);
    default: {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(values.now);
      return concat(seconds.time_since_epoch().count());
    }
  }
}

void append_transformed(std::string& out, std::string_view value, const Macro& macro) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = value.find_first_of(macro.delimiters);
    parts.push_back(value.substr(0, end));
    if (end == std::string_view::npos) break;
    value.remove_prefix(end + 1);
  }
  if (macro.reversed) std::ranges::reverse(parts);
  std::size_t first = 0;
  if (macro.parts > 0 && macro.parts < parts.size()) first = parts.size() - macro.parts;
  for (std::size_t i = first; i < parts.size(); ++i) append(out, i > first ? "." : "", parts[i]);
}

// RFC 3986 §2.3: all but the unreserved characters.
std::string url_escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      const auto octet = static_cast<std::uint8_t>(c);
      append(out, '%', kDigits[octet >> 4], kDigits[octet & 15]);
    }
  }
  return out;
}

}  // namespace

bool is_macro_string(std::string_view text, MacroContext context) {
  const bool spaces = context == MacroContext::explanation;
  std::string_view tail;
  bool after_macro = false;
  while (!text.empty()) {
    const auto piece = read_piece(text);
    if (!piece) return false;
    if (piece->macro) {
      const std::string_view only_explained = "crt";
      if (context == MacroContext::domain_spec &&
          only_explained.find(piece->macro->letter) != std::string_view::npos) {
        return false;
      }
    }
    after_macro = after_macro || piece->macro || piece->from_percent;
    tail = piece->macro || piece->from_percent ? std::string_view() : piece->literal;
    const auto visible = [&](char c) { return (c > ' ' && c <= '~') || (spaces && c == ' '); };
    if (!piece->from_percent && !std::ranges::all_of(piece->literal, visible)) return false;
  }
  return context != MacroContext::domain_spec || ends_as_a_domain(tail, after_macro);
}

bool uses_macro(std::string_view text, char letter) {
  while (!text.empty()) {
    const auto piece = read_piece(text);
    if (!piece) return false;
    if (piece->macro && piece->macro->letter == letter) return true;
  }
  return false;
}

std::optional<std::string> expand(std::string_view text, const MacroValues& values) {
  std::string out;
  while (!text.empty()) {
    const auto piece = read_piece(text);
    if (!piece) return std::nullopt;
    if (!piece->macro) {
      out.append(piece->literal);
      continue;
    }
    const std::string value = value_of(piece->macro->letter, values);
    if (!is_ascii(value)) return std::nullopt;
    std::string transformed;
    append_transformed(transformed, value, *piece->macro);
    out.append(piece->macro->escaped ? url_escape(transformed) : transformed);
  }
  return out;
}

std::optional<std::string> expand_domain(std::string_view text, const MacroValues& values) {
  const auto expanded = expand(text, values);
  if (!expanded) return std::nullopt;
  std::string_view name = *expanded;
  if (name.ends_with('.')) name.remove_suffix(1);
  while (name.size() > kMaxName) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    name.remove_prefix(dot + 1);
  }
  // What a macro brought along is no escape of a zone file.
  std::string text_form;
  for (const char c : name) append(text_form, c == '\\' ? "\\" : "", c);
  auto normal = dns::normalize_name(text_form);
  if (!normal || *normal == ".") return std::nullopt;
  return std::move(*normal);
}

}  // namespace mail::spf
