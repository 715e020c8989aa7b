// The words of a file in master format (RFC 1035 §5.1), and what they stand for.
// Pure. Views point into the text given. Everything fails with bad_syntax.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::dns {

struct ZoneWord {
  std::string_view text;  // as written, without its quotes
  bool quoted = false;
};

// One entry: a line, or several where parentheses hold them together.
struct ZoneEntry {
  std::vector<ZoneWord> words;
  bool blank_owner = false;  // begins with a blank
  std::size_t line = 1;      // where it begins
};

class ZoneScanner {
 public:
  explicit ZoneScanner(std::string_view text) : text_(text) {}

  std::size_t line() const { return line_; }
  // The next entry with words in it; false at the end of the text.
  Result<bool> next(ZoneEntry* entry);

 private:
  Result<void> read(ZoneEntry& entry);
  Result<ZoneWord> quoted_string();
  ZoneWord word();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

// A number of seconds up to 2^31-1 (RFC 2181 §8), or with units as some servers take them: "1h30m".
std::optional<std::chrono::seconds> parse_zone_ttl(std::string_view text);
// "\X" and "\DDD" become the octets they stand for.
Result<std::string> unescape_zone_string(std::string_view text);
// All words from `from` on are the hexadecimal digits of one value.
Result<std::string> parse_zone_hex(const std::vector<ZoneWord>& words, std::size_t from);
// A word as it may be shown to whoever wrote it.
std::string shown_word(std::string_view text);

}  // namespace mail::dns
