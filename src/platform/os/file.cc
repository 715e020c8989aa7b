#include "platform/os/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/planted.h"
#include "base/text.h"

namespace mail::os {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> os_error(std::string_view doing, const fs::path& path, int error) {
  const Errc code = error == ENOSPC || error == EDQUOT ? Errc::storage_full
                    : error == ENOENT                  ? Errc::not_found
                                                       : Errc::io_error;
  return fail(code,
              concat(doing, " ", path.string(), ": ", std::generic_category().message(error)));
}

Result<Fd> open_file(const fs::path& path, int flags, unsigned mode = 0) {
  for (;;) {
    const int number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (number >= 0) return Fd(number);
    if (errno != EINTR) return os_error("cannot open", path, errno);
  }
}

Result<void> write_all(int file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("cannot write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

fs::path directory_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

Result<std::string> read_file(const fs::path& path, std::size_t limit) {
  MAIL_TRY(const Fd file, open_file(path, O_RDONLY));
  std::string content;
  for (;;) {
    constexpr std::size_t kStep = 64UL << 10;
    const std::size_t before = content.size();
    content.resize(before + kStep);
    const ssize_t got = ::read(file.get(), content.data() + before, kStep);
    if (got < 0 && errno != EINTR) return os_error("cannot read", path, errno);
    content.resize(before + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (got == 0) return content;
    if (content.size() > limit) {
      return fail(Errc::too_large, concat(path.string(), " holds more than ", limit, " bytes"));
    }
  }
}

Result<void> replace_file(const fs::path& path, std::string_view content, unsigned mode) {
  fs::path beside = path;
  beside += ".new";
  {
    MAIL_TRY(const Fd file, open_file(beside, O_WRONLY | O_CREAT | O_TRUNC, mode));
    // A left-over of an earlier, interrupted replacement may have other permissions.
    if (::fchmod(file.get(), mode) != 0) return os_error("cannot change mode of", beside, errno);
    MAIL_TRY(write_all(file.get(), content, beside));
    if (::fsync(file.get()) != 0) return os_error("cannot sync", beside, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return os_error("cannot replace", path, errno);
  return sync_directory(directory_of(path));
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0) return os_error("cannot remove", path, errno);
  return sync_directory(directory_of(path));
}

Result<void> link_or_copy(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP) {
    return os_error("cannot link", to, errno);
  }
  std::error_code error;
  if (!fs::copy_file(from, to, error)) return os_error("cannot copy to", to, error.value());
  return sync_file(to);
}

Result<void> sync_file(const fs::path& path) {
  MAIL_TRY(const Fd file, open_file(path, O_RDONLY));
  if (::fdatasync(file.get()) != 0) return os_error("cannot sync", path, errno);
  return {};
}

Result<void> write_again(const fs::path& path) {
  MAIL_TRY(const Fd file, open_file(path, O_RDWR));
  std::string bytes(1 << 20, '\0');
  for (off_t offset = 0;;) {
    const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("cannot read", path, errno);
    if (got == 0) break;
    const ssize_t put = ::pwrite(file.get(), bytes.data(), static_cast<std::size_t>(got), offset);
    if (put < 0 && errno != EINTR) return os_error("cannot write", path, errno);
    offset += std::max<ssize_t>(put, 0);
  }
  if (::fdatasync(file.get()) != 0) return os_error("cannot sync", path, errno);
  return {};
}

Result<void> sync_directory(const fs::path& path) {
  if (planted(Bug::no_directory_sync)) return {};
  MAIL_TRY(const Fd directory, open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) return os_error("cannot sync", path, errno);
  return {};
}

Result<void> make_directories(const fs::path& path, unsigned mode) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return fail(Errc::io_error, concat(path.string(), " is there but is no directory"));
  }
  const fs::path parent = directory_of(path);
  if (parent != path) MAIL_TRY(make_directories(parent, mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return os_error("cannot make directory", path, errno);
  }
  return sync_directory(parent);
}

Result<bool> others_may_read(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return os_error("cannot look at", path, errno);
  return (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

Result<Space> space_of(const fs::path& path) {
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) return os_error("cannot look at", path, errno);
  return Space{status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize, status.f_files,
               status.f_favail};
}

Result<AppendFile> AppendFile::create(const fs::path& path, unsigned mode) {
  MAIL_TRY(Fd file, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, mode));
  MAIL_TRY(sync_directory(directory_of(path)));
  return AppendFile(std::move(file), path);
}

Result<void> AppendFile::append(std::string_view bytes) {
  MAIL_TRY(write_all(file_.get(), bytes, path_));
  size_ += bytes.size();
  return {};
}

Result<void> AppendFile::sync() {
  if (::fdatasync(file_.get()) != 0) return os_error("cannot sync", path_, errno);
  return {};
}

Result<PlacedFile> PlacedFile::create(const fs::path& path, unsigned mode) {
  MAIL_TRY(Fd file, open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode));
  MAIL_TRY(sync_directory(directory_of(path)));
  return PlacedFile(std::move(file), path);
}

Result<void> PlacedFile::allocate(std::uint64_t offset, std::uint64_t size) const {
  if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(size)) == 0 ||
      errno == EOPNOTSUPP || errno == ENOSYS) {
    return {};
  }
  return os_error("cannot get space for", path_, errno);
}

Result<void> PlacedFile::write(std::uint64_t offset,
                               std::span<const std::string_view> parts) const {
  constexpr std::size_t kAtOnce = 256;
  std::array<iovec, kAtOnce> vector;
  std::size_t done = 0;  // of the first part that is left
  while (!parts.empty()) {
    std::size_t count = 0;
    for (const std::string_view part : parts.first(std::min(parts.size(), kAtOnce))) {
      vector[count++] = {const_cast<char*>(part.data()), part.size()};  // it is only read
    }
    vector[0] = {static_cast<char*>(vector[0].iov_base) + done, vector[0].iov_len - done};
    const ssize_t written =
        ::pwritev(file_.get(), vector.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("cannot write", path_, errno);
    offset += static_cast<std::uint64_t>(written);
    done += static_cast<std::size_t>(written);
    while (!parts.empty() && done >= parts.front().size()) {
      done -= parts.front().size();
      parts = parts.subspan(1);
    }
  }
  return {};
}

Result<void> PlacedFile::sync() const {
  if (::fdatasync(file_.get()) != 0) return os_error("cannot sync", path_, errno);
  return {};
}

Result<void> trim_file(const fs::path& path) {
  constexpr off_t kBlocks = 512;        // stat(2) counts in these
  constexpr off_t kRounding = 1 << 16;  // of a file system: not worth a call
  MAIL_TRY(const Fd file, open_file(path, O_WRONLY));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return os_error("cannot look at", path, errno);
  const bool ahead = status.st_blocks * kBlocks > status.st_size + kRounding;
  if (!ahead || status.st_nlink > 1) return {};
  if (::ftruncate(file.get(), status.st_size) != 0) return os_error("cannot trim", path, errno);
  return {};
}

Result<std::string> read_at(const fs::path& path, std::uint64_t offset, std::size_t size) {
  MAIL_TRY(const Fd file, open_file(path, O_RDONLY));
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t more =
        ::pread(file.get(), bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return os_error("cannot read", path, errno);
    if (more == 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

Result<LockFile> LockFile::take(const fs::path& path) {
  MAIL_TRY(Fd file, open_file(path, O_RDWR | O_CREAT, 0600));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return os_error("cannot lock", path, errno);
    const Result<std::string> holder = read_file(path, 64);
    return fail(Errc::already_exists,
                concat(path.string(), " is held by another process",
                       holder && !holder->empty() ? concat(", number ", trim(*holder)) : ""));
  }
  if (::ftruncate(file.get(), 0) != 0) return os_error("cannot write", path, errno);
  MAIL_TRY(write_all(file.get(), concat(::getpid()), path));
  return LockFile(std::move(file));
}

}  // namespace mail::os
