// What this server hears and tells about mail in somebody's name: the judge that reads reports of
// others, and the sender of ours (service/feedback). Tied together here for the server.
#pragma once

#include "base/clock.h"
#include "base/executor.h"
#include "base/resolver.h"
#include "daemon/assembly/state.h"
#include "daemon/settings/settings.h"
#include "service/feedback/aggregate_sender.h"
#include "service/feedback/intake.h"
#include "service/feedback/observations.h"
#include "service/report/draft_signer.h"

namespace mail {

class Feedback {
 public:
  // All of it outlives this.
  Feedback(State& state, feedback::Observations& observations, const DraftPlacer& placer,
           dns::Resolver& resolver, const DraftSigner& signer, const Clock& clock,
           const Settings& settings);

  Judge& intake() { return intake_; }
  Task<void> tick(EnqueuedSink& outgoing) { return sender_.tick(outgoing); }

 private:
  WorkerPool pool_;
  feedback::Intake intake_;
  feedback::AggregateSender sender_;
};

}  // namespace mail
