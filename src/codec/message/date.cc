#include "codec/message/date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"

namespace mail::message {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxLength = 200;
constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
struct Zone {
  std::string_view name;
  int hours;
};
constexpr std::array<Zone, 10> kZones{{{"ut", 0},
                                       {"gmt", 0},
                                       {"est", -5},
                                       {"edt", -4},
                                       {"cst", -6},
                                       {"cdt", -5},
                                       {"mst", -7},
                                       {"mdt", -6},
                                       {"pst", -8},
                                       {"pdt", -7}}};

// Words in lower case; comments, commas and blanks between them are gone.
std::vector<std::string> words_of(std::string_view value) {
  std::vector<std::string> words;
  bool within = false;
  std::size_t depth = 0;
  for (const char c : value) {
    if (c == '(') ++depth;
    const bool apart = depth > 0 || c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (c == ')' && depth > 0) --depth;
    if (apart) {
      within = false;
      continue;
    }
    if (!within) words.emplace_back();
    words.back().push_back(ascii_lower(c));
    within = true;
  }
  return words;
}

std::optional<int> number(std::string_view digits, std::size_t at_least, std::size_t at_most) {
  if (digits.size() < at_least || digits.size() > at_most) return {};
  const auto value = parse_number(digits);
  if (!value) return {};
  return static_cast<int>(*value);
}

// RFC 5322 §4.3: two digits below 50 are of this century; three count from 1900.
std::optional<int> year_of(std::string_view word) {
  const auto year = number(word, 2, 4);
  if (!year || word.size() == 4) return year;
  if (word.size() == 2 && *year < 50) return *year + 2000;
  return *year + 1900;
}

std::optional<seconds> time_of_day(std::string_view word) {
  const std::vector<std::string_view> parts = split(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return {};
  const auto hour = number(parts[0], 1, 2);
  const auto minute = number(parts[1], 2, 2);
  const auto second = parts.size() == 3 ? number(parts[2], 2, 2) : std::optional(0);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return {};
  return hours(*hour) + minutes(*minute) + seconds(*second);
}

std::optional<minutes> zone_of(std::string_view word) {
  if (word.empty()) return minutes(0);
  if (word.front() == '+' || word.front() == '-') {
    const auto digits = number(word.substr(1), 4, 4);
    if (!digits || *digits % 100 > 59) return {};
    const minutes offset = hours(*digits / 100) + minutes(*digits % 100);
    return word.front() == '-' ? -offset : offset;
  }
  const auto* const known = std::ranges::find(kZones, word, &Zone::name);
  return known == kZones.end() ? minutes(0) : minutes(hours(known->hours));
}

}  // namespace

Result<WallTime> parse_date(std::string_view value) {
  const auto bad = [] { return fail(Errc::bad_syntax, "not a date"); };
  if (value.size() > kMaxLength) return bad();
  std::vector<std::string> words = words_of(value);
  if (!words.empty() && !is_digit(words.front().front())) words.erase(words.begin());
  if (words.size() < 4) return bad();
  const auto day = number(words[0], 1, 2);
  const auto* const month = std::ranges::find(kMonths, std::string_view(words[1]).substr(0, 3));
  const auto year = year_of(words[2]);
  const auto time = time_of_day(words[3]);
  const auto zone = zone_of(words.size() > 4 ? std::string_view(words[4]) : std::string_view());
  if (!day || month == kMonths.end() || !year || !time || !zone) return bad();
  const std::chrono::year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin() + 1)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return bad();
  return WallTime(std::chrono::sys_days(date)) + *time - *zone;
}

}  // namespace mail::message
