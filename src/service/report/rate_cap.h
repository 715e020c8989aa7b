// How many of something in an hour, by name. Old hours are forgotten; so are the names when there
// are too many of them. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace mail::report {

class RateCap {
 public:
  explicit RateCap(std::size_t an_hour) : an_hour_(an_hour) {}

  bool would_take(const std::string& name, MonoTime now) {
    const auto found = windows_.find(name);
    return found == windows_.end() || now - found->second.begin >= kWindow ||
           found->second.count < an_hour_;
  }
  void count(const std::string& name, MonoTime now) {
    if (windows_.size() >= kMaxNames) windows_.clear();
    Window& window = windows_[name];
    if (window.count == 0 || now - window.begin >= kWindow) window = {now, 0};
    ++window.count;
  }

 private:
  static constexpr std::chrono::hours kWindow{1};
  static constexpr std::size_t kMaxNames = 10'000;
  struct Window {
    MonoTime begin;
    std::size_t count = 0;
  };
  const std::size_t an_hour_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace mail::report
