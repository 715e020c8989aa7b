#include "platform/os/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/text.h"
#include "platform/os/file.h"

namespace mail::os {
namespace {

std::string errno_text(int number) { return std::generic_category().message(number); }

struct Spawned {
  pid_t pid = -1;
  Fd output;
};

// In a process group of its own, with no signal blocked or ignored.
Result<Spawned> spawn(const std::vector<std::string>& argv) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail(Errc::io_error, concat("cannot make a pipe: ", errno_text(errno)));
  }
  Spawned out;
  out.output = Fd(ends[0]);
  const Fd theirs(ends[1]);
  std::vector<char*> arguments;
  for (const std::string& each : argv) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  const int failed =
      posix_spawnp(&out.pid, arguments.front(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    return fail(failed == ENOENT ? Errc::not_found : Errc::io_error,
                concat("cannot run ", argv.front(), ": ", errno_text(failed)));
  }
  return out;
}

using TimePoint = std::chrono::steady_clock::time_point;

Result<void> wait_readable(int descriptor, TimePoint until) {
  for (;;) {
    const auto left =
        std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd watched{descriptor, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&watched, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Errc::deadline_exceeded, "it took too long");
    return {};
  }
}

Result<std::string> read_output(int descriptor, TimePoint until, std::size_t limit) {
  std::string out;
  char bytes[4096];
  for (;;) {
    MAIL_TRY(wait_readable(descriptor, until));
    const ssize_t got = ::read(descriptor, bytes, sizeof bytes);
    if (got == 0) return out;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::io_error, errno_text(errno));
    out.append(bytes, static_cast<std::size_t>(got));
    if (out.size() > limit) return fail(Errc::too_large, "it says too much");
  }
}

// Its output has ended; it may still be running.
Result<void> wait_end(pid_t pid, TimePoint until) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.open()) return fail(Errc::io_error, errno_text(errno));
  return wait_readable(process.get(), until);
}

}  // namespace

Result<std::string> run_command(const std::vector<std::string>& argv, Milliseconds deadline,
                                std::size_t limit) {
  if (argv.empty()) return fail(Errc::invalid_argument, "there is no program to run");
  MAIL_TRY(Spawned child, spawn(argv));
  const TimePoint until = std::chrono::steady_clock::now() + deadline;
  Result<std::string> out = read_output(child.output.get(), until, limit);
  if (out) {
    if (auto ended = wait_end(child.pid, until); !ended) {
      out = std::unexpected(std::move(ended.error()));
    }
  }
  if (!out) ::kill(-child.pid, SIGKILL);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!out) {
    out.error().detail = concat(argv.front(), ": ", out.error().detail);
  } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Errc::io_error,
                concat(argv.front(), " failed with ", WIFEXITED(status) ? "status " : "signal ",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
  }
  return out;
}

}  // namespace mail::os
