// `mailwright send`: submits a message with the program's own client; and reading passwords.
#pragma once

#include <string>

#include "daemon/ctl/exit_code.h"
#include "platform/cli/cli.h"

namespace mail::ctl {

Answer run_send(const cli::Invocation& invocation);

// One line, its line end not included; at most 1 KiB. Reads no byte behind the line end, so that
// more may follow on the same descriptor. Refused when empty.
std::expected<std::string, Refusal> read_password_line(int descriptor);

}  // namespace mail::ctl
