// The operator log: structured events, one line each. log::info("smtpd.accepted", {{"id", id}}).
// Any thread. Values are escaped by the sink; each is cut at 1 KiB (security.md 59). Never pass
// passwords, tokens or bodies.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace mail::log {

enum class Level : std::uint8_t { debug, info, warning, error };

struct Field {
  std::string_view name;
  std::string value;
  bool is_number = false;  // the sink may print it bare

  Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  Field(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  Field(std::string_view field_name, std::string text) : name(field_name), value(std::move(text)) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)  // say "yes" or "no"
  Field(std::string_view field_name, Number number)
      : name(field_name), value(concat(number)), is_number(true) {}
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(Level level, std::string_view event, std::span<const Field> fields) = 0;
};

// Before the first call, and after set_sink(nullptr), nothing is written. Called at start and stop.
void set_sink(Sink* sink, Level least = Level::info);
bool enabled(Level level);

void write(Level level, std::string_view event, std::initializer_list<Field> fields);
void write(Level level, std::string_view event, std::span<const Field> fields);
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace mail::log
