// JSON values (RFC 8259): a small value type, a writer, and a strict parser over Boost.JSON, which
// no header shows. Objects keep the order in which members were added.
// Pure. Parsing fails with bad_syntax or too_large: depth over 32, a key given twice (security.md
// 46), invalid UTF-8, anything behind the value. Numbers outside 64 bits become doubles.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace mail::json {

inline constexpr std::size_t kMaxDepth = 32;

class Value;
struct Member;
using Array = std::vector<Value>;
using Object = std::vector<Member>;

class Value {
 public:
  Value();  // null
  Value(std::same_as<bool> auto flag);
  template <std::integral Number>
    requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
  Value(Number number);
  Value(double number);
  Value(std::string text);
  Value(std::string_view text);
  Value(const char* text);
  Value(Array array);
  Value(Object object);
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  // Null where the value is of another kind; they die with the value.
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const std::string* text() const { return std::get_if<std::string>(&data_); }
  const Array* array() const { return std::get_if<Array>(&data_); }
  const Object* object() const { return std::get_if<Object>(&data_); }
  // The member of an object; null where this is no object or has none of that name.
  const Value* find(std::string_view name) const;
  std::string_view text_or(std::string_view name, std::string_view otherwise) const;
  bool is_true(std::string_view name) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data_;
};

struct Member {
  std::string name;
  Value value;
};

Value::Value(std::same_as<bool> auto flag) : data_(flag) {}
template <std::integral Number>
  requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
Value::Value(Number number) : data_(static_cast<std::int64_t>(number)) {}

Result<Value> parse(std::string_view text);

// One line, no spaces; control characters and bytes that are not UTF-8 are escaped or replaced by
// U+FFFD, so the output is always one valid JSON text.
void append_value(std::string& out, const Value& value);
void append_string(std::string& out, std::string_view text);
std::string to_string(const Value& value);

}  // namespace mail::json
