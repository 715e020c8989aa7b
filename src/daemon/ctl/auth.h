// `mailwright auth ...`: mail and domains judged, and mail signed, by hand. Needs no daemon, and no
// configuration but where one is named for its [dns].
#pragma once

#include <vector>

#include "base/clock.h"
#include "daemon/ctl/exit_code.h"
#include "daemon/settings/settings.h"
#include "platform/cli/cli.h"

namespace mail::ctl {

// Prints to standard output. `settings`: of the file that --config names, else null.
Answer run_auth(const cli::Invocation& invocation, const Settings* settings, const Clock& clock);

namespace auth {
std::vector<cli::Command> commands();  // their rows of the command table
}

}  // namespace mail::ctl
