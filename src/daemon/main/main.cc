#include "base/clock.h"
#include "daemon/ctl/program.h"

int main(int argc, char** argv) {
  const mail::SystemClock clock;
  return mail::ctl::run_program(argc, argv, clock);
}
