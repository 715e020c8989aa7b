#include "base/log.h"

#include <atomic>

namespace mail::log {
namespace {
std::atomic<Sink*> current_sink = nullptr;
std::atomic<Level> least_level = Level::info;
}  // namespace

void set_sink(Sink* sink, Level least) {
  least_level = least;
  current_sink = sink;
}

bool enabled(Level level) { return current_sink.load() != nullptr && level >= least_level.load(); }

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  write(level, event, std::span(fields.begin(), fields.size()));
}

void write(Level level, std::string_view event, std::span<const Field> fields) {
  if (enabled(level)) current_sink.load()->write(level, event, fields);
}

}  // namespace mail::log
