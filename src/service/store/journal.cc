#include "service/store/journal.h"

#include <algorithm>

#include "base/text.h"
#include "codec/record/record.h"

namespace mail {
namespace {

namespace fs = std::filesystem;

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kSuffix = ".ids";
constexpr std::string_view kClean = "CLEAN";
constexpr std::chrono::minutes kFileTime{10};
constexpr std::uint64_t kFileSize = 4UL << 20;

// Reads records until the end or the first that is not whole: the tail a power cut tore.
void read_ids(std::string_view bytes, std::vector<MessageId>& ids) {
  while (bytes.size() >= record::kFrameHead) {
    const std::uint64_t size = record::framed_size(bytes);
    if (size > bytes.size()) return;
    auto reader = record::Reader::open(bytes.substr(0, size), record::Type::journal, kVersion);
    if (!reader) return;
    const std::size_t count = reader->count(sizeof(MessageId));
    for (std::size_t i = 0; i < count; ++i) ids.push_back(reader->id());
    bytes.remove_prefix(size);
  }
}

Result<void> read_file_ids(const fs::path& path, std::vector<MessageId>& ids) {
  MAIL_TRY(const std::string bytes, os::read_file(path));
  read_ids(bytes, ids);
  return {};
}

}  // namespace

Result<Journal::Left> Journal::open() {
  MAIL_TRY(os::make_directories(directory_));
  Left left;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kClean) left.clean = true;
    if (!name.ends_with(kSuffix)) continue;
    left.files.push_back(entry.path());
    const auto number = parse_number(name.substr(0, name.size() - kSuffix.size()));
    if (number) next_number_ = std::max(next_number_, *number + 1);
  }
  if (error) return fail(Errc::io_error, concat("cannot list ", directory_.string()));
  // Also after an orderly stop: what was acknowledged may lie in a log that was damaged since.
  for (const fs::path& path : left.files) MAIL_TRY(read_file_ids(path, left.ids));
  std::ranges::sort(left.ids);
  if (left.clean) MAIL_TRY(os::remove_file(directory_ / kClean));
  return left;
}

Result<void> Journal::forget(const Left& left) {
  for (const fs::path& path : left.files) MAIL_TRY(os::remove_file(path));
  return {};
}

bool Journal::full(MonoTime now) const {
  return file_ && (torn_ || file_->size() >= kFileSize || now - begun_ >= kFileTime);
}

Result<void> Journal::close_file(std::uint64_t newest_wal) {
  Result<void> synced = sync();
  closed_.push_back({path_, newest_wal});
  file_.reset();
  torn_ = false;
  return synced;
}

Result<void> Journal::append(std::span<const MessageId> ids, MonoTime now) {
  if (ids.empty()) return {};
  if (!file_) {
    path_ = directory_ / concat(next_number_++, kSuffix);
    begun_ = now;
    MAIL_TRY(os::AppendFile file, os::AppendFile::create(path_));
    file_.emplace(std::move(file));
  }
  bytes_.clear();
  record::Writer writer(bytes_, record::Type::journal, kVersion);
  writer.varint(ids.size());
  for (const MessageId& id : ids) writer.id(id);
  writer.finish();
  unsynced_ = true;
  Result<void> appended = file_->append(bytes_);
  torn_ = torn_ || !appended;
  return appended;
}

Result<void> Journal::sync() {
  if (!file_ || !std::exchange(unsynced_, false)) return {};
  Result<void> synced = file_->sync();
  torn_ = torn_ || !synced;  // what a failed sync left is not synced by the next: begin anew
  return synced;
}

Result<void> Journal::drop_flushed(std::uint64_t oldest_wal) {
  while (!closed_.empty() && closed_.front().newest_wal < oldest_wal) {
    MAIL_TRY(os::remove_file(closed_.front().path));
    closed_.pop_front();
  }
  return {};
}

Result<void> Journal::mark_clean() {
  MAIL_TRY(sync());
  return os::replace_file(directory_ / kClean, "");
}

Result<std::vector<MessageId>> Journal::ids() const {
  std::vector<MessageId> ids;
  for (const Closed& closed : closed_) MAIL_TRY(read_file_ids(closed.path, ids));
  if (file_) MAIL_TRY(read_file_ids(path_, ids));
  std::ranges::sort(ids);
  return ids;
}

}  // namespace mail
