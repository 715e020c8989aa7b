#include "codec/message/address_list.h"

#include <array>
#include <string>

#include "base/text.h"

namespace mail::message {
namespace {

constexpr auto kAtext = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) table[c] = c >= 128 || is_alnum(static_cast<char>(c));
  for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

// One pass over a field's value. Every function leaves at_ behind what it took and returns false
// where the text does not have the form.
class AddressListParser {
 public:
  explicit AddressListParser(std::string_view text) : text_(text) {}

  bool list() {
    for (;;) {
      if (!skip_cfws()) return false;
      if (at_end()) return !in_group_;
      if (peek() == ',') {  // RFC 5322 §4.4: empty elements
        ++at_;
      } else if (peek() == ';' && in_group_) {
        ++at_;
        in_group_ = false;
        if (!element_ends()) return false;
      } else if (!address()) {
        return false;
      }
    }
  }
  const AddressListShape& shape() const { return shape_; }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }

  // CRLF within a field is a fold and has a blank behind it (RFC 5322 §2.2.3).
  bool skip_fold() {
    if (!text_.substr(at_).starts_with("\r\n") || at_ + 2 >= text_.size()) return false;
    at_ += 2;
    return peek() == ' ' || peek() == '\t';
  }
  bool skip_blanks() {
    while (!at_end()) {
      if (peek() == ' ' || peek() == '\t') {
        ++at_;
      } else if (peek() == '\r') {
        if (!skip_fold()) return false;
      } else {
        break;
      }
    }
    return true;
  }
  bool skip_cfws() {
    while (skip_blanks()) {
      if (at_end() || peek() != '(') return true;
      if (!comment()) return false;
    }
    return false;
  }

  // One character of a comment, quoted string or domain literal: text, a quoted pair or a fold.
  bool quotable() {
    if (peek() == '\\') {
      if (at_ + 1 >= text_.size()) return false;
      at_ += 2;
      return true;
    }
    if (peek() == '\r') return skip_fold();
    return text_[at_++] != '\0' && text_[at_ - 1] != '\n';
  }
  bool comment() {  // nested ones are counted, not recursed into
    std::size_t depth = 0;
    while (!at_end()) {
      const char c = peek();
      if (c == '(' || c == ')') {
        ++at_;
        if (c == '(') ++depth;
        if (c == ')' && --depth == 0) return true;
      } else if (!quotable()) {
        return false;
      }
    }
    return false;
  }
  bool enclosed(char open, char close) {
    if (!take(open)) return false;
    while (!at_end() && peek() != close) {
      if (peek() == '[' && open == '[') return false;  // no dtext
      if (!quotable()) return false;
    }
    return take(close);
  }
  bool atom() {
    const std::size_t start = at_;
    while (!at_end() && kAtext[static_cast<unsigned char>(peek())]) ++at_;
    return at_ > start;
  }
  bool word() { return !at_end() && peek() == '"' ? enclosed('"', '"') : atom(); }

  // Words and dots in front of '@', '<' or ':'. They are a local part while words and dots take
  // turns, and a phrase when a word comes first.
  struct Words {
    std::size_t parts = 0;
    bool local_part = true;  // so far
    bool phrase = true;
    bool ends_in_dot = false;
  };
  bool words(Words& seen) {
    for (;;) {
      if (!skip_cfws()) return false;
      if (at_end()) return true;
      if (peek() == '.') {
        if (seen.parts == 0) seen.phrase = false;
        if (seen.parts == 0 || seen.ends_in_dot) seen.local_part = false;
        seen.ends_in_dot = true;
        ++at_;
      } else if (peek() == '"' || kAtext[static_cast<unsigned char>(peek())]) {
        if (seen.parts > 0 && !seen.ends_in_dot) seen.local_part = false;
        seen.ends_in_dot = false;
        if (!word()) return false;
      } else {
        return true;
      }
      ++seen.parts;
    }
  }
  bool domain() {
    if (!skip_cfws() || at_end()) return false;
    if (peek() == '[') return enclosed('[', ']') && skip_cfws();
    do {
      if (!skip_cfws() || !atom() || !skip_cfws()) return false;
    } while (take('.'));
    return true;
  }
  // Behind '<': [obs-route] addr-spec ">"
  bool angle_address() {
    if (!skip_cfws() || at_end()) return false;
    if (peek() == '@' || peek() == ',') {  // RFC 5322 §4.4, obs-route
      for (;;) {
        if (!skip_cfws()) return false;
        if (take(',')) continue;
        if (!take('@')) break;
        if (!domain()) return false;
      }
      if (!take(':')) return false;
    }
    Words local;
    if (!words(local) || !is_local_part(local) || !take('@')) return false;
    return domain() && take('>');
  }
  static bool is_local_part(const Words& seen) {
    return seen.parts > 0 && seen.local_part && !seen.ends_in_dot;
  }
  bool element_ends() {
    if (!skip_cfws()) return false;
    return at_end() || peek() == ',' || (in_group_ && peek() == ';');
  }
  bool address() {
    Words seen;
    if (!words(seen)) return false;
    if (take(':')) {
      if (in_group_ || !seen.phrase || seen.parts == 0) return false;
      in_group_ = true;
      ++shape_.groups;
      return true;
    }
    const bool angle = take('<');
    if (angle ? !seen.phrase : !is_local_part(seen) || !take('@')) return false;
    if (!(angle ? angle_address() : domain())) return false;
    ++shape_.mailboxes;
    return element_ends();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool in_group_ = false;
  AddressListShape shape_;
};

}  // namespace

Result<AddressListShape> parse_address_list(std::string_view value) {
  AddressListParser parser(value);
  if (!parser.list()) return fail(Errc::bad_syntax, "no address list");
  return parser.shape();
}

}  // namespace mail::message
