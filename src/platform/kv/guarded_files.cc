// What stands between RocksDB and the file system in the daemon too. RocksDB 7.8 keeps using a log
// file that has seen an error: a flush that is under way syncs it once more, which is what must not
// be (a failed sync is never retried, security.md 10), and which Debian's build ends the process
// for by an assertion; and where a memtable cannot be put aside, for want of a log or a line in the
// MANIFEST, it forgets references that closing the database asserts (DBImpl::ScheduleFlushes). So
// errors of the logs and the MANIFEST end here: the first one is kept for Database::write(),
// RocksDB hears nothing of it, and from then on nothing of the database reaches the disk: nothing
// is written, renamed or removed, and what is there is what the next opening finds.
//
// And a write must not meet the end of the disk halfway: space is asked for before it is written
// to, a step ahead, and when it is refused somebody may give some (Options::when_full). RocksDB
// asks too, but for as much as a memtable, and goes on when it is refused.
#include <rocksdb/file_system.h>

#include <algorithm>

#include "platform/kv/mending.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using File = rocksdb::FSWritableFileOwnerWrapper;

constexpr std::uint64_t kLogStep = 4 << 20;
constexpr std::uint64_t kTableStep = 1 << 20;
constexpr std::uint64_t kScarceStep = 64 << 10;
constexpr std::uint64_t kBlock = 4096;

// Whose errors end here.
bool is_quiet(const std::string& name) {
  return name.ends_with(".log") ||
         std::string_view(name).substr(name.rfind('/') + 1).starts_with(kManifest);
}

IOStatus refused() { return IOStatus::IOError("the database has failed and is to be reopened"); }

std::uint64_t step_of(const std::string& name) {
  if (name.ends_with(".log")) return kLogStep;
  return name.ends_with(".sst") || name.ends_with(".blob") ? kTableStep : kBlock;
}

class GuardedFile final : public File {
 public:
  GuardedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Guard> guard,
              const std::string& name)
      : File(std::move(file)),
        guard_(std::move(guard)),
        is_quiet_(is_quiet(name)),
        step_(step_of(name)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return append(data.size(), options, debug, [&] { return File::Append(data, options, debug); });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    return append(data.size(), options, debug,
                  [&] { return File::Append(data, options, info, debug); });
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    end_ = size;
    return run([&] { return File::Truncate(size, options, debug); });
  }
  void SetPreallocationBlockSize(std::size_t) override {}
  void PrepareWrite(std::size_t, std::size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return run([&] { return File::Flush(options, debug); });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return run([&] { return File::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return run([&] { return File::Fsync(options, debug); });
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    // What was allocated ahead goes back; if it cannot, nothing but space is lost.
    if (allocated_ > end_ && !guard_->broken()) {
      File::Truncate(end_, options, debug).PermitUncheckedError();
    }
    const IOStatus closed = File::Close(options, debug);
    return is_quiet_ ? hide(closed) : closed;
  }

 private:
  template <typename Operation>
  IOStatus run(Operation operation) {
    if (guard_->broken()) return is_quiet_ ? IOStatus::OK() : refused();
    return is_quiet_ ? hide(operation()) : operation();
  }
  template <typename Operation>
  IOStatus append(std::size_t size, const IOOptions& options, IODebugContext* debug,
                  Operation operation) {
    return run([&] {
      IOStatus done = make_room(size, options, debug);
      if (done.ok()) done = operation();
      if (done.ok()) end_ += size;
      return done;
    });
  }
  IOStatus make_room(std::size_t size, const IOOptions& options, IODebugContext* debug) {
    const std::uint64_t needed = end_ + size;
    if (needed <= allocated_) return IOStatus::OK();
    const auto ask = [&] {
      const std::uint64_t step = guard_->scarce ? std::min(step_, kScarceStep) : step_;
      return allocate((needed + step - 1) / step * step, options, debug);
    };
    IOStatus done = ask();
    if (done.ok()) return done;
    guard_->scarce = true;
    done = ask();
    if (!done.ok() && guard_->when_full && guard_->when_full()) done = ask();
    return done;
  }
  IOStatus allocate(std::uint64_t end, const IOOptions& options, IODebugContext* debug) {
    const IOStatus done = File::Allocate(allocated_, end - allocated_, options, debug);
    if (done.IsNoSpace()) return done;
    allocated_ = end;  // or it cannot be asked for here: the write will tell
    return IOStatus::OK();
  }
  IOStatus hide(const IOStatus& status) {
    if (!status.ok()) guard_->set(status);
    return IOStatus::OK();
  }

  const std::shared_ptr<Guard> guard_;
  const bool is_quiet_;
  const std::uint64_t step_;
  std::uint64_t end_ = 0;  // of what was written
  std::uint64_t allocated_ = 0;
};

// Stands for a log that could not be made. The guard is broken, so nothing is meant to reach it.
class NoFile final : public rocksdb::FSWritableFile {
 public:
  using FSWritableFile::Append;
  IOStatus Append(const rocksdb::Slice&, const IOOptions&, IODebugContext*) override { return {}; }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return {}; }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return {}; }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return {}; }
  bool IsSyncThreadSafe() const override { return true; }
};

class GuardedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  GuardedFileSystem(const std::shared_ptr<rocksdb::FileSystem>& below, std::shared_ptr<Guard> guard)
      : FileSystemWrapper(below), guard_(std::move(guard)) {}

  const char* Name() const override { return "GuardedFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    IOStatus status = make(name, options, file, debug);
    if (!status.ok() && name.ends_with(".log")) {
      guard_->set(status);
      *file = std::make_unique<NoFile>();
      return IOStatus::OK();
    }
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    if (guard_->broken()) return refused();  // CURRENT must not name a MANIFEST that is not whole
    return FileSystemWrapper::RenameFile(from, to, options, debug);
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* debug) override {
    if (guard_->broken())
      return IOStatus::OK();  // what says that it may go was perhaps not written
    return FileSystemWrapper::DeleteFile(name, options, debug);
  }

 private:
  IOStatus make(const std::string& name, const rocksdb::FileOptions& options,
                std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
    if (guard_->broken()) return refused();
    IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.IsNoSpace() && guard_->when_full && guard_->when_full()) {  // inodes run out as well
      status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    }
    if (status.ok()) {
      *file = std::make_unique<GuardedFile>(std::move(*file), guard_, name);
    }
    return status;
  }

  const std::shared_ptr<Guard> guard_;
};

}  // namespace

void Guard::set(const rocksdb::Status& status) {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = status;
  broken_ = true;
}

rocksdb::Status Guard::status() const {
  if (!broken_) return rocksdb::Status::OK();
  const std::lock_guard lock(mutex_);
  return status_;
}

std::shared_ptr<rocksdb::FileSystem> guarded_file_system(
    const std::shared_ptr<rocksdb::FileSystem>& below, std::shared_ptr<Guard> guard) {
  return std::make_shared<GuardedFileSystem>(below, std::move(guard));
}

}  // namespace mail::kv
