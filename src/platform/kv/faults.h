// A seam for tests between RocksDB and the file system: counts the syncs of the write-ahead log and
// makes the one asked for fail, or says that the disk is full. In the daemon there is none.
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace mail::kv {

struct Faults {
  std::atomic<std::uint64_t> wal_syncs{0};      // so far, failed ones included
  std::atomic<std::uint64_t> fail_wal_sync{0};  // the sync with this number fails with EIO
  std::atomic<bool> no_space{false};            // every append fails with ENOSPC
  std::atomic<bool> fail_manifest{false};       // every append to the MANIFEST fails with EIO
  std::atomic<bool> fail_open{false};           // no file can be opened for writing
  std::atomic<int> no_room{0};                  // so many times no more space is allocated
  std::atomic<bool> no_inodes{false};           // no file can be made
};

}  // namespace mail::kv
