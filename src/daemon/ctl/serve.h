// `mailwright serve`: the server in the foreground, from start to signal.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "daemon/ctl/exit_code.h"
#include "daemon/settings/settings.h"

namespace mail::ctl {

// Returns when the server has stopped. `config` is read again at SIGHUP.
Answer run_serve(const std::string& config, std::shared_ptr<const Settings> settings,
                 const Clock& clock);

}  // namespace mail::ctl
