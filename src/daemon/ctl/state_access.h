// The state of a server opened by a command, while no daemon runs: for `store check` and `store
// backup`. The lock file in the state decides who may; two processes never have it open.
#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/control_client.h"
#include "daemon/settings/settings.h"

namespace mail::ctl {

// Runs a command on the state itself. Refused with try_later where somebody holds the lock.
Answer run_on_state(const Settings& settings, const Request& request, const Sink& out,
                    const Clock& clock);

// `store salvage`: on a state whose store does not open (store_salvage.cc).
Answer salvage_state(const std::filesystem::path& state, const Request& request, const Sink& out,
                     const Clock& clock);

}  // namespace mail::ctl
