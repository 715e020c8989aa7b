#include "daemon/ctl/program.h"

int main(int argc, char** argv) { return mail::ctl::run_program(argc, argv); }
