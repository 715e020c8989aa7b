// The table of all commands: the command line, its help, docs/commands.md and the control socket's
// handlers come from these rows.
#pragma once

#include <span>

#include "daemon/ctl/admin.h"
#include "platform/cli/cli.h"

namespace mail::ctl {

std::span<const cli::Command> commands();
// Null where the command is not one of the control socket's.
Handler find_handler(std::string_view noun, std::string_view verb);

}  // namespace mail::ctl
