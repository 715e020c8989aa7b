// Runs a program of the operator's and takes what it prints. Blocks: use a WorkerPool. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mail::os {

// `argv` as it is, without a shell; the program is found by PATH, reads nothing, and what it says
// on standard error goes where ours does. Its output, when it ends with 0. After `deadline` it and
// its children are killed. Errors: not_found, deadline_exceeded, too_large, io_error (it failed).
Result<std::string> run_command(const std::vector<std::string>& argv, Milliseconds deadline,
                                std::size_t limit);

}  // namespace mail::os
