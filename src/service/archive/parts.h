// What export, import and forgetting share; used in this folder only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/archive/archive.h"
#include "platform/os/read_file.h"
#include "service/archive/carry.h"

namespace mail::archive {

// Why a delivery is held here that an archive has. Operators read it, and `archive` finds it again.
std::string mark_of(MessageId archive, const std::filesystem::path& file, std::string_view before);
bool has_mark(std::string_view reason);  // of any archive
bool has_mark(std::string_view reason, MessageId archive);

// The items of an archive one after the other.
class Source {
 public:
  static Task<Result<Source>> open(WorkerPool& pool, std::filesystem::path file);
  // Nothing: it has ended as it should.
  Task<Result<std::optional<Item>>> next();

 private:
  Source(WorkerPool& pool, os::ReadFile file) : pool_(&pool), file_(std::move(file)) {}
  WorkerPool* pool_;
  os::ReadFile file_;
  Reader reader_;
};

// The deliveries of it that are held here for `archive` wait again as they did. How many.
Task<Result<std::size_t>> put_back(Carrier carrier, MessageId archive, const Message& message);

// Goes on the way that `target` is, with all it has; for settle().
Outcome moved(const HeldDelivery& held, Target target, WallTime now);
Outcome moved(const QueuedDelivery& queued, Target target, WallTime now);

}  // namespace mail::archive
