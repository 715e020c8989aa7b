// RocksDB's own words go into our log. By itself it would write a file LOG, and Debian's build ends
// the process by an assertion when that file cannot be written: on a full disk, above all.
#include <rocksdb/env.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "base/log.h"
#include "platform/kv/rocks.h"

namespace mail::kv {
namespace {

class Words final : public rocksdb::Logger {
 public:
  Words() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void LogHeader(const char*, va_list) override {}  // its version and all its options
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> text{};
    const int size = std::vsnprintf(text.data(), text.size(), format, arguments);
    std::string_view what(text.data());
    while (what.ends_with('\n')) what.remove_suffix(1);
    if (size > 0 && !what.empty()) log::warning("store.rocksdb", {{"what", what}});
  }
};

}  // namespace

std::shared_ptr<rocksdb::Logger> words() { return std::make_shared<Words>(); }

}  // namespace mail::kv
