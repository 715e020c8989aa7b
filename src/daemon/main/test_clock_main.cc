// The program with a clock that a test can put forward; never shipped, `mailwright` has none of it.
// MAILWRIGHT_TEST_CLOCK names a file of two 64-bit numbers in the order of this machine:
// milliseconds by which all time runs ahead of the machine's, and those by which wall time alone
// does, which may be negative. The test writes there while the program runs (tests/lib/daemon.py,
// `advance`).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "daemon/ctl/program.h"

namespace {

struct Shift {
  std::atomic<std::int64_t> all;
  std::atomic<std::int64_t> wall;
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free && sizeof(Shift) == 16);

class TestClock final : public mail::Clock {
 public:
  explicit TestClock(const Shift& shift) : shift_(shift) {}
  mail::WallTime wall_now() const override {
    return machine_.wall_now() + mail::Milliseconds(shift_.all.load() + shift_.wall.load());
  }
  mail::MonoTime mono_now() const override {
    return machine_.mono_now() + mail::Milliseconds(shift_.all.load());
  }

 private:
  const mail::SystemClock machine_;
  const Shift& shift_;
};

const Shift* map_shift() {
  const char* const path = std::getenv("MAILWRIGHT_TEST_CLOCK");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  const bool whole = ::lseek(fd, 0, SEEK_END) >= static_cast<off_t>(sizeof(Shift));
  void* const at =
      whole ? ::mmap(nullptr, sizeof(Shift), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
  ::close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<const Shift*>(at);
}

}  // namespace

int main(int argc, char** argv) {
  const Shift* const shift = map_shift();
  if (shift == nullptr) {
    std::fputs("MAILWRIGHT_TEST_CLOCK has to name a file of 16 octets.\n", stderr);
    return EXIT_FAILURE;
  }
  const TestClock clock(*shift);
  return mail::ctl::run_program(argc, argv, clock);
}
