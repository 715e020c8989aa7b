// Finds table files full of removals, so that RocksDB compacts them: rows that are removed from
// the front of their range would else lie in the way of every seek. RocksDB's own collector for
// this counts Delete, but not the SingleDelete that remove_once() writes.
// Any thread; each table file has a collector of its own.
#pragma once

#include <rocksdb/table_properties.h>

#include <memory>

namespace mail::kv {

// A file is compacted where `removals` of `window` rows that follow one another are removals.
std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> compact_on_removals(std::size_t window,
                                                                              std::size_t removals);

}  // namespace mail::kv
