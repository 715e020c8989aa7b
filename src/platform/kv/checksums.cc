// RocksDB's CRC32C, of each octet that goes into its log, by the processor's own instruction.
// Debian builds the library for processors that have none, which costs a message of 4 KiB 17,000
// instructions, an eighth of all (docs/decisions/0024-own-crc32c.md). The library finds this
// function first, as a program's symbols go before those of its libraries; should a later version
// no longer ask for it, only time is lost.
#include "platform/kv/checksums.h"

#include <dlfcn.h>

#include "base/crc32c.h"

namespace rocksdb::crc32c {
// Default visibility, or it stays unseen outside the program.
__attribute__((visibility("default"))) std::uint32_t Extend(std::uint32_t before, const char* data,
                                                            std::size_t size);
std::uint32_t Extend(std::uint32_t before, const char* data, std::size_t size) {
  return mail::crc32c({data, size}, before);
}
}  // namespace rocksdb::crc32c

namespace mail::kv {

bool own_checksums() {
  return dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm") ==
         reinterpret_cast<void*>(&rocksdb::crc32c::Extend);
}

}  // namespace mail::kv
