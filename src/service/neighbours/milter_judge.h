// Mail filters (milters) as judges: each hears the whole conversation over a connection of its own,
// and may refuse, hold, discard, and change the header. What it says of a reply is said to the
// client.
// Threads: open() on any I/O thread; the judge outlives its hearings.
#pragma once

#include <memory>
#include <string>

#include "service/neighbours/neighbour.h"
#include "service/policy/verdict.h"

namespace mail {

class MilterJudge final : public NeighbourJudge {
 public:
  // `version` is what the filter hears of us as "v": "Mailwright 0.1.0".
  MilterJudge(NeighbourSettings settings, std::string version, const Clock& clock)
      : NeighbourJudge(std::move(settings), clock), version_(std::move(version)) {}
  std::unique_ptr<Hearing> open(const Case& of) override;

 private:
  std::string version_;
};

}  // namespace mail
