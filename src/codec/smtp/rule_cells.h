// Tests only: words in which the rules are written down.
#pragma once

#include <string_view>
#include <vector>

#include "codec/smtp/rule_table.h"

namespace mail::smtp {

inline constexpr std::string_view kAll = "mx submission relay";
inline constexpr std::string_view kStrict = "mx submission";
inline constexpr std::string_view kWithLogin = "submission relay";

// Shown by a test.
constexpr RuleCell by(std::string_view about, std::string_view test) {
  RuleCell cell{};
  cell.about = about;
  cell.test = test;
  return cell;
}
// The same answer to each of these, which are named by what is sent.
inline std::vector<RuleCell> each(std::vector<std::string_view> sent, const RuleCell& like) {
  std::vector<RuleCell> cells;
  for (const std::string_view one : sent) {
    RuleCell cell = like;
    cell.about = cell.sent = one;
    cells.push_back(cell);
  }
  return cells;
}
inline std::vector<RuleCell> all_of(std::vector<std::vector<RuleCell>> parts) {
  std::vector<RuleCell> cells;
  for (const auto& part : parts) cells.insert(cells.end(), part.begin(), part.end());
  return cells;
}

}  // namespace mail::smtp
