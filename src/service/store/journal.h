// The journal of acknowledged ids (security.md 12): after an unclean stop it says which ids were
// answered `250`, and each that the store does not know is named. Loss is never silent.
//
// A record per group is appended after the group's sync and before its callers are woken. It is not
// synced there: kill -9 leaves it whole in the page cache, and a power cut, which the write-ahead
// log survives, may cost the journal its last second; sync() bounds that. A new file begins every
// 10 minutes or 4 MiB; a full one goes when the write-ahead log that covers it is flushed. `CLEAN`
// stands in the directory after an orderly stop: then all that was written was synced as well.
// One thread.
#pragma once

#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "platform/os/file.h"

namespace mail {

class Journal {
 public:
  // What earlier lives left; `ids` is sorted.
  struct Left {
    std::vector<MessageId> ids;
    std::vector<std::filesystem::path> files;
    bool clean = false;
  };

  explicit Journal(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Makes the directory, reads what is there and takes CLEAN away.
  Result<Left> open();
  // Every id of `left` was accounted for or named.
  Result<void> forget(const Left& left);

  // True when a new file must begin at the next append(): its caller then says which write-ahead
  // log is the newest.
  bool full(MonoTime now) const;
  Result<void> close_file(std::uint64_t newest_wal);  // synced, as far as that goes
  Result<void> append(std::span<const MessageId> ids, MonoTime now);
  Result<void> sync();  // if anything was appended since
  std::size_t closed_files() const { return closed_.size(); }
  Result<void> drop_flushed(std::uint64_t oldest_wal);
  Result<void> mark_clean();  // at an orderly stop

  // Sorted ids of everything that is not dropped yet, for a comparison in the middle of a life.
  Result<std::vector<MessageId>> ids() const;

 private:
  struct Closed {
    std::filesystem::path path;
    std::uint64_t newest_wal;
  };
  std::filesystem::path directory_;
  std::uint64_t next_number_ = 1;
  std::optional<os::AppendFile> file_;
  std::filesystem::path path_;
  MonoTime begun_{};
  bool unsynced_ = false;
  std::string bytes_;  // memory for records
  bool torn_ = false;  // a failed write left half a record: nothing behind it would be read
  std::deque<Closed> closed_;
};

}  // namespace mail
