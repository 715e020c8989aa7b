// rspamd as a judge, by its HTTP protocol. Its score becomes a signal, "rspamd", for the judge that
// decides; its action is obeyed: refused or deferred with its words, held, discarded, or put into
// Junk with the header it asks for.
// "greylist" is no reason to defer: rspamd's own greylisting says "soft reject" while it wants the
// client to wait; where it does not run, the word would come back at each try.
// Threads: open() on any I/O thread; the judge outlives its hearings.
#pragma once

#include <memory>

#include "service/neighbours/neighbour.h"
#include "service/policy/verdict.h"

namespace mail {

class RspamdJudge final : public NeighbourJudge {
 public:
  RspamdJudge(NeighbourSettings settings, const Clock& clock)
      : NeighbourJudge(std::move(settings), clock) {}
  std::unique_ptr<Hearing> open(const Case& of) override;
};

}  // namespace mail
