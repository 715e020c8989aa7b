#include "base/frame_pool.h"

#include <array>
#include <cstdint>
#include <new>

namespace mail::detail {
namespace {

constexpr bool kPooled = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);

constexpr std::size_t kStep = 64;
constexpr std::size_t kSizes = 48;  // up to 3 KiB; a larger frame is no frequent one
constexpr std::uint32_t kMostKept = 64;

struct Free {
  Free* next;
};
struct Shelf {
  Free* first = nullptr;
  std::uint32_t kept = 0;
};
struct Shelves {
  std::array<Shelf, kSizes> of_size;
  bool open = true;
};

// Without a destructor, so that frames may end while a thread does.
constinit thread_local Shelves shelves;

struct Sweeper {
  Sweeper() = default;
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  ~Sweeper() {
    shelves.open = false;
    for (Shelf& shelf : shelves.of_size) {
      while (shelf.first != nullptr) {
        Free* const frame = shelf.first;
        shelf.first = frame->next;
        ::operator delete(frame);
      }
    }
  }
  void watch() {}  // makes the thread's sweeper, which empties the shelves at its end
};
thread_local Sweeper sweeper;

std::size_t number_of(std::size_t size) { return (size - 1) / kStep; }

}  // namespace

void* take_frame(std::size_t size) {
  const std::size_t number = number_of(size);
  if (!kPooled || number >= kSizes) return ::operator new(size);
  Shelf& shelf = shelves.of_size[number];
  if (shelf.first == nullptr) return ::operator new((number + 1) * kStep);
  Free* const frame = shelf.first;
  shelf.first = frame->next;
  --shelf.kept;
  return frame;
}

void give_back_frame(void* frame, std::size_t size) noexcept {
  const std::size_t number = number_of(size);
  if (!kPooled || number >= kSizes || !shelves.open || shelves.of_size[number].kept == kMostKept) {
    return ::operator delete(frame);
  }
  Shelf& shelf = shelves.of_size[number];
  if (shelf.kept == 0) sweeper.watch();
  shelf.first = new (frame) Free{shelf.first};
  ++shelf.kept;
}

}  // namespace mail::detail
