// Space that nobody else can take: files of no length, with blocks and inodes allocated to them. On
// a full disk they are given back, so that what makes room (settling deliveries, removing mail) and
// opening the stores can still be written.
// Any thread. A file system that cannot allocate (EOPNOTSUPP) has none, and size() is 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>

#include "platform/os/file.h"

namespace mail::os {

class Reserve {
 public:
  // In `<state>/reserve`, in proportion to the disk: an eighth, at most 32 MiB in 32 files.
  // Takes over what an earlier life left; makes nothing yet.
  explicit Reserve(const std::filesystem::path& state);

  // The last quarter is for the next start: it has to write before it can make room.
  enum class Part : std::uint8_t { most, all };

  void hold();              // allocates what is missing; as much as can be had
  bool release(Part part);  // gives it back; false where there was nothing

  bool held() const { return held_; }
  std::uint64_t size() const { return files_ * each_; }
  std::uint64_t files() const { return files_; }

 private:
  std::filesystem::path file(std::uint64_t number) const;
  bool allocate(std::uint64_t number);

  const std::filesystem::path directory_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> files_{0};
  std::uint64_t each_ = 0;
  std::atomic<bool> held_{false};
};

}  // namespace mail::os
