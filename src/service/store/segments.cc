#include "service/store/segments.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"

namespace mail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".seg";
constexpr std::string_view kDistrust = "RECOUNT";
// What a group writes begins a block: a torn write of it leaves alone what was synced before.
constexpr std::uint64_t kBlock = 4096;

std::uint64_t number_of(std::string_view key) {
  key.remove_prefix(std::min(key.size(), keys::kSegment.size()));
  return key.size() == sizeof(std::uint64_t) ? read_big_endian<std::uint64_t>(key) : 0;
}

}  // namespace

Result<SegmentCount> count_segments(const kv::Database& db) {
  SegmentCount count;
  kv::Cursor rows = db.scan(kv::Family::envelope, "", "");
  for (; rows.valid(); rows.next()) {
    const Result<record::Envelope> envelope = record::parse_envelope(rows.value());
    if (!envelope) {
      ++count.unread;
    } else if (const auto* body = std::get_if<record::SegmentBody>(&envelope->body)) {
      ++count.bodies[body->segment];
    }
  }
  MAIL_TRY(rows.status());
  return count;
}

Result<std::map<std::uint64_t, std::uint64_t>> segment_rows(const kv::Database& db) {
  std::map<std::uint64_t, std::uint64_t> found;
  kv::Cursor rows = db.scan_prefix(kv::Family::meta, keys::kSegment);
  for (; rows.valid(); rows.next()) {
    const std::uint64_t number = number_of(rows.key());
    MAIL_TRY(const std::string_view count, open_chunk(rows.key(), rows.value()));
    if (number == 0 || count.size() != sizeof(std::uint64_t)) {
      return fail(Errc::store_corrupt, "a row that counts the bodies of a segment is damaged");
    }
    found[number] = read_big_endian<std::uint64_t>(count);
  }
  MAIL_TRY(rows.status());
  return found;
}

std::string Segments::file_name(std::uint64_t segment) { return concat(segment, kSuffix); }

Result<std::set<std::uint64_t>> Segments::files() const {
  std::set<std::uint64_t> found;
  std::error_code error;
  if (!fs::exists(directory_, error)) return found;
  fs::directory_iterator entry(directory_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    const auto number = parse_number(name.substr(0, name.size() - kSuffix.size()));
    if (number) found.insert(*number);
  }
  if (error) return fail(Errc::io_error, concat("cannot list ", directory_.string()));
  return found;
}

// Synced also where it was there: who made it may not have come so far.
Result<void> Segments::make_directory() const {
  MAIL_TRY(os::make_directories(directory_));
  return os::sync_directory(directory_.parent_path());
}

Result<void> Segments::load(const kv::Database& db, kv::Batch& batch) {
  for (Writing& writing : writing_) writing = {};
  full_.clear();
  live_.clear();
  changed_.clear();
  removed_.clear();
  uncounted_ = false;
  const Result<void> named = make_directory();
  named_ = named.has_value();
  if (!named) refuse(named.error());
  MAIL_TRY(const std::set<std::uint64_t> there, files());
  Result<std::map<std::uint64_t, std::uint64_t>> rows = segment_rows(db);
  if (!rows && rows.error().code != Errc::store_corrupt) return std::unexpected(rows.error());
  std::error_code error;
  bool believed = rows.has_value() && !fs::exists(directory_ / kDistrust, error) && !error;
  if (rows) live_ = std::move(*rows);
  for (const std::uint64_t file : there) {
    believed = believed && live_.contains(file);
    const Result<void> trimmed = os::trim_file(directory_ / file_name(file));
    if (!trimmed) log::warning("store.segment_kept_space", {{"why", describe(trimmed.error())}});
  }
  if (!believed) MAIL_TRY(recount(db, there));
  for (const auto& [number, bodies] : live_) {
    next_ = std::max(next_, number + 1);
    if (there.contains(number)) continue;
    if (bodies == 0) removed_.insert(number);
    if (bodies > 0) {
      log::error("store.segment_missing",
                 {{"file", (directory_ / file_name(number)).string()}, {"bodies", bodies}});
    }
  }
  finish(batch);
  return {};
}

Result<void> Segments::recount(const kv::Database& db, const std::set<std::uint64_t>& files) {
  for (const std::uint64_t file : files) live_.try_emplace(file, 0);
  Result<SegmentCount> count = count_segments(db);
  if (!count && count.error().code != Errc::store_corrupt) return std::unexpected(count.error());
  uncounted_ = !count;
  if (uncounted_) {  // some envelopes are in a damaged file: whatever is there stays
    MAIL_TRY(distrust());
    for (auto& [number, bodies] : live_) {
      bodies = std::max<std::uint64_t>(bodies, 1);
      changed_.insert(number);
    }
    return {};
  }
  for (const auto& [number, bodies] : count->bodies) live_.try_emplace(number, 0);
  for (auto& [number, bodies] : live_) {
    const auto counted = count->bodies.find(number);
    bodies = count->unread + (counted == count->bodies.end() ? 0 : counted->second);
    changed_.insert(number);
  }
  log::warning("store.segments_counted", {{"segments", live_.size()}});
  return {};
}

Result<void> Segments::loaded() {
  std::error_code error;
  if (!uncounted_ && fs::exists(directory_ / kDistrust, error)) {
    MAIL_TRY(os::remove_file(directory_ / kDistrust));
  }
  sweep();
  return {};
}

Result<void> Segments::distrust() const {
  MAIL_TRY(os::make_directories(directory_));
  return os::replace_file(directory_ / kDistrust, "");
}

// Said once, until it goes again. The body goes where small ones go: nothing is lost but speed.
bool Segments::refuse(const Error& error) {
  if (!std::exchange(refused_, true)) {
    log::warning("store.no_segment", {{"why", describe(error)}});
  }
  return false;
}

bool Segments::begin_file(Writing& writing) {
  if (!writing.parts.empty()) full_.push_back(std::move(writing));
  writing = {};
  if (!named_) return false;
  writing.number = next_++;
  Result<os::PlacedFile> file = os::PlacedFile::create(directory_ / file_name(writing.number));
  if (!file) return refuse(file.error());
  writing.file = std::make_unique<os::PlacedFile>(std::move(*file));
  live_.try_emplace(writing.number, 0);
  changed_.insert(writing.number);  // also where there is no room in it: a file has a row
  return true;
}

// Asked for before anything is written, a step ahead: a full disk is met here, where nothing
// depends on it yet. The body becomes a row then, whose log asks for the reserve
// (guarded_files.cc).
bool Segments::make_room(Writing& writing, std::uint64_t end) {
  if (end <= writing.allocated) return true;
  std::uint64_t up_to = std::max(end, std::min(writing.allocated + kStep, file_bytes_));
  const auto ask = [&] {
    return writing.file->allocate(writing.allocated, up_to - writing.allocated);
  };
  Result<void> got = ask();
  if (!got && up_to > end) {  // a part of it was perhaps given, and is held
    up_to = end;
    got = ask();
  }
  if (!got) return refuse(got.error());
  writing.allocated = up_to;
  refused_ = false;
  return true;
}

std::optional<record::SegmentBody> Segments::place(record::BodyFamily family, MessageId id,
                                                   std::string_view octets,
                                                   std::uint32_t checksum) {
  Writing& writing = writing_[family == record::BodyFamily::queue ? 0 : 1];
  const bool full = writing.end > 0 && writing.end + octets.size() > file_bytes_;
  if ((!writing.file || full) && !begin_file(writing)) return std::nullopt;
  const bool first = writing.parts.empty();
  const std::uint64_t start = first ? (writing.end + kBlock - 1) / kBlock * kBlock : writing.end;
  if (!make_room(writing, start + octets.size())) return std::nullopt;
  if (first) writing.start = start;
  writing.end = start + octets.size();
  writing.parts.push_back(octets);
  ++live_[writing.number];
  changed_.insert(writing.number);
  return record::SegmentBody{.id = id,
                             .segment = writing.number,
                             .offset = start,
                             .size = octets.size(),
                             .checksum = checksum};
}

void Segments::release(std::uint64_t segment) {
  const auto found = live_.find(segment);
  if (found == live_.end() || found->second == 0) return;  // check() says so
  --found->second;
  changed_.insert(segment);
}

void Segments::finish(kv::Batch& batch) {
  for (const std::uint64_t number : std::exchange(changed_, {})) {
    const std::string key = keys::segment(number);
    const std::string count = keys::number(live_[number]);
    batch.put(kv::Family::meta, key, {count, seal_of(key, count)});
  }
  for (const std::uint64_t number : std::exchange(removed_, {})) {
    batch.remove(kv::Family::meta, keys::segment(number));
    live_.erase(number);
  }
}

Result<void> Segments::write() {
  placed_bytes_ = 0;
  std::vector<Writing*> all;
  for (Writing& writing : full_) all.push_back(&writing);
  for (Writing& writing : writing_) {
    if (!writing.parts.empty()) all.push_back(&writing);
  }
  for (const Writing* writing : all) {
    MAIL_TRY(writing->file->write(writing->start, writing->parts));
    placed_bytes_ += writing->end - writing->start;
  }
  for (const Writing* writing : all) {
    const bool skipped = planted(Bug::no_sync) || planted(Bug::segment_not_synced);
    if (!skipped) MAIL_TRY(writing->file->sync());
  }
  full_.clear();
  for (Writing& writing : writing_) writing.parts.clear();
  return {};
}

bool Segments::being_written(std::uint64_t segment) const {
  return std::ranges::any_of(
      writing_, [&](const Writing& writing) { return writing.file && writing.number == segment; });
}

void Segments::end_files() {
  for (Writing& writing : writing_) {
    if (!writing.file) continue;
    const fs::path path = directory_ / file_name(writing.number);
    writing = {};
    const Result<void> trimmed = os::trim_file(path);
    if (!trimmed) log::warning("store.segment_kept_space", {{"why", describe(trimmed.error())}});
  }
}

void Segments::sweep() {
  if (holds_ > 0) return;
  for (const auto& [number, bodies] : live_) {
    if (bodies > 0 || being_written(number) || removed_.contains(number)) continue;
    const Result<void> done = os::remove_file(directory_ / file_name(number));
    if (done || done.error().code == Errc::not_found) removed_.insert(number);
    if (!done && done.error().code != Errc::not_found) {
      log::warning("store.segment_kept", {{"why", describe(done.error())}});
    }
  }
}

Result<void> Segments::copy_to(const fs::path& into) const {
  MAIL_TRY(const std::set<std::uint64_t> all, files());
  if (all.empty()) return {};
  MAIL_TRY(os::make_directories(into));
  for (const std::uint64_t number : all) {
    const Result<void> done =
        os::link_or_copy(directory_ / file_name(number), into / file_name(number));
    if (!done && done.error().code != Errc::not_found) return done;  // gone just now: nobody's
  }
  return os::sync_directory(into);
}

Result<std::string> Segments::read(const record::SegmentBody& body) const {
  MAIL_TRY(std::string octets,
           os::read_at(directory_ / file_name(body.segment), body.offset, body.size));
  if (octets.size() < body.size) {
    return fail(Errc::store_corrupt, concat("segment ", body.segment, " ends before it"));
  }
  const std::string key = keys::chunk(body.id, 0);
  if (seal_of(key, octets) != keys::number(body.checksum)) {
    return fail(Errc::store_corrupt, "body chunk: checksum mismatch");
  }
  return octets;
}

}  // namespace mail
