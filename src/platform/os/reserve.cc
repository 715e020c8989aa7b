#include "platform/os/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace mail::os {
namespace {

constexpr std::uint64_t kMost = 32 << 20;
constexpr std::uint64_t kMostFiles = 32;  // a flush of every family makes a dozen
constexpr std::uint64_t kShare = 8;
constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kStatBlock = 512;  // stat(2): st_blocks

}  // namespace

Reserve::Reserve(const std::filesystem::path& state) : directory_(state / "reserve") {
  const Result<Space> space = space_of(state);
  if (!space) return;
  const std::uint64_t files =
      space->inodes == 0 ? kMostFiles : std::min(kMostFiles, space->inodes / (2 * kShare));
  if (files == 0) return;
  files_ = files;
  each_ = std::min(kMost, space->total / kShare) / files / kBlock * kBlock;
  bool all = true;
  for (std::uint64_t i = 0; i < files && all; ++i) {
    struct stat status{};
    all = ::stat(file(i).c_str(), &status) == 0 &&
          static_cast<std::uint64_t>(status.st_blocks) * kStatBlock >= each_;
  }
  held_ = all;
}

std::filesystem::path Reserve::file(std::uint64_t number) const {
  return directory_ / std::to_string(number);
}

bool Reserve::allocate(std::uint64_t number) {
  const Fd fd(::open(file(number).c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.open()) return false;
  if (each_ == 0) return true;  // its inode counts
  // Of no length: what copies the state does not copy it.
  while (::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(each_)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP) files_ = 0;
    return false;
  }
  return true;
}

void Reserve::hold() {
  const std::lock_guard lock(mutex_);
  if (held_ || files_ == 0 || !make_directories(directory_)) return;
  const std::uint64_t files = files_;
  bool all = true;
  for (std::uint64_t i = 0; i < files && all; ++i) all = allocate(i);
  if (files_ == 0) {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  held_ = all && files_ > 0;
}

bool Reserve::release(Part part) {
  const std::lock_guard lock(mutex_);
  held_ = false;
  bool any = false;
  for (std::uint64_t i = part == Part::all ? 0 : kMostFiles / 4; i < kMostFiles; ++i) {
    any = ::unlink(file(i).c_str()) == 0 || any;
  }
  return any;
}

}  // namespace mail::os
