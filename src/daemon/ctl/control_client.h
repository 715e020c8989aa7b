// The other end of the control socket: sends one request and prints what comes back.
// Blocks the calling thread. Fails with unavailable where no daemon answers, not_allowed where the
// socket is somebody else's.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "base/clock.h"
#include "daemon/ctl/protocol.h"

namespace mail::ctl {

using Sink = std::function<Result<void>(std::string_view bytes)>;

// The answer of the daemon; an Error where there was none. `out` gets standard output as it comes.
Result<Answer> call(const std::filesystem::path& socket, const Request& request, const Sink& out,
                    const Clock& clock);

}  // namespace mail::ctl
