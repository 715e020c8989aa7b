// What was seen of others' domains since the store was last told: counted in memory, where a
// message costs a lookup, and handed over once a minute. A crash loses that minute of statistics.
// Threads: any. Bounded: beyond kMaxHeld different observations new ones are not counted.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "codec/mailauth/findings.h"
#include "service/feedback/report_store.h"
#include "service/policy/disposition.h"

namespace mail::feedback {

inline constexpr std::size_t kMaxHeld = 20'000;

// One for each author domain that has a policy and wants reports (rua).
std::vector<Observation> observations_of(const mailauth::Findings& findings,
                                         const Disposed& disposed);

class Observations final : public DispositionSink {
 public:
  void disposed(const mailauth::Findings& findings, const Disposed& disposed) override;
  void note(std::vector<Observation> observations);
  std::vector<Observation> take();

 private:
  struct Order {
    bool operator()(const Observation& a, const Observation& b) const;  // but for the count
  };
  std::mutex mutex_;
  std::map<Observation, std::uint64_t, Order> counts_;
};

}  // namespace mail::feedback
