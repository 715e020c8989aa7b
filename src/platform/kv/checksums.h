// Whether RocksDB takes its CRC32C from us: see checksums.cc.
#pragma once

namespace mail::kv {

bool own_checksums();

}  // namespace mail::kv
