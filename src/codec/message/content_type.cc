#include "codec/message/content_type.h"

#include <algorithm>

#include "base/text.h"

namespace mail::message {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_special(char c) { return c == ';' || c == '=' || c == '"' || c == '(' || is_space(c); }

class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (!at_end() && (is_space(text_[at_]) || text_[at_] == '(')) {
      if (text_[at_] == '(') {
        skip_comment();
      } else {
        ++at_;
      }
    }
  }
  std::string word() {
    if (take('"')) return quoted();
    const std::size_t begin = at_;
    while (!at_end() && !is_special(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  void skip_to_semicolon() {
    while (!at_end() && text_[at_] != ';') {
      if (take('"')) {
        quoted();
      } else {
        ++at_;
      }
    }
  }

 private:
  void skip_comment() {
    std::size_t depth = 0;
    do {
      const char c = text_[at_++];
      if (c == '(') ++depth;
      if (c == ')') --depth;
      if (c == '\\' && !at_end()) ++at_;
    } while (depth > 0 && !at_end());
  }
  std::string quoted() {
    std::string out;
    while (!at_end()) {
      char c = text_[at_++];
      if (c == '"') break;
      if (c == '\r' || c == '\n') continue;  // a fold
      if (c == '\\' && !at_end()) c = text_[at_++];
      out.push_back(c);
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string_view ParameterField::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  return found == parameters.end() ? std::string_view() : std::string_view(found->value);
}

ParameterField parse_parameter_field(std::string_view value) {
  ParameterField field;
  FieldReader reader(value);
  reader.skip_blanks();
  field.value = to_lower(reader.word());
  for (;;) {
    reader.skip_to_semicolon();
    if (!reader.take(';') || field.parameters.size() == kMaxParameters) return field;
    reader.skip_blanks();
    std::string name = to_lower(reader.word());
    reader.skip_blanks();
    if (name.empty() || !reader.take('=')) continue;
    reader.skip_blanks();
    field.parameters.push_back({std::move(name), reader.word()});
  }
}

}  // namespace mail::message
