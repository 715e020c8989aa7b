#include "base/clock.h"

namespace mail {

WallTime SystemClock::wall_now() const {
  return std::chrono::time_point_cast<Milliseconds>(std::chrono::system_clock::now());
}

MonoTime SystemClock::mono_now() const { return std::chrono::steady_clock::now(); }

}  // namespace mail
