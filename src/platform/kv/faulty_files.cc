// The fault seam: RocksDB's FileSystemWrapper with files that count syncs and fail when told to.
#include <rocksdb/file_system.h>

#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Faults> faults,
             const std::string& name)
      : FSWritableFileOwnerWrapper(std::move(file)),
        faults_(std::move(faults)),
        is_wal_(name.ends_with(".log")),
        is_manifest_(name.contains("/MANIFEST-")) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    const IOStatus status = before_append();
    return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    const IOStatus status = before_append();
    return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, info, debug) : status;
  }
  IOStatus PositionedAppend(const rocksdb::Slice& data, std::uint64_t offset,
                            const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = before_append();
    if (!status.ok()) return status;
    return FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, debug);
  }
  IOStatus Allocate(std::uint64_t offset, std::uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    if (faults_->no_room > 0) {
      --faults_->no_room;
      return IOStatus::NoSpace("injected");
    }
    return FSWritableFileOwnerWrapper::Allocate(offset, size, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (fails_now()) return IOStatus::IOError("injected");
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (fails_now()) return IOStatus::IOError("injected");
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  IOStatus before_append() const {
    if (faults_->no_space) return IOStatus::NoSpace("injected");
    if (is_manifest_ && faults_->fail_manifest) return IOStatus::IOError("injected");
    return IOStatus::OK();
  }
  bool fails_now() { return is_wal_ && ++faults_->wal_syncs == faults_->fail_wal_sync; }

  std::shared_ptr<Faults> faults_;
  const bool is_wal_;
  const bool is_manifest_;
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(std::shared_ptr<Faults> faults)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), faults_(std::move(faults)) {}

  const char* Name() const override { return "FaultyFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    if (faults_->fail_open) return IOStatus::IOError("injected");
    if (faults_->no_inodes) return IOStatus::NoSpace("injected");
    IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) {
      *file = std::make_unique<FaultyFile>(std::move(*file), faults_, name);
    }
    return status;
  }

 private:
  std::shared_ptr<Faults> faults_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> faulty_file_system(std::shared_ptr<Faults> faults) {
  return std::make_shared<FaultyFileSystem>(std::move(faults));
}

}  // namespace mail::kv
