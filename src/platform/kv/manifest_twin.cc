// A second copy of the MANIFEST: the one file without which nothing of a database can be opened,
// and which RocksDB has once. Whatever is written to MANIFEST-n is written to its twin beside it as
// well, behind it; mending.cc takes the better of the two at open. RocksDB knows nothing of the
// twin: what it cannot be written to for is logged once, and the twin goes.
#include <rocksdb/file_system.h>

#include "base/log.h"
#include "platform/kv/mending.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using File = rocksdb::FSWritableFileOwnerWrapper;

// The name of the twin; nothing: `name` is no MANIFEST.
std::optional<std::string> twin_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t from = slash == std::string::npos ? 0 : slash + 1;
  if (!std::string_view(name).substr(from).starts_with(kManifest)) return std::nullopt;
  return name.substr(0, from) + std::string(kTwin) + name.substr(from + kManifest.size());
}

class TwinFile final : public File {
 public:
  TwinFile(std::unique_ptr<FSWritableFile> file, std::unique_ptr<FSWritableFile> twin,
           std::shared_ptr<rocksdb::FileSystem> files, std::string twin_name)
      : File(std::move(file)),
        twin_(std::move(twin)),
        files_(std::move(files)),
        twin_name_(std::move(twin_name)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return both([&](FSWritableFile& file) { return file.Append(data, options, debug); });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    return both([&](FSWritableFile& file) { return file.Append(data, options, info, debug); });
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return both([&](FSWritableFile& file) { return file.Flush(options, debug); });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return both([&](FSWritableFile& file) { return file.Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return both([&](FSWritableFile& file) { return file.Fsync(options, debug); });
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return both([&](FSWritableFile& file) { return file.Close(options, debug); });
  }

 private:
  template <typename Operation>
  IOStatus both(Operation operation) {
    const IOStatus done = operation(*target());
    if (twin_ && !(done.ok() && operation(*twin_).ok())) drop_twin();
    return done;
  }
  void drop_twin() {
    twin_.reset();
    files_->DeleteFile(twin_name_, IOOptions(), nullptr).PermitUncheckedError();
    log::warning("store.manifest_twin", {{"what", "it cannot be written; there is none for now"}});
  }

  std::unique_ptr<FSWritableFile> twin_;
  const std::shared_ptr<rocksdb::FileSystem> files_;
  const std::string twin_name_;
};

class TwinFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit TwinFileSystem(const std::shared_ptr<rocksdb::FileSystem>& below)
      : FileSystemWrapper(below) {}

  const char* Name() const override { return "TwinFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    const std::optional<std::string> twin_name = twin_of(name);
    if (!status.ok() || !twin_name) return status;
    std::unique_ptr<FSWritableFile> twin;
    if (FileSystemWrapper::NewWritableFile(*twin_name, options, &twin, debug).ok()) {
      *file = std::make_unique<TwinFile>(std::move(*file), std::move(twin), target_, *twin_name);
    }
    return status;
  }

  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* debug) override {
    if (const std::optional<std::string> twin = twin_of(name)) {
      FileSystemWrapper::DeleteFile(*twin, options, debug).PermitUncheckedError();
    }
    return FileSystemWrapper::DeleteFile(name, options, debug);
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> twin_file_system(
    const std::shared_ptr<rocksdb::FileSystem>& below) {
  return std::make_shared<TwinFileSystem>(below);
}

}  // namespace mail::kv
