#include "platform/kv/mending.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/kv/rocks_log.h"
#include "platform/os/file.h"

namespace mail::kv {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{2} << 30;
constexpr std::string_view kCurrent = "CURRENT";

// The number behind `prefix`; nothing: it is another file.
std::optional<std::string> number_behind(std::string_view prefix, const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string digits = name.substr(prefix.size());
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  return digits;
}

bool holds_data(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".sst" || extension == ".blob" || extension == ".log") return true;
  }
  return false;
}

std::string content_of(const fs::path& path) { return os::read_file(path, kMaxFile).value_or(""); }

bool whole(std::string_view manifest) {
  return !manifest.empty() && whole_records(manifest) == manifest.size();
}

Result<void> keep_aside(const fs::path& file, const fs::path& aside) {
  MAIL_TRY(os::make_directories(aside));
  std::error_code error;
  if (!fs::exists(file, error) || fs::exists(aside / file.filename(), error)) return {};
  // A link costs nothing, and the file is never written to again, only removed or replaced.
  fs::create_hard_link(file, aside / file.filename(), error);
  if (error) fs::copy_file(file, aside / file.filename(), error);
  if (error) return fail(Errc::io_error, concat("cannot copy ", file.string(), " aside"));
  return {};
}

// What MANIFEST-n should hold, where that is not what it does hold.
//
// The twin is written and synced behind it, so all that RocksDB relies on is in both; where the
// power failed a twin may be longer or shorter by what was never relied on.
std::optional<std::string> better_manifest(const fs::path& directory, const std::string& number) {
  const std::string manifest = content_of(directory / concat(kManifest, number));
  const bool is_whole = whole(manifest);
  std::string twin = content_of(directory / concat(kTwin, number));
  if (!whole(twin) || twin.size() < whole_records(manifest) || twin == manifest)
    return std::nullopt;
  if (is_whole && !(twin.size() > manifest.size() && twin.starts_with(manifest))) {
    return std::nullopt;
  }
  return twin;
}

// From CURRENT; nothing: it does not name a MANIFEST that is there.
std::optional<std::string> named_manifest(const fs::path& directory) {
  std::string current = content_of(directory / kCurrent);
  if (!current.ends_with('\n')) return std::nullopt;
  current.pop_back();
  const std::optional<std::string> number = number_behind(kManifest, current);
  std::error_code error;
  if (!number || !(fs::exists(directory / current, error) ||
                   fs::exists(directory / concat(kTwin, *number), error))) {
    return std::nullopt;
  }
  return number;
}

// The highest number of a MANIFEST, or twin of one, that is whole.
std::optional<std::string> newest_manifest(const fs::path& directory) {
  std::optional<std::string> newest;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    std::optional<std::string> number = number_behind(kManifest, entry.path());
    if (!number) number = number_behind(kTwin, entry.path());
    if (!number || (newest && parse_number(*number) <= parse_number(*newest))) continue;
    if (whole(content_of(entry.path()))) newest = std::move(number);
  }
  return newest;
}

}  // namespace

namespace {
// Twins whose MANIFEST is gone: the power failed between the two.
void remove_old_twins(const fs::path& directory, const std::string& number) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::optional<std::string> twin = number_behind(kTwin, entry.path());
    if (!twin || parse_number(*twin) >= parse_number(number)) continue;
    if (!fs::exists(directory / concat(kManifest, *twin), error)) fs::remove(entry.path(), error);
  }
}
}  // namespace

Result<std::vector<std::string>> mend(const fs::path& directory, const fs::path& aside) {
  std::vector<std::string> mended;
  if (!holds_data(directory)) return mended;  // a new one, or none
  std::optional<std::string> number = named_manifest(directory);
  const bool named = number.has_value();
  if (!named) number = newest_manifest(directory);
  if (!number) return mended;
  const std::string manifest = concat(kManifest, *number);
  if (const std::optional<std::string> better = better_manifest(directory, *number)) {
    MAIL_TRY(keep_aside(directory / manifest, aside));
    MAIL_TRY(os::replace_file(directory / manifest, *better));
    mended.push_back(manifest);
  }
  if (!named) {
    MAIL_TRY(keep_aside(directory / kCurrent, aside));
    MAIL_TRY(os::replace_file(directory / kCurrent, manifest + "\n"));
    mended.emplace_back(kCurrent);
  }
  remove_old_twins(directory, *number);
  return mended;
}

Result<void> take_damage_out_of_logs(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".log") continue;
    MAIL_TRY(const std::string bytes, os::read_file(entry.path(), kMaxFile));
    if (!whole(bytes)) MAIL_TRY(os::replace_file(entry.path(), without_damage(bytes)));
  }
  return {};
}

Result<void> give_up(const fs::path& directory, const fs::path& aside,
                     const std::vector<BrokenTable>& tables) {
  MAIL_TRY(os::make_directories(aside));
  const std::optional<std::string> number = named_manifest(directory);
  if (!number) return fail(Errc::store_corrupt, "there is no MANIFEST");
  const fs::path manifest = directory / concat(kManifest, *number);
  MAIL_TRY(keep_aside(manifest, aside));
  std::error_code error;
  for (const BrokenTable& table : tables) MAIL_TRY(keep_aside(directory / table.file, aside));
  // Bodies that nothing names any more would be deleted at the next start.
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".blob") MAIL_TRY(keep_aside(entry.path(), aside));
  }
  MAIL_TRY(os::sync_directory(aside));
  MAIL_TRY(std::string bytes, os::read_file(manifest, kMaxFile));
  for (const BrokenTable& table : tables) {
    append_log_record(bytes, removal_of_table(table.family_id, table.level, table.number));
  }
  MAIL_TRY(os::replace_file(manifest, bytes));
  const fs::path twin = directory / concat(kTwin, *number);
  if (fs::exists(twin, error)) MAIL_TRY(os::remove_file(twin));
  return {};
}

}  // namespace mail::kv
