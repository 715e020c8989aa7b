// What stands between RocksDB and the file system in the daemon too. RocksDB 7.8 keeps using a log
// file that has seen an error: a flush that is under way syncs it once more, which is what must not
// be (a failed sync is never retried, security.md 10), and which Debian's build ends the process
// for by an assertion. So errors of the log end here: the first one is kept for Database::write(),
// RocksDB hears nothing of it, and from then on nothing of the database reaches the disk.
#include <rocksdb/file_system.h>

#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using File = rocksdb::FSWritableFileOwnerWrapper;

class GuardedFile final : public File {
 public:
  GuardedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Guard> guard,
              bool is_log)
      : File(std::move(file)), guard_(std::move(guard)), is_log_(is_log) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return run([&] { return File::Append(data, options, debug); });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    return run([&] { return File::Append(data, options, info, debug); });
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    return run([&] { return File::Truncate(size, options, debug); });
  }
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
    const IOStatus closed = File::Close(options, debug);
    return is_log_ ? hide(closed) : closed;
  }

 private:
  template <typename Operation>
  IOStatus run(Operation operation) {
    if (guard_->broken()) return is_log_ ? IOStatus::OK() : IOStatus::IOError("the log has failed");
    return is_log_ ? hide(operation()) : operation();
  }
  IOStatus hide(const IOStatus& status) {
    if (!status.ok()) guard_->set(status);
    return IOStatus::OK();
  }

  const std::shared_ptr<Guard> guard_;
  const bool is_log_;
};

class GuardedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  GuardedFileSystem(const std::shared_ptr<rocksdb::FileSystem>& below, std::shared_ptr<Guard> guard)
      : FileSystemWrapper(below), guard_(std::move(guard)) {}

  const char* Name() const override { return "GuardedFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) {
      *file = std::make_unique<GuardedFile>(std::move(*file), guard_, name.ends_with(".log"));
    }
    return status;
  }

 private:
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
