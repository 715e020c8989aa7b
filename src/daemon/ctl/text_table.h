// Aligned columns and units for people. Pure. Control characters in cells are shown as '?', so mail
// of strangers cannot steer a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mail::ctl {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> headings);
  void add(std::vector<std::string> cells);  // as many as headings
  bool empty() const { return rows_.size() == 1; }
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string printable(std::string_view text);             // one line
std::string printable_text(std::string_view text);        // lines end in LF; HTAB stays
std::string human_size(std::uint64_t bytes);              // "4.0 KiB"
std::string human_time(WallTime at);                      // "2026-11-21 22:15:48"
Result<std::uint64_t> parse_size(std::string_view text);  // "1000", "50M", "2GiB", "10 MiB"

}  // namespace mail::ctl
