#include "daemon/assembly/feedback.h"

#include "platform/psl/psl.h"

namespace mail {
namespace {

constexpr std::size_t kMaxWaiting = 100;  // reports to be read; more are not

}  // namespace

Feedback::Feedback(State& state, feedback::Observations& observations, const DraftPlacer& placer,
                   dns::Resolver& resolver, const DraftSigner& signer, const Clock& clock,
                   const Settings& settings)
    : pool_(1, kMaxWaiting),
      intake_(*state.reports, *state.store, *state.control, pool_, clock),
      sender_({*state.reports, observations, *state.store, placer, resolver, &signer, pool_, clock,
               &psl::is_public_suffix},
              {settings.feedback.aggregate, settings.hostname, settings.feedback.from}) {}

}  // namespace mail
