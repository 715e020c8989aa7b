// clamd as a judge: a message in which it finds something is refused.
// Threads: open() on any I/O thread; the judge outlives its hearings.
#pragma once

#include <memory>

#include "service/neighbours/neighbour.h"
#include "service/policy/verdict.h"

namespace mail {

class ClamdJudge final : public NeighbourJudge {
 public:
  ClamdJudge(NeighbourSettings settings, const Clock& clock)
      : NeighbourJudge(std::move(settings), clock) {}
  std::unique_ptr<Hearing> open(const Case& of) override;
};

}  // namespace mail
