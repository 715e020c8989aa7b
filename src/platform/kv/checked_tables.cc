// Looks at a table file before RocksDB opens it. RocksDB checks the checksum of every block but
// believes without its properties when theirs is wrong; they say how the index is to be read, so
// that one flipped bit ends the process: by an assertion of Debian's build, by reading beyond a
// buffer elsewhere. Here a table whose properties are damaged is damaged, like any other.
//
// The form of the file is RocksDB's block_based_table, format_version 5: blocks, each followed by
// its kind of compression and a checksum; the properties; the metaindex, which says where they are;
// a footer of 53 octets.
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>

#include "platform/kv/little_endian.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::size_t kFooter = 53;   // kind of checksum, two handles padded to 40, version, magic
constexpr std::size_t kHandles = 40;  // of the footer
constexpr std::size_t kTrailer = 5;   // of a block: kind of compression, checksum
constexpr std::uint64_t kMostOfABlock = 16 << 20;  // of the metaindex and the properties
constexpr std::uint64_t kVersion = 5;              // of the form, that RocksDB 7.8 writes
constexpr char kXxh3 = 4;                          // the kind of checksum that RocksDB 7.8 writes

struct Handle {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

std::optional<Handle> take_handle(std::string_view& bytes) {
  const std::optional<std::uint64_t> offset = take_varint(bytes);
  const std::optional<std::uint64_t> size = take_varint(bytes);
  if (!offset || !size) return std::nullopt;
  return Handle{.offset = *offset, .size = *size};
}

// Of a block with its kind of compression, as RocksDB computes it.
std::uint32_t checksum_of(std::string_view bytes) {
  constexpr std::uint32_t kOfTheLastOctet = 0x6b9083d9;
  return static_cast<std::uint32_t>(XXH3_64bits(bytes.data(), bytes.size() - 1)) ^
         static_cast<std::uint8_t>(bytes.back()) * kOfTheLastOctet;
}

class Table {
 public:
  Table(rocksdb::FSRandomAccessFile& file, std::uint64_t size) : file_(file), size_(size) {}

  // Corruption: what is wrong.
  IOStatus look() {
    std::string footer;
    IOStatus read = this->read(size_ < kFooter ? 0 : size_ - kFooter, kFooter, footer);
    if (!read.ok()) return read;
    const std::uint64_t version = read_little(std::string_view(footer).substr(1 + kHandles), 4);
    if (footer[0] != kXxh3 || version != kVersion) {
      return IOStatus::Corruption("its footer is damaged");
    }
    std::string_view handles = std::string_view(footer).substr(1, kHandles);
    const std::optional<Handle> metaindex = take_handle(handles);
    if (!metaindex) return IOStatus::Corruption("its footer is damaged");
    std::string block;
    read = read_block(*metaindex, "metaindex", block);
    if (!read.ok()) return read;
    const std::optional<Handle> properties = properties_in(block);
    if (!properties) return IOStatus::Corruption("its metaindex names no properties");
    return read_block(*properties, "properties", block);
  }

 private:
  IOStatus read(std::uint64_t offset, std::size_t count, std::string& bytes) {
    bytes.resize(count);
    rocksdb::Slice got;
    const IOStatus status =
        file_.Read(offset, count, IOOptions(), &got, bytes.data(), /*dbg=*/nullptr);
    if (!status.ok()) return status;
    if (got.size() != count) return IOStatus::Corruption("it is too short");
    if (got.data() != bytes.data()) bytes.assign(got.data(), got.size());
    return status;
  }
  IOStatus read_block(const Handle& at, const char* what, std::string& bytes) {
    if (at.offset > size_ || at.size > std::min(size_ - at.offset, kMostOfABlock)) {
      return IOStatus::Corruption("a block is where it can not be", what);
    }
    const IOStatus status = read(at.offset, at.size + kTrailer, bytes);
    if (!status.ok()) return status;
    const std::string_view all = bytes;
    const std::string_view summed = all.substr(0, at.size + 1);
    if (read_little(all.substr(summed.size()), sizeof(std::uint32_t)) != checksum_of(summed)) {
      return IOStatus::Corruption("a checksum does not match", what);
    }
    bytes.resize(at.size);
    return status;
  }
  // An entry is: octets shared with the key before it, octets that are not, octets of the value;
  // then those. Behind the entries, where some of them begin: here, of each one.
  static std::optional<Handle> properties_in(std::string_view entries) {
    std::string key;
    while (!entries.empty()) {
      const std::optional<std::uint64_t> shared = take_varint(entries);
      const std::optional<std::uint64_t> own = take_varint(entries);
      const std::optional<std::uint64_t> value = take_varint(entries);
      if (!shared || !own || !value || *shared > key.size()) return std::nullopt;
      if (*own > entries.size() || *value > entries.size() - *own) return std::nullopt;
      key.resize(*shared);
      key.append(entries.substr(0, *own));
      std::string_view handle = entries.substr(*own, *value);
      if (key == "rocksdb.properties") return take_handle(handle);
      entries.remove_prefix(*own + *value);
    }
    return std::nullopt;
  }

  rocksdb::FSRandomAccessFile& file_;
  const std::uint64_t size_;
};

class CheckedTables final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override { return "CheckedTables"; }

  IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    IOStatus status = FileSystemWrapper::NewRandomAccessFile(name, options, file, debug);
    if (!status.ok() || !name.ends_with(".sst")) return status;
    std::uint64_t size = 0;
    status = GetFileSize(name, IOOptions(), &size, debug);
    if (status.ok()) status = Table(**file, size).look();
    if (!status.ok()) file->reset();
    return status;
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> checked_tables(
    const std::shared_ptr<rocksdb::FileSystem>& below) {
  return std::make_shared<CheckedTables>(below);
}

rocksdb::Env* checked_env() {
  static const std::unique_ptr<rocksdb::Env> env =
      rocksdb::NewCompositeEnv(checked_tables(rocksdb::FileSystem::Default()));
  return env.get();
}

}  // namespace mail::kv
