#include "codec/dns/zone_file_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/text.h"

namespace mail::dns {
namespace {

constexpr std::uint64_t kMaxTtl = 0x7FFFFFFF;

std::unexpected<Error> bad(std::string why) { return fail(Errc::bad_syntax, std::move(why)); }

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool ends_word(char c) {
  return is_blank(c) || c == '\r' || c == '\n' || c == '(' || c == ')' || c == ';' || c == '"';
}

}  // namespace

std::string shown_word(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 64)) out.push_back(c >= ' ' && c <= '~' ? c : '?');
  return out + (text.size() > 64 ? "...\"" : "\"");
}

Result<bool> ZoneScanner::next(ZoneEntry* entry) {
  while (at_ < text_.size()) {
    entry->words.clear();
    entry->line = line_;
    entry->blank_owner = is_blank(text_[at_]);
    MAIL_TRY(read(*entry));
    if (!entry->words.empty()) return true;
  }
  return false;
}

Result<void> ZoneScanner::read(ZoneEntry& entry) {
  bool open = false;  // RFC 1035 §5.1 does not nest parentheses
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\n') {
      ++at_;
      ++line_;
      if (!open) return {};
    } else if (is_blank(c) || c == '\r') {
      ++at_;
    } else if (c == ';') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '(' || c == ')') {
      if (open == (c == '(')) return bad(concat("a '", c, "' that matches no other"));
      open = c == '(';
      ++at_;
    } else if (c == '"') {
      MAIL_TRY(const ZoneWord text, quoted_string());
      entry.words.push_back(text);
    } else {
      entry.words.push_back(word());
    }
  }
  if (open) return bad("a '(' without end");
  return {};
}

Result<ZoneWord> ZoneScanner::quoted_string() {
  const std::size_t start = ++at_;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
    at_ += text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 2 : 1;
  }
  if (at_ >= text_.size() || text_[at_] == '\n') return bad("a '\"' without end on its line");
  return ZoneWord{text_.substr(start, at_++ - start), true};
}

ZoneWord ZoneScanner::word() {
  const std::size_t start = at_;
  while (at_ < text_.size() && !ends_word(text_[at_])) {
    at_ += text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 2 : 1;
  }
  return ZoneWord{text_.substr(start, at_ - start), false};
}

std::optional<std::chrono::seconds> parse_zone_ttl(std::string_view text) {
  std::uint64_t sum = 0;
  std::uint64_t number = 0;
  bool digits = false;
  for (const char c : text) {
    if (is_digit(c)) {
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
      digits = true;
    } else {
      constexpr std::string_view kUnits = "smhdw";
      constexpr std::array<std::uint64_t, 5> kSeconds{1, 60, 3600, 86400, 604800};
      const std::size_t unit = kUnits.find(ascii_lower(c));
      if (unit == std::string_view::npos || !digits) return std::nullopt;
      sum += number * kSeconds[unit];
      number = 0;
      digits = false;
    }
    if (number > kMaxTtl || sum > kMaxTtl) return std::nullopt;
  }
  if (text.empty() || sum + number > kMaxTtl) return std::nullopt;
  return std::chrono::seconds(sum + number);
}

// RFC 1035 §5.1: "\X" and "\DDD".
Result<std::string> unescape_zone_string(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      out.push_back(text[at]);
      continue;
    }
    if (++at == text.size()) return bad("a '\\' at the end");
    if (!is_digit(text[at])) {
      out.push_back(text[at]);
      continue;
    }
    const auto octet = parse_number(text.substr(at, 3));
    if (!octet || text.size() - at < 3 || *octet > 255) {
      return bad("a '\\' is followed by three digits up to 255, or by what is no digit");
    }
    out.push_back(static_cast<char>(*octet));
    at += 2;
  }
  return out;
}

Result<std::string> parse_zone_hex(const std::vector<ZoneWord>& words, std::size_t from) {
  const auto digit = [](char c) {
    if (is_digit(c)) return c - '0';
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  std::string out;
  int high = -1;
  for (std::size_t i = from; i < words.size(); ++i) {
    for (const char c : words[i].text) {
      const int value = digit(c);
      if (value < 0) return bad(concat(shown_word(words[i].text), " is not hexadecimal"));
      if (high >= 0) out.push_back(static_cast<char>(high * 16 + value));
      high = high >= 0 ? -1 : value;
    }
  }
  if (high >= 0) return bad("an odd number of hexadecimal digits");
  return out;
}

}  // namespace mail::dns
