// TOML text as a plain tree of values, each with the place it stands at. toml++ does the parsing
// and is seen by toml.cc only.
// Values own all they hold. Any thread. Fails with bad_syntax (and a place), never throws.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace mail::toml {

// Both count from 1; 0 where a value was made by the program and not read.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Position&) const = default;
};

struct Value;
struct Entry;
using Array = std::vector<Value>;

// Entries in the order of the text, whichever way they were written (header, dotted key, inline).
struct Table {
  // Defined where Entry is complete: a table holds tables.
  Table();
  Table(const Table&);
  Table(Table&&) noexcept;
  Table& operator=(const Table&);
  Table& operator=(Table&&) noexcept;
  ~Table();

  std::vector<Entry> entries;

  const Entry* find(std::string_view key) const;
  void set(std::string key, Value value);  // appends; the caller keeps keys unique
};

// What Mailwright has no use for: floats, dates and times. Kept to be named in a complaint.
struct Other {
  std::string_view kind;  // "a floating-point number"
};

struct Value {
  std::variant<bool, std::int64_t, std::string, Array, Table, Other> data = false;
  Position where;

  const bool* boolean() const { return std::get_if<bool>(&data); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data); }
  const std::string* string() const { return std::get_if<std::string>(&data); }
  const Array* array() const { return std::get_if<Array>(&data); }
  const Table* table() const { return std::get_if<Table>(&data); }
};

struct Entry {
  std::string key;
  Position where;  // of the key; of the header for [tables]
  Value value;
};

// "a string", "an integer", ...: for complaints.
std::string_view kind_of(const Value& value);

struct SyntaxError {
  Position where;
  std::string sentence;  // one, lower case first, without a final dot
};

// A text of more than kMaxText octets is refused: no configuration is that long.
inline constexpr std::size_t kMaxText = std::size_t{1} << 20;
std::expected<Table, SyntaxError> parse(std::string_view text);

// `text` as TOML writes it, quotes included: a basic string, control characters escaped.
std::string quoted(std::string_view text);
// A key as it may stand before '=': bare where it can be, quoted where it must.
std::string key_text(std::string_view key);
// A scalar or an array of scalars on one line; tables are inline.
void append_value(std::string& out, const Value& value);

}  // namespace mail::toml
