// The operator log on a file descriptor: one JSON object per line, {"time", "level", "event", then
// the fields}. spdlog dispatches; lines are gathered and written together, at most 20 ms late and
// at once for an `error`, so that a line costs no system call and no peer can
// make a session wait for the log.
// Any thread may write. The descriptor is not owned. A descriptor that takes no bytes loses lines
// rather than hold mail up: beyond 4 MiB they are dropped and counted in "log.dropped".
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/log.h"

namespace mail::log {

inline constexpr std::size_t kMaxFieldBytes = 1024;  // security.md 59

class JsonSink final : public Sink {
 public:
  JsonSink(int descriptor, const Clock& clock);  // `clock` outlives the sink
  ~JsonSink() override;                          // writes what is left

  void write(Level level, std::string_view event, std::span<const Field> fields) override;
  void flush();  // returns when all lines written before are out

 private:
  class Lines;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "debug" | "info" | "warning" | "error"
std::string_view to_string(Level level);

}  // namespace mail::log
