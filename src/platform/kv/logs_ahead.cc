// The blocks behind the end of a log are written before they are needed, while groups are small.
// A sync of blocks that were written before is twice as fast as one of a file that grows, for which
// the file system writes its own journal too (docs/decisions/0025-logs-ahead.md). What is written
// are zeros, and a log that was not closed ends with them: who reads it is told that it ends where
// its records do, so that a record the power cut short is one at the end of the file, as RocksDB
// expects, and not one with damage in its middle.
// Threads: as RocksDB uses a log: one appends, another may sync.
#include <rocksdb/file_system.h>

#include <algorithm>
#include <atomic>

#include "platform/kv/rocks.h"
#include "platform/kv/rocks_log.h"
#include "platform/os/file.h"

namespace mail::kv {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::uint64_t kSmall = 16 << 10;  // between two syncs
constexpr unsigned kCalm = 8;               // so many small ones come before it pays
constexpr std::uint64_t kAhead = 128 << 10;
constexpr std::uint64_t kWorthIt = 64 << 10;

bool is_log(const std::string& name) { return name.ends_with(".log"); }

class LogAhead final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using Owner = rocksdb::FSWritableFileOwnerWrapper;
  using Owner::Owner;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    const IOStatus done = Owner::PositionedAppend(data, end_, options, debug);
    if (!done.ok()) return done;
    end_ += data.size();
    const bool small = (unsynced_ += data.size()) <= kSmall;
    const bool calm = small && small_syncs_ >= kCalm;
    return calm && end_ > ahead_ ? write_ahead(options, debug) : done;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Allocate(std::uint64_t offset, std::uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    const IOStatus done = Owner::Allocate(offset, size, options, debug);
    if (done.ok()) allocated_ = offset + size;
    return done;
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    end_ = ahead_ = size;
    return Owner::Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    note_sync();
    return Owner::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    note_sync();
    return Owner::Fsync(options, debug);
  }
  std::uint64_t GetFileSize(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return end_;
  }

 private:
  // Only into what is allocated: the disk is never full for it.
  IOStatus write_ahead(const IOOptions& options, IODebugContext* debug) {
    const std::uint64_t end = std::min(allocated_, end_ + kAhead);
    if (end < end_ + kWorthIt) return IOStatus::OK();
    const std::string zeros(end - end_, '\0');
    ahead_ = end;
    return Owner::PositionedAppend(zeros, end_, options, debug);
  }
  void note_sync() { small_syncs_ = unsynced_.exchange(0) <= kSmall ? small_syncs_ + 1 : 0; }

  std::uint64_t end_ = 0;    // of what was appended
  std::uint64_t ahead_ = 0;  // of what was written ahead
  std::uint64_t allocated_ = 0;
  std::atomic<std::uint64_t> unsynced_ = 0;
  std::atomic<unsigned> small_syncs_ = 0;  // one behind the other
};

// Where the records of a log end: behind the last octet that is no zero, and behind the zeros that
// belong to its record.
Result<std::uint64_t> end_of_records(const std::string& name, std::uint64_t size) {
  for (std::uint64_t from = size; from > 0;) {
    from = (from - 1) / kLogBlock * kLogBlock;
    MAIL_TRY(const std::string block, os::read_at(name, from, kLogBlock));
    if (const std::size_t end = end_in_block(block); end > 0) return from + end;
  }
  return 0;
}

class LogToItsEnd final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  using Owner = rocksdb::FSSequentialFileOwnerWrapper;
  LogToItsEnd(std::unique_ptr<rocksdb::FSSequentialFile> file, std::uint64_t end)
      : Owner(std::move(file)), left_(end) {}

  IOStatus Read(std::size_t size, const IOOptions& options, rocksdb::Slice* result, char* scratch,
                IODebugContext* debug) override {
    const IOStatus done = Owner::Read(std::min(size, left_), options, result, scratch, debug);
    if (done.ok()) left_ -= result->size();
    return done;
  }
  IOStatus Skip(std::uint64_t size) override {
    left_ -= std::min(size, left_);
    return Owner::Skip(size);
  }

 private:
  std::uint64_t left_;
};

class LogsAhead final : public rocksdb::FileSystemWrapper {
 public:
  explicit LogsAhead(const std::shared_ptr<rocksdb::FileSystem>& below)
      : FileSystemWrapper(below) {}

  const char* Name() const override { return "LogsAhead"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    const IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok() && is_log(name)) *file = std::make_unique<LogAhead>(std::move(*file));
    return status;
  }
  IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewSequentialFile(name, options, file, debug);
    if (!status.ok() || !is_log(name)) return status;
    std::uint64_t end = 0;
    status = GetFileSize(name, IOOptions(), &end, debug);
    if (status.ok()) *file = std::make_unique<LogToItsEnd>(std::move(*file), end);
    return status;
  }
  IOStatus GetFileSize(const std::string& name, const IOOptions& options, std::uint64_t* size,
                       IODebugContext* debug) override {
    const IOStatus status = FileSystemWrapper::GetFileSize(name, options, size, debug);
    if (!status.ok() || !is_log(name)) return status;
    const Result<std::uint64_t> end = end_of_records(name, *size);
    if (!end) return IOStatus::IOError(describe(end.error()));
    *size = *end;
    return status;
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> logs_ahead(const std::shared_ptr<rocksdb::FileSystem>& below) {
  return std::make_shared<LogsAhead>(below);
}

}  // namespace mail::kv
