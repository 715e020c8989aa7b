// Which deliveries the courier has and whose outcome is not on disk yet: a file that survives the
// process, so that the next one can say what may have been sent twice (security.md 13).
//
// Records of fixed size are appended, one write for a job and one for a settlement: the delivery,
// and whether it began or ended. Never synced: what was written survives kill -9 in the page cache;
// a power cut may lose it, and then a double is not named. Whatever cannot be read is passed over.
// Errors: mail does not wait for this file. A failed write is logged once, and the file is
// written anew with the next record.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "platform/os/file.h"

namespace mail::queue {

// A row of a queue as it was handed over: put off to another time, it is another one.
struct InFlightDelivery {
  MessageId message;
  std::uint32_t number = 0;
  WallTime due;
  auto operator<=>(const InFlightDelivery&) const = default;
};

class InFlightFile {
 public:
  static constexpr std::size_t kRecordSize = 1 + 10 + 4 + 8 + 4;
  static constexpr std::size_t kLargest = std::size_t{1} << 20U;

  // Reads what an earlier process left, and goes on with it.
  explicit InFlightFile(std::filesystem::path path);

  void begin(std::span<const InFlightDelivery> deliveries);
  void end(std::span<const InFlightDelivery> deliveries);  // those that never began do no harm

  const std::set<InFlightDelivery>& under_way() const { return under_way_; }

 private:
  void read();
  void append(std::string_view records);
  Result<void> write(std::string_view records);
  Result<void> write_anew();  // what is under way, and nothing else

  std::filesystem::path path_;
  os::Fd file_;  // not open: the next record makes it anew
  std::size_t size_ = 0;
  bool failing_ = false;
  std::set<InFlightDelivery> under_way_;
};

}  // namespace mail::queue
