#include "daemon/ctl/text_table.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "codec/message/trace.h"

namespace mail::ctl {
namespace {

// Columns a text takes on a terminal: UTF-8 continuation octets take none.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool steers_terminal(std::string_view text, std::size_t i) {
  const auto c = static_cast<unsigned char>(text[i]);
  if (c < 0x20 || c == 0x7F) return true;
  // C1 controls, U+0080 to U+009F, are C2 80 to C2 9F.
  return c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
}

}  // namespace

TextTable::TextTable(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }

void TextTable::add(std::vector<std::string> cells) {
  MAIL_ASSERT(cells.size() == rows_.front().size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!steers_terminal(out, i)) continue;
    if (static_cast<unsigned char>(out[i]) == 0xC2) out[i + 1] = '?';
    out[i] = '?';
  }
  return out;
}

std::string printable_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const std::string_view raw : split(text, '\n')) {
    std::string_view line = raw;
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (const std::string_view cell : split(line, '\t')) append(out, printable(cell), '\t');
    out.back() = '\n';
  }
  if (!out.empty()) out.pop_back();  // split() gives one more line than there are line ends
  return out;
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::uint64_t tenths = bytes * 10;
  while (tenths >= 10'240 && unit + 1 < kUnits.size()) {
    tenths /= 1024;
    ++unit;
  }
  if (unit == 0) return concat(bytes, " B");
  return concat(tenths / 10, '.', tenths % 10, ' ', kUnits[unit]);
}

std::string human_time(WallTime at) {
  std::string text = message::iso_date(at);  // "2026-11-21T22:15:48.123Z"
  text.resize(std::min<std::size_t>(text.size(), 19));
  if (text.size() > 10) text[10] = ' ';
  return text;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const std::string_view whole = text;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> number = parse_number(text.substr(0, digits));
  std::string unit = to_lower(trim(text.substr(digits)));
  if (unit.ends_with("ib")) unit.resize(unit.size() - 2);
  if (unit.ends_with('b')) unit.pop_back();
  constexpr std::array<std::string_view, 5> kUnits = {"", "k", "m", "g", "t"};
  const auto* found = std::ranges::find(kUnits, unit);
  const auto shift = static_cast<unsigned>(found - kUnits.begin()) * 10;
  if (!number || found == kUnits.end() || *number > (std::uint64_t{1} << 60) >> shift) {
    return fail(Errc::bad_syntax,
                concat("`", printable(whole), "` is no size; write it like 500M or 2GiB"));
  }
  return *number << shift;
}

}  // namespace mail::ctl
