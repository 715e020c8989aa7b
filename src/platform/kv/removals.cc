#include "platform/kv/removals.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mail::kv {
namespace {

constexpr const char* kName = "CompactOnRemovals";

class Collector final : public rocksdb::TablePropertiesCollector {
 public:
  Collector(std::size_t window, std::size_t limit) : recent_(window), limit_(limit) {}

  rocksdb::Status AddUserKey(const rocksdb::Slice& /*key*/, const rocksdb::Slice& /*value*/,
                             rocksdb::EntryType type, rocksdb::SequenceNumber /*seq*/,
                             std::uint64_t /*file_size*/) override {
    const bool removal = type == rocksdb::kEntryDelete || type == rocksdb::kEntrySingleDelete;
    removals_ += removal ? 1U : 0U;
    removals_ -= recent_[next_] ? 1U : 0U;
    recent_[next_] = removal;
    next_ = (next_ + 1) % recent_.size();
    full_ = full_ || removals_ >= limit_;
    return rocksdb::Status::OK();
  }
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* /*properties*/) override {
    return rocksdb::Status::OK();
  }
  rocksdb::UserCollectedProperties GetReadableProperties() const override { return {}; }
  const char* Name() const override { return kName; }
  bool NeedCompact() const override { return full_; }

 private:
  std::vector<bool> recent_;
  const std::size_t limit_;
  std::size_t next_ = 0;
  std::size_t removals_ = 0;
  bool full_ = false;
};

class Factory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  Factory(std::size_t window, std::size_t limit) : window_(window), limit_(limit) {}
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context /*context*/) override {
    return new Collector(window_, limit_);  // RocksDB deletes it
  }
  const char* Name() const override { return kName; }

 private:
  const std::size_t window_;
  const std::size_t limit_;
};

}  // namespace

std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> compact_on_removals(
    std::size_t window, std::size_t removals) {
  return std::make_shared<Factory>(window, removals);
}

}  // namespace mail::kv
