// Time as an argument. Timers use the monotonic clock; wall time is for headers, certificates, logs
// and what is kept on disk (security.md 6). Implementations may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>

namespace mail {

using Milliseconds = std::chrono::milliseconds;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using MonoTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall_now() const = 0;
  virtual MonoTime mono_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime wall_now() const override;
  MonoTime mono_now() const override;
};

// Stands still until told otherwise; the wall part may jump backwards on its own.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall) : wall_(wall.time_since_epoch().count()) {}
  WallTime wall_now() const override { return WallTime(Milliseconds(wall_.load())); }
  MonoTime mono_now() const override { return MonoTime(Milliseconds(mono_.load())); }
  void advance(Milliseconds by) {
    wall_ += by.count();
    mono_ += by.count();
  }
  void set_wall(WallTime wall) { wall_ = wall.time_since_epoch().count(); }

 private:
  std::atomic<std::int64_t> wall_;
  std::atomic<std::int64_t> mono_{0};
};

}  // namespace mail
