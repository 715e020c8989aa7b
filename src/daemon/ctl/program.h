// The program: reads the command line, runs the command, gives the exit code (sysexits).
#pragma once

#include "base/clock.h"

namespace mail::ctl {

// The server, and commands that open the state themselves, live by `clock`.
int run_program(int argc, char** argv, const Clock& clock);

}  // namespace mail::ctl
