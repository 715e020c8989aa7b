#include "codec/envelope/date_time.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.h"

namespace mail {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

void append_padded(std::string& out, unsigned value, std::size_t digits) {
  const std::string text = concat(value);
  out.append(digits - std::min(digits, text.size()), '0').append(text);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  // Exactly `digits` of them; -1 where they are not there.
  int number(std::size_t digits) {
    const auto value = parse_number(text_.substr(0, digits));
    if (text_.size() < digits || !value) return -1;
    text_.remove_prefix(digits);
    return static_cast<int>(*value);
  }
  bool take(char c) {
    if (text_.empty() || ascii_lower(text_.front()) != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // ".25" as milliseconds; 0 where there is none, nothing where it has no digits.
  std::optional<int> fraction() {
    if (!take('.')) return 0;
    const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
    if (digits == 0) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < 3; ++i) value = value * 10 + (i < digits ? text_[i] - '0' : 0);
    text_.remove_prefix(digits);
    return value;
  }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

// time-offset = "Z" / time-numoffset
std::optional<minutes> take_offset(Reader& reader) {
  if (reader.take('z')) return minutes(0);
  const bool east = reader.take('+');
  if (!east && !reader.take('-')) return std::nullopt;
  const int hour = reader.number(2);
  const bool colon = reader.take(':');
  const int minute = reader.number(2);
  if (hour < 0 || hour > 23 || !colon || minute < 0 || minute > 59) return std::nullopt;
  return minutes((east ? 1 : -1) * (hour * 60 + minute));
}

std::unexpected<Error> bad() { return fail(Errc::bad_syntax, "not a date and time"); }

}  // namespace

void append_date_time(std::string& out, WallTime at) {
  const auto day = floor<days>(at);
  const std::chrono::year_month_day date(day);
  const auto second = static_cast<unsigned>(floor<seconds>(at - day).count());
  append_padded(out, static_cast<unsigned>(std::max(0, static_cast<int>(date.year()))), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_padded(out, second / 3600, 2);
  out.push_back(':');
  append_padded(out, second / 60 % 60, 2);
  out.push_back(':');
  append_padded(out, second % 60, 2);
  out.push_back('Z');
}

Result<WallTime> parse_date_time(std::string_view text) {
  Reader reader(text);
  const int year = reader.number(4);
  bool good = reader.take('-');
  const int month = reader.number(2);
  good &= reader.take('-');
  const int day = reader.number(2);
  good &= reader.take('t');
  const int hour = reader.number(2);
  good &= reader.take(':');
  const int minute = reader.number(2);
  good &= reader.take(':');
  const int second = reader.number(2);
  const auto fraction = reader.fraction();
  const auto offset = take_offset(reader);
  // 60: a leap second, which is the first of the next minute to us (RFC 3339 §5.7).
  good &= year >= 0 && month >= 0 && day >= 0 && hour >= 0 && hour <= 23 && minute >= 0 &&
          minute <= 59 && second >= 0 && second <= 60;
  if (!good || !fraction || !offset || !reader.at_end()) return bad();
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad();
  return WallTime(std::chrono::sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         Milliseconds(*fraction) - *offset;
}

}  // namespace mail
