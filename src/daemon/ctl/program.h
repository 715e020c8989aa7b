// The program: reads the command line, runs the command, gives the exit code (sysexits).
#pragma once

namespace mail::ctl {

int run_program(int argc, char** argv);

}  // namespace mail::ctl
