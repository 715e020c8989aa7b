// ASCII text: what protocols compare and print, whatever the locale.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mail {

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }

std::string to_lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);                         // space and HTAB at both ends
std::vector<std::string_view> split(std::string_view text, char at);  // views into `text`

// The whole of `text` as decimal digits, or nothing (also on overflow).
std::optional<std::uint64_t> parse_number(std::string_view text);

// For "did you mean": the number of single-character edits between two words.
std::size_t edit_distance(std::string_view a, std::string_view b);
// The nearest of `known` within a third of the word's length; empty when nothing is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

namespace detail {
inline void append_one(std::string& out, std::string_view text) { out.append(text); }
inline void append_one(std::string& out, char c) { out.push_back(c); }
template <std::integral Number>
  requires(!std::same_as<Number, char> && !std::same_as<Number, bool>)
void append_one(std::string& out, Number number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}
}  // namespace detail

// append(out, "uid ", 7, '\n'): strings, characters and integers, nothing hidden.
template <typename... Parts>
void append(std::string& out, const Parts&... parts) {
  (detail::append_one(out, parts), ...);
}
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  append(out, parts...);
  return out;
}

}  // namespace mail
