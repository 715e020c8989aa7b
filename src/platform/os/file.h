// Files as the daemon needs them: small ones whole, replaced atomically and durably; directories;
// permissions; free space; the lock that keeps two processes out of one state directory.
// Any thread. Fails with io_error, storage_full (ENOSPC, EDQUOT) or not_found, naming the path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace mail::os {

// An owned descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd();

  int get() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// At most `limit` octets; a larger file is too_large.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 64UL << 20);

// Readers see the old content or the new, whole, also after a power cut: written beside, synced,
// renamed, and the directory synced (security.md 8).
Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          unsigned mode = 0600);

Result<void> remove_file(const std::filesystem::path& path);  // and syncs the directory
// Another name for a file that is not changed any more; on another file system, or where links are
// not to be had, a synced copy.
Result<void> link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to);
Result<void> sync_file(const std::filesystem::path& path);  // its octets and its length
// Its octets to their places once more, and synced. After a sync that failed, also in a life before
// this one, the kernel takes for written what it holds: another sync would do nothing.
Result<void> write_again(const std::filesystem::path& path);
Result<void> sync_directory(const std::filesystem::path& path);
// Also the missing ones above it; each new one is synced into its parent.
Result<void> make_directories(const std::filesystem::path& path, unsigned mode = 0700);

// Whether group or others may read (secret files: security.md 58).
Result<bool> others_may_read(const std::filesystem::path& path);

struct Space {
  std::uint64_t total = 0;
  std::uint64_t available = 0;         // to us, not to root
  std::uint64_t inodes = 0;            // 0: the file system does not count them
  std::uint64_t inodes_available = 0;  // to us, not to root
};
Result<Space> space_of(const std::filesystem::path& path);

// A file that only grows; what append() wrote survives the process, sync() makes it survive power.
class AppendFile {
 public:
  static Result<AppendFile> create(const std::filesystem::path& path, unsigned mode = 0600);
  Result<void> append(std::string_view bytes);
  Result<void> sync();
  std::uint64_t size() const { return size_; }

 private:
  AppendFile(Fd file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  Fd file_;
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
};

// A new file, written at places that its owner chooses. What is in it is read by read_at().
class PlacedFile {
 public:
  static Result<PlacedFile> create(const std::filesystem::path& path, unsigned mode = 0600);
  // Space for what will be written there; its length stays as it is. Where the file system
  // cannot promise any, the write will tell.
  Result<void> allocate(std::uint64_t offset, std::uint64_t size) const;
  // The parts one after the other, from `offset` on.
  Result<void> write(std::uint64_t offset, std::span<const std::string_view> parts) const;
  Result<void> sync() const;

 private:
  PlacedFile(Fd file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  Fd file_;
  std::filesystem::path path_;
};
// What was allocated behind its end goes back; not where the file has another name, under which
// somebody may be writing to it.
Result<void> trim_file(const std::filesystem::path& path);
// `size` octets from `offset` on; fewer where the file ends before.
Result<std::string> read_at(const std::filesystem::path& path, std::uint64_t offset,
                            std::size_t size);

// Held as long as this lives; the kernel lets go when the process dies. The file names the holder.
class LockFile {
 public:
  // already_exists when another process (or another LockFile of this one) holds it.
  static Result<LockFile> take(const std::filesystem::path& path);

 private:
  explicit LockFile(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

}  // namespace mail::os
