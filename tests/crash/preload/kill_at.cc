// Loaded into the shipped binary (LD_PRELOAD): kills it at a named point of its work, which is a
// system call that it makes there. MAIL_KILL_AT=settle.before:3 is the third time that a settlement
// is about to be written. What is behind a point is told by the file, the socket and the words the
// tests put into their mail and replies: "sink-took", "sink-later", "staged-part".
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

struct Point {
  std::string name;  // "settle.before"
  long left = 0;
};

Point read_point() {
  const char* text = std::getenv("MAIL_KILL_AT");
  if (text == nullptr) return {};
  const std::string_view all(text);
  const std::size_t colon = all.find(':');
  if (colon == all.npos) return {};
  return {std::string(all.substr(0, colon)), std::strtol(text + colon + 1, nullptr, 10)};
}

const Point& point() {
  static const Point it = read_point();
  return it;
}

void reached(std::string_view name, std::string_view when) {
  static std::atomic<long> left = point().left;
  const std::string& wanted = point().name;
  if (wanted.size() != name.size() + when.size() || !wanted.starts_with(name) ||
      !wanted.ends_with(when)) {
    return;
  }
  if (--left == 0) ::kill(::getpid(), SIGKILL);
}

bool watching() { return !point().name.empty(); }

std::string path_of(int file) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "";
}

bool has(std::string_view bytes, std::string_view word) { return bytes.find(word) != bytes.npos; }

// What a write is, by where it goes and what is in it.
void about_to_write(int file, std::string_view bytes, std::string_view when) {
  const std::string path = path_of(file);
  if (path.ends_with(".blob")) return reached("blob_write", when);
  if (path.ends_with(".ids")) return reached("journal", when);
  if (!path.ends_with(".log")) return;
  reached("write", when);
  if (has(bytes, "sink-took")) reached("settle", when);
  if (has(bytes, "sink-later")) reached("retry_update", when);
  if (has(bytes, "multipart/report")) reached("dsn_spool", when);
  if (has(bytes, "staged-part")) reached("staging", when);
}

void about_to_sync(int file, std::string_view when) {
  struct stat status{};
  if (::fstat(file, &status) == 0 && S_ISDIR(status.st_mode))
    return reached("directory_sync", when);
  const std::string path = path_of(file);
  if (path.ends_with(".log")) reached("sync", when);
  if (path.ends_with(".seg")) reached("segment_sync", when);
}

void about_to_place(int file, std::string_view when) {
  if (path_of(file).ends_with(".seg")) reached("segment_write", when);
}

// "250 2.0.0 " and an id is an acknowledgement.
void about_to_send(std::string_view bytes, std::string_view when) {
  constexpr std::string_view kTaken = "250 2.0.0 ";
  for (std::size_t at = bytes.find(kTaken); at != bytes.npos; at = bytes.find(kTaken, at + 1)) {
    const std::size_t end = bytes.find('\r', at);
    if (end != bytes.npos && end >= at + kTaken.size() + 16) reached("acknowledge", when);
  }
  if (bytes.ends_with("\r\n.\r\n")) reached("final_dot", when);
}

void received(std::string_view bytes) {
  if (has(bytes, "sink-took")) reached("remote_250", ".after");
}

std::string joined(const iovec* parts, std::size_t count, std::size_t at_most) {
  std::string all;
  for (std::size_t i = 0; i < count && all.size() < at_most; ++i) {
    all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  if (all.size() > at_most) all.resize(at_most);
  return all;
}

}  // namespace

#define MAIL_SEAM extern "C" __attribute__((visibility("default"), used))

MAIL_SEAM ssize_t write(int file, const void* bytes, size_t size) {
  const std::string_view view(static_cast<const char*>(bytes), size);
  if (watching()) about_to_write(file, view, ".before");
  const ssize_t done = ::syscall(SYS_write, file, bytes, size);
  if (watching()) about_to_write(file, view, ".after");
  return done;
}
MAIL_SEAM ssize_t pwrite64(int file, const void* bytes, size_t size, off_t offset) {
  const std::string_view view(static_cast<const char*>(bytes), size);
  if (watching()) about_to_write(file, view, ".before");
  const ssize_t done = ::syscall(SYS_pwrite64, file, bytes, size, offset);
  if (watching()) about_to_write(file, view, ".after");
  return done;
}
MAIL_SEAM ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  return pwrite64(file, bytes, size, offset);
}
MAIL_SEAM ssize_t pwritev64(int file, const iovec* parts, int count, off_t offset) {
  if (watching()) about_to_place(file, ".before");
  const ssize_t done = ::syscall(SYS_pwritev, file, parts, count, offset, 0);
  if (watching()) about_to_place(file, ".after");
  return done;
}
MAIL_SEAM ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  return pwritev64(file, parts, count, offset);
}
MAIL_SEAM int fdatasync(int file) {
  if (watching()) about_to_sync(file, ".before");
  const auto done = static_cast<int>(::syscall(SYS_fdatasync, file));
  if (watching()) about_to_sync(file, ".after");
  return done;
}
MAIL_SEAM int fsync(int file) {
  if (watching()) about_to_sync(file, ".before");
  const auto done = static_cast<int>(::syscall(SYS_fsync, file));
  if (watching()) about_to_sync(file, ".after");
  return done;
}
MAIL_SEAM ssize_t send(int file, const void* bytes, size_t size, int flags) {
  const std::string_view view(static_cast<const char*>(bytes), size);
  if (watching()) about_to_send(view, ".before");
  const ssize_t done = ::syscall(SYS_sendto, file, bytes, size, flags, nullptr, 0);
  if (watching() && done > 0) about_to_send(view, ".after");
  return done;
}
MAIL_SEAM ssize_t sendmsg(int file, const msghdr* message, int flags) {
  std::string all;
  if (watching()) all = joined(message->msg_iov, message->msg_iovlen, SIZE_MAX);
  if (watching()) about_to_send(all, ".before");
  const ssize_t done = ::syscall(SYS_sendmsg, file, message, flags);
  if (watching() && done > 0) about_to_send(all, ".after");
  return done;
}
MAIL_SEAM ssize_t recv(int file, void* bytes, size_t size, int flags) {
  const ssize_t done = ::syscall(SYS_recvfrom, file, bytes, size, flags, nullptr, nullptr);
  if (watching() && done > 0) {
    received({static_cast<const char*>(bytes), static_cast<std::size_t>(done)});
  }
  return done;
}
MAIL_SEAM ssize_t recvmsg(int file, msghdr* message, int flags) {
  const ssize_t done = ::syscall(SYS_recvmsg, file, message, flags);
  if (watching() && done > 0) {
    received(joined(message->msg_iov, message->msg_iovlen, static_cast<std::size_t>(done)));
  }
  return done;
}
