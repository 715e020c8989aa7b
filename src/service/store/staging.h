// Which chunks of large bodies are written but belong to no message yet, and how many bytes they
// take in all. The rows themselves are the store's.
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace mail {

class Staging {
 public:
  explicit Staging(std::uint64_t limit) : limit_(limit) {}

  // Makes room for the next chunk: invalid_argument out of order, storage_full over the limit,
  // store_unhealthy when those before it went with a reopening.
  Result<void> admit(MessageId id, std::uint32_t number, std::uint64_t size);
  void withdraw(MessageId id);  // the chunk admitted last was not written
  // Sizes of all chunks of a message; empty when there are none.
  std::vector<std::uint64_t> sizes(MessageId id) const;
  std::uint32_t forget(MessageId id);  // committed or dropped; how many chunks there were
  void clear();                        // the store was reopened, which removed them all

 private:
  const std::uint64_t limit_;
  mutable std::mutex mutex_;
  std::unordered_map<MessageId, std::vector<std::uint64_t>> chunks_;
  std::uint64_t bytes_ = 0;
};

}  // namespace mail
