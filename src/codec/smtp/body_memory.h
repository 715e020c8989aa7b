// What the bodies of all sessions together may hold in memory. A session takes its share before
// content is asked for, whatever the client says of its size, and gives it back when the
// transaction ends: thousands of clients that send at once are told to come again, and nobody is
// killed for want of memory (security.md 61). Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace mail::smtp {

class BodyMemory {
 public:
  explicit BodyMemory(std::uint64_t shares) : free_(static_cast<std::int64_t>(shares)) {}

  // One session's. Empty where there is no bound; it keeps what it was taken from alive.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(from_, other.from_);
      return *this;
    }
    ~Share() {
      if (from_ != nullptr) from_->free_ += 1;
    }
    // False: there is none now. Holding one already is enough.
    bool take(const std::shared_ptr<BodyMemory>& from) {
      if (from == nullptr || from_ != nullptr) return true;
      if (from->free_.fetch_sub(1) <= 0) {
        from->free_ += 1;
        return false;
      }
      from_ = from;
      return true;
    }

   private:
    std::shared_ptr<BodyMemory> from_;
  };

 private:
  std::atomic<std::int64_t> free_;
};

}  // namespace mail::smtp
