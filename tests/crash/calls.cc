// The seam: system calls of the same name as the C library's, which the program and the shared
// libraries it uses (librocksdb, libsqlite3, libstdc++) find first. What is not below the root of
// the disk goes straight to the system.
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>

#include "disk.h"

using mail::crash::Disk;

#define MAIL_SEAM extern "C" __attribute__((visibility("default"), used))

namespace {
int open_any(int directory, const char* path, int flags, mode_t mode) {
  Disk* disk = directory == AT_FDCWD ? Disk::of(path) : nullptr;
  if (disk != nullptr) return disk->open(path, flags, mode);
  return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}
mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}
}  // namespace

MAIL_SEAM int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any(AT_FDCWD, path, flags, mode);
}
MAIL_SEAM int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any(AT_FDCWD, path, flags, mode);
}
MAIL_SEAM int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any(directory, path, flags, mode);
}
MAIL_SEAM int close(int file) {
  if (Disk* disk = Disk::of(file)) return disk->close(file);
  return static_cast<int>(::syscall(SYS_close, file));
}
MAIL_SEAM ssize_t write(int file, const void* bytes, size_t size) {
  if (Disk* disk = Disk::of(file)) return disk->write(file, static_cast<const char*>(bytes), size);
  return ::syscall(SYS_write, file, bytes, size);
}
MAIL_SEAM ssize_t writev(int file, const iovec* parts, int count) {
  Disk* disk = Disk::of(file);
  if (disk == nullptr) return ::syscall(SYS_writev, file, parts, count);
  std::string all;
  for (int i = 0; i < count; ++i) {
    all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  return disk->write(file, all.data(), all.size());
}
MAIL_SEAM ssize_t pwritev64(int file, const iovec* parts, int count, off_t offset) {
  Disk* disk = Disk::of(file);
  if (disk == nullptr) return ::syscall(SYS_pwritev, file, parts, count, offset, 0);
  std::string all;
  for (int i = 0; i < count; ++i) {
    all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  return disk->pwrite(file, all.data(), all.size(), offset);
}
MAIL_SEAM ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  return pwritev64(file, parts, count, offset);
}
MAIL_SEAM ssize_t pwrite64(int file, const void* bytes, size_t size, off_t offset) {
  Disk* disk = Disk::of(file);
  if (disk != nullptr) return disk->pwrite(file, static_cast<const char*>(bytes), size, offset);
  return ::syscall(SYS_pwrite64, file, bytes, size, offset);
}
MAIL_SEAM ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  return pwrite64(file, bytes, size, offset);
}
MAIL_SEAM int ftruncate64(int file, off_t size) noexcept {
  if (Disk* disk = Disk::of(file)) return disk->truncate(file, size);
  return static_cast<int>(::syscall(SYS_ftruncate, file, size));
}
MAIL_SEAM int ftruncate(int file, off_t size) noexcept { return ftruncate64(file, size); }
MAIL_SEAM int fallocate(int file, int mode, off_t offset, off_t size) {
  if (Disk* disk = Disk::of(file)) return disk->allocate(file, mode, offset, size);
  return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, size));
}
MAIL_SEAM int posix_fallocate(int file, off_t offset, off_t size) {
  return fallocate(file, 0, offset, size) == 0 ? 0 : errno;
}
MAIL_SEAM int fsync(int file) {
  if (Disk* disk = Disk::of(file)) return disk->sync(file);
  return static_cast<int>(::syscall(SYS_fsync, file));
}
MAIL_SEAM int fdatasync(int file) {
  if (Disk* disk = Disk::of(file)) return disk->sync(file);
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
// Starts writing, promises nothing.
MAIL_SEAM int sync_file_range(int file, off64_t offset, off64_t size, unsigned flags) {
  if (Disk::of(file) != nullptr) return 0;
  return static_cast<int>(::syscall(SYS_sync_file_range, file, offset, size, flags));
}
MAIL_SEAM int mkdir(const char* path, mode_t mode) noexcept {
  if (Disk* disk = Disk::of(path)) return disk->make_directory(path, mode);
  return static_cast<int>(::syscall(SYS_mkdir, path, mode));
}
MAIL_SEAM int unlink(const char* path) noexcept {
  if (Disk* disk = Disk::of(path)) return disk->remove(path, false);
  return static_cast<int>(::syscall(SYS_unlink, path));
}
MAIL_SEAM int rmdir(const char* path) noexcept {
  if (Disk* disk = Disk::of(path)) return disk->remove(path, true);
  return static_cast<int>(::syscall(SYS_rmdir, path));
}
MAIL_SEAM int rename(const char* from, const char* to) noexcept {
  if (Disk* disk = Disk::of(from)) return disk->rename(from, to);
  return static_cast<int>(::syscall(SYS_rename, from, to));
}
MAIL_SEAM int link(const char* from, const char* to) noexcept {
  if (Disk* disk = Disk::of(from)) return disk->link(from, to);
  return static_cast<int>(::syscall(SYS_link, from, to));
}
// std::filesystem::copy_file() falls back to reading and writing, which is seen here.
MAIL_SEAM ssize_t sendfile(int into, int from, off_t* offset, size_t size) noexcept {
  if (Disk::of(into) != nullptr) {
    errno = EINVAL;
    return -1;
  }
  return ::syscall(SYS_sendfile, into, from, offset, size);
}
// RocksDB waits a second after each error in the background, and so would every cut.
MAIL_SEAM int usleep(useconds_t microseconds) {
  const useconds_t least = microseconds < 1000 ? microseconds : 1000;
  const timespec time{0, static_cast<long>(least) * 1000};
  return ::nanosleep(&time, nullptr);
}
