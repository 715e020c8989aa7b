// The programs beside us that judge mail, as the settings name them: mail filters, clamd, rspamd.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "daemon/settings/settings.h"
#include "service/neighbours/neighbour.h"

namespace mail {

// In the order in which they are asked. `clock` outlives them.
std::vector<std::unique_ptr<NeighbourJudge>> make_neighbours(const Settings& settings,
                                                             const Clock& clock);

}  // namespace mail
