#include "platform/json/json.h"

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace mail::json {

Value::Value() = default;
Value::Value(double number) : data_(number) {}
Value::Value(std::string text) : data_(std::move(text)) {}
Value::Value(std::string_view text) : data_(std::string(text)) {}
Value::Value(const char* text) : data_(std::string(text)) {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;
Value::Value(Array array) : data_(std::move(array)) {}
Value::Value(Object object) : data_(std::move(object)) {}

const Value* Value::find(std::string_view name) const {
  if (const Object* members = object()) {
    for (const Member& member : *members) {
      if (member.name == name) return &member.value;
    }
  }
  return nullptr;
}

std::string_view Value::text_or(std::string_view name, std::string_view otherwise) const {
  const Value* member = find(name);
  const std::string* found = member == nullptr ? nullptr : member->text();
  return found == nullptr ? otherwise : std::string_view(*found);
}

bool Value::is_true(std::string_view name) const {
  const Value* member = find(name);
  const bool* flag = member == nullptr ? nullptr : member->boolean();
  return flag != nullptr && *flag;
}

namespace {

namespace bj = boost::json;

// What Boost.JSON calls while it reads: builds our values, refuses keys given twice.
// It declares the limits as static members; bounds on input size are the caller's.
class Builder {
 public:
  static constexpr std::size_t max_object_size = 1U << 20;
  static constexpr std::size_t max_array_size = 1U << 20;
  static constexpr std::size_t max_key_size = 1U << 16;
  static constexpr std::size_t max_string_size = 1U << 28;

  Value take() { return std::move(result_); }
  bool duplicate() const { return !duplicate_.empty(); }
  const std::string& duplicate_key() const { return duplicate_; }

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) {
    open_.push_back({true, {}, {}, {}});
    return true;
  }
  bool on_object_end(std::size_t, bj::error_code&) {
    Frame frame = close();
    return add(Value(std::move(frame.members)));
  }
  bool on_array_begin(bj::error_code&) {
    open_.push_back({false, {}, {}, {}});
    return true;
  }
  bool on_array_end(std::size_t, bj::error_code&) {
    Frame frame = close();
    return add(Value(std::move(frame.items)));
  }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) { return collect(part); }
  bool on_key(bj::string_view part, std::size_t, bj::error_code& error) {
    collect(part);
    Frame& frame = open_.back();
    frame.key = std::exchange(text_, {});
    for (const Member& member : frame.members) {
      if (member.name != frame.key) continue;
      duplicate_ = frame.key.empty() ? "(empty)" : frame.key;
      error = bj::error::syntax;
      return false;
    }
    return true;
  }
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) { return collect(part); }
  bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
    collect(part);
    return add(Value(std::exchange(text_, {})));
  }
  bool on_number_part(bj::string_view part, bj::error_code&) { return collect(part); }
  bool on_int64(std::int64_t number, bj::string_view, bj::error_code&) {
    text_.clear();
    return add(number);
  }
  bool on_uint64(std::uint64_t number, bj::string_view, bj::error_code&) {
    text_.clear();
    return add(static_cast<double>(number));  // only what no int64 holds comes this way
  }
  // Boost.JSON 1.81 rounds reals inexactly: what was written would be read as its neighbour.
  bool on_double(double number, bj::string_view part, bj::error_code&) {
    collect(part);
    const std::string digits = std::exchange(text_, {});
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return add(number);  // as Boost read it where it is out of range
  }
  bool on_bool(bool flag, bj::error_code&) { return add(flag); }
  bool on_null(bj::error_code&) { return add({}); }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

 private:
  struct Frame {
    bool is_object;
    std::string key;
    Object members;
    Array items;
  };
  bool collect(bj::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  Frame close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    return frame;
  }
  bool add(Value value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (open_.back().is_object) {
      Frame& frame = open_.back();
      frame.members.push_back({std::move(frame.key), std::move(value)});
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Frame> open_;
  std::string text_;  // of the string or key under way
  std::string duplicate_;
  Value result_;
};

}  // namespace

Result<Value> parse(std::string_view text) {
  bj::parse_options options;
  options.max_depth = kMaxDepth;
  bj::basic_parser<Builder> parser(options);
  bj::error_code error;
  const std::size_t taken = parser.write_some(false, text.data(), text.size(), error);
  Builder& builder = parser.handler();
  if (builder.duplicate()) {
    return fail(Errc::bad_syntax, concat("JSON: key \"", builder.duplicate_key(), "\" twice"));
  }
  if (error == bj::error::too_deep) {
    return fail(Errc::too_large, concat("JSON: nested deeper than ", kMaxDepth));
  }
  if (error) return fail(Errc::bad_syntax, concat("JSON: ", error.message(), " at ", taken));
  if (taken != text.size()) {
    return fail(Errc::bad_syntax, concat("JSON: more text behind the value at ", taken));
  }
  return builder.take();
}

namespace {

// Octets of the well-formed UTF-8 sequence that `text` begins with (RFC 3629 §4), 0 where none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && at(1) < 0xA0) return 0;
  if (lead == 0xED && at(1) > 0x9F) return 0;
  if (lead == 0xF0 && at(1) < 0x90) return 0;
  if (lead == 0xF4 && at(1) > 0x8F) return 0;
  return length;
}

constexpr bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F &&
         c != '"' && c != '\\';
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      append(out, "\\u00", kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 15]);
  }
}

void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";  // JSON has no word for it
    return;
  }
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const std::string_view text(digits.data(), end);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";  // a real stays one
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      append_escaped(out, text.front());
      text.remove_prefix(1);
    } else if (const std::size_t length = utf8_length(text); length > 0) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";  // U+FFFD
      text.remove_prefix(1);
    }
  }
  out += '"';
}

void append_value(std::string& out, const Value& value) {
  if (const bool* flag = value.boolean()) {
    out += *flag ? "true" : "false";
  } else if (const std::int64_t* integer = value.integer()) {
    append(out, *integer);
  } else if (const double* real = value.real()) {
    append_double(out, *real);
  } else if (const std::string* text = value.text()) {
    append_string(out, *text);
  } else if (const Array* array = value.array()) {
    char before = '[';
    for (const Value& item : *array) {
      out += before;
      append_value(out, item);
      before = ',';
    }
    out += array->empty() ? "[]" : "]";
  } else if (const Object* object = value.object()) {
    char before = '{';
    for (const Member& member : *object) {
      out += before;
      append_string(out, member.name);
      out += ':';
      append_value(out, member.value);
      before = ',';
    }
    out += object->empty() ? "{}" : "}";
  } else {
    out += "null";
  }
}

std::string to_string(const Value& value) {
  std::string out;
  append_value(out, value);
  return out;
}

}  // namespace mail::json
