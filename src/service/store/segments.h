// Large bodies lie in segment files, `<state>/segments/N.seg`: written one after the other, synced
// before the write-ahead log names them, never written again and never moved. What is in the log
// is so on disk, whatever happens between; what is only in a segment is nobody's.
//
// Each segment has a row that counts the messages whose bodies lie in it, kept in the same batch as
// their envelopes. A file that is not written any more and counts none is removed, after that count
// was synced. After a restart a new file is begun: a half-written end is never written over.
// Where the rows cannot be believed - the log was salvaged, a row is damaged, a file has none - the
// envelopes are counted anew at the start.
// The committer's, but for read(), copy_to(), Hold and directory(): any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "codec/record/envelope.h"
#include "platform/kv/database.h"
#include "platform/os/file.h"

namespace mail {

// Messages per segment, as envelopes say.
struct SegmentCount {
  std::map<std::uint64_t, std::uint64_t> bodies;
  std::uint64_t unread = 0;  // damaged envelopes: each may name a body anywhere
};
Result<SegmentCount> count_segments(const kv::Database& db);
// Messages per segment, as its row says; a damaged row is store_corrupt.
Result<std::map<std::uint64_t, std::uint64_t>> segment_rows(const kv::Database& db);

class Segments {
 public:
  // Of space that is asked for at once, a file.
  static constexpr std::uint64_t kStep = 4 << 20;
  static constexpr std::size_t kFiles = 2;  // that are written: a family has its own

  Segments(std::filesystem::path directory, std::uint64_t file_bytes)
      : directory_(std::move(directory)), file_bytes_(file_bytes) {}

  const std::filesystem::path& directory() const { return directory_; }

  // At each opening, before anything else; what has to be written goes into the batch.
  Result<void> load(const kv::Database& db, kv::Batch& batch);
  Result<void> loaded();  // that batch is synced
  // The rows may have lost touch with the envelopes: load() will count. Survives the process.
  Result<void> distrust() const;

  // Where the octets will lie, which stay as they are until write(). Nothing: there is no file to
  // be had for them now. Messages of a queue and of mailboxes live for different times, and so in
  // different files.
  std::optional<record::SegmentBody> place(record::BodyFamily family, MessageId id,
                                           std::string_view octets, std::uint32_t checksum);
  void release(std::uint64_t segment);  // a message of it is gone
  void finish(kv::Batch& batch);        // puts what has changed
  // What was placed, synced. After an error all of it is to be given up, by load().
  Result<void> write();
  std::uint64_t placed_bytes() const { return placed_bytes_; }  // by the last write()
  // Between two groups: the files that are written are written no more, and what they had ahead of
  // their ends goes back.
  void end_files();
  // Removes files that nobody needs. All that finish() put must be synced.
  void sweep();

  // The octets, as they were given to place(); not_found where the file is gone.
  Result<std::string> read(const record::SegmentBody& body) const;

  // All files under a second name: what lies in one is never changed. With a Hold.
  Result<void> copy_to(const std::filesystem::path& into) const;

  class Hold {  // no file goes while it lives
   public:
    explicit Hold(Segments& segments) : holds_(segments.holds_) { ++holds_; }
    ~Hold() { --holds_; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    std::atomic<int>& holds_;
  };

  static std::string file_name(std::uint64_t segment);

 private:
  struct Writing {
    std::uint64_t number = 0;
    std::unique_ptr<os::PlacedFile> file;
    std::uint64_t start = 0;  // of what this group placed
    std::uint64_t end = 0;
    std::uint64_t allocated = 0;
    std::vector<std::string_view> parts;
  };
  Result<void> make_directory() const;
  bool begin_file(Writing& writing);
  bool make_room(Writing& writing, std::uint64_t end);
  bool refuse(const Error& error);
  bool being_written(std::uint64_t segment) const;
  Result<std::set<std::uint64_t>> files() const;
  Result<void> recount(const kv::Database& db, const std::set<std::uint64_t>& files);

  const std::filesystem::path directory_;
  const std::uint64_t file_bytes_;
  std::array<Writing, kFiles> writing_;  // by family
  std::vector<Writing> full_;            // with parts of this group
  std::map<std::uint64_t, std::uint64_t> live_;
  std::set<std::uint64_t> changed_;
  std::set<std::uint64_t> removed_;  // files; their rows go with the next batch
  std::uint64_t next_ = 1;
  std::uint64_t placed_bytes_ = 0;
  bool uncounted_ = false;  // the envelopes could not be read: at the next opening, then
  bool named_ = false;      // the directory, for ever; else no file is begun in it
  bool refused_ = false;    // the last file could not be made, as was said
  std::atomic<int> holds_ = 0;
};

}  // namespace mail
