// What the judges of the door work with; all of it outlives them.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "service/directory/control_store.h"
#include "service/door/door_settings.h"
#include "service/examination/examiner.h"
#include "service/policy/disposition.h"
#include "service/policy/verdict.h"

namespace mail::door {

// For answers of the DNS that a reply waits for. (All that is asked about a message has 20 s: see
// Examiner.)
inline constexpr std::chrono::seconds kReplyPatience{5};

// The settings of the moment. Any thread.
class CurrentSettings {
 public:
  explicit CurrentSettings(std::shared_ptr<const Settings> settings)
      : settings_(std::move(settings)) {}
  std::shared_ptr<const Settings> get() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  void set(std::shared_ptr<const Settings> settings) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;
};

struct Tools {
  ExaminerTools examiner;
  ControlStore& control;
  const CurrentSettings& settings;
  DispositionSink* dispositions = nullptr;  // null: nobody wants to know

  const Clock& clock() const { return examiner.clock; }
};

// Strangers at an mx listener. This machine is none, unless told otherwise.
inline bool is_judged(const Case& of, const Settings& settings) {
  return of.listener.role == smtp::Role::mx && of.stranger() &&
         (settings.judge_loopback || !of.client.peer.address.is_loopback());
}

}  // namespace mail::door
