#include "service/queue/in_flight.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/text.h"

namespace mail::queue {
namespace {

constexpr char kBegan = 'b';
constexpr char kEnded = 'e';
constexpr std::size_t kChecked = InFlightFile::kRecordSize - 4;
constexpr std::size_t kMostRead = std::size_t{64} << 20U;

void put(std::string& out, std::uint64_t value, unsigned octets) {
  for (unsigned i = octets; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}
std::uint64_t number_in(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char octet : octets) value = (value << 8U) | static_cast<unsigned char>(octet);
  return value;
}

// kind u8 | message 10 | number u32 | due i64 ms | CRC32C of all before it u32; big-endian.
void append_record(std::string& out, char kind, const InFlightDelivery& delivery) {
  const std::size_t start = out.size();
  out.push_back(kind);
  out.append(delivery.message.key());
  put(out, delivery.number, 4);
  put(out, static_cast<std::uint64_t>(delivery.due.time_since_epoch().count()), 8);
  put(out, crc32c(std::string_view(out).substr(start)), 4);
}

std::string records_of(char kind, std::span<const InFlightDelivery> deliveries) {
  std::string out;
  out.reserve(deliveries.size() * InFlightFile::kRecordSize);
  for (const InFlightDelivery& each : deliveries) append_record(out, kind, each);
  return out;
}

std::unexpected<Error> failed(const std::filesystem::path& path) {
  const int error = errno;
  return fail(error == ENOSPC || error == EDQUOT ? Errc::storage_full : Errc::io_error,
              concat("cannot write ", path.string(), ": ", std::generic_category().message(error)));
}

}  // namespace

InFlightFile::InFlightFile(std::filesystem::path path) : path_(std::move(path)) {
  read();
  append({});
}

void InFlightFile::read() {
  const Result<std::string> content = os::read_file(path_, kMostRead);
  if (!content) {
    if (content.error().code == Errc::not_found) return;
    log::warning("queue.in_flight_not_read", {{"error", describe(content.error())}});
    return;
  }
  std::string_view rest = *content;
  for (; rest.size() >= kRecordSize; rest.remove_prefix(kRecordSize)) {
    const std::string_view record = rest.substr(0, kRecordSize);
    if (crc32c(record.substr(0, kChecked)) != number_in(record.substr(kChecked))) continue;
    InFlightDelivery delivery;
    std::memcpy(delivery.message.bytes.data(), record.data() + 1, delivery.message.bytes.size());
    delivery.number = static_cast<std::uint32_t>(number_in(record.substr(11, 4)));
    delivery.due =
        WallTime(Milliseconds(static_cast<std::int64_t>(number_in(record.substr(15, 8)))));
    if (record.front() == kBegan) under_way_.insert(delivery);
    if (record.front() == kEnded) under_way_.erase(delivery);
  }
}

void InFlightFile::begin(std::span<const InFlightDelivery> deliveries) {
  under_way_.insert(deliveries.begin(), deliveries.end());
  append(records_of(kBegan, deliveries));
}

void InFlightFile::end(std::span<const InFlightDelivery> deliveries) {
  std::string records;
  for (const InFlightDelivery& each : deliveries) {
    if (under_way_.erase(each) > 0) append_record(records, kEnded, each);
  }
  if (!records.empty()) append(records);
}

void InFlightFile::append(std::string_view records) {
  // Those under way may be many: no more than half of what is written is written twice.
  const std::size_t most = std::max(kLargest, 2 * under_way_.size() * kRecordSize);
  const bool fits = file_.open() && size_ + records.size() <= most;
  const Result<void> written = fits ? write(records) : write_anew();
  if (written) {
    failing_ = false;
    return;
  }
  file_ = os::Fd();  // a record may be torn; what comes behind it would not be found
  if (std::exchange(failing_, true)) return;
  log::warning("queue.in_flight_not_written",
               {{"error", describe(written.error())},
                {"so", "mail goes on; a double after a crash may not be named"}});
}

Result<void> InFlightFile::write(std::string_view records) {
  while (!records.empty()) {
    const ssize_t count = ::write(file_.get(), records.data(), records.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path_);
    size_ += static_cast<std::size_t>(count);
    records.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Beside, and then in its place: killed at any moment, one of the two is there, whole.
Result<void> InFlightFile::write_anew() {
  std::filesystem::path beside = path_;
  beside += ".new";
  file_ = os::Fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (!file_.open()) return failed(beside);
  size_ = 0;
  std::string records;
  for (const InFlightDelivery& each : under_way_) append_record(records, kBegan, each);
  MAIL_TRY(write(records));
  if (::rename(beside.c_str(), path_.c_str()) != 0) return failed(path_);
  return {};
}

}  // namespace mail::queue
