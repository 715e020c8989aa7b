// Carries a queue to another machine (docs/decisions/0020-export.md): what waits here goes into an
// archive and is held here from then on; where the archive is imported it waits on as it did; once
// it is there, it is forgotten here. Nothing is sent twice whatever stops in the middle, and what
// is imported again is known by its id.
//
// Memory: one chunk of content, and the envelopes of a page of messages.
// Threads: tasks resume on the executor that awaits them; files are read and written on the pool.
// Errors: already_exists (the file), bad_syntax and store_newer (the archive), those of files
// and of the store. The detail is a sentence that says what has been done and what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "codec/archive/archive.h"
#include "service/store/enqueued.h"
#include "service/store/mail_store.h"

namespace mail::archive {

// Keeps what is queued of these messages aside; what is being sent right now may be left out.
class Holder {
 public:
  virtual ~Holder() = default;
  virtual Task<Result<void>> hold(std::vector<MessageId> messages, std::string reason) = 0;
};
// Where nobody sends meanwhile: it is the store that is told.
class StoreHolder final : public Holder {
 public:
  StoreHolder(MailStore& store, const Clock& clock) : store_(store), clock_(clock) {}
  Task<Result<void>> hold(std::vector<MessageId> messages, std::string reason) override;

 private:
  MailStore& store_;
  const Clock& clock_;
};

// Hears of it after each step.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual Task<void> reached(std::uint64_t messages) = 0;
};

// All of it outlives the tasks.
struct Carrier {
  MailStore& store;
  WorkerPool& pool;
  const Clock& clock;
  EnqueuedSink* outgoing = nullptr;  // null: nobody sends
  Progress* progress = nullptr;      // null: nobody wants to know
};

struct Exported {
  MessageId archive;
  End sums;                        // what the archive holds
  std::uint64_t sending = 0;       // messages left here: they are being sent right now
  std::uint64_t elsewhere = 0;     // deliveries left here: an earlier archive has them
  std::vector<MessageId> damaged;  // left here: they cannot be read
};
// `file` must not be there yet. Where it fails everything waits again as before.
Task<Result<Exported>> export_queue(Carrier carrier, std::filesystem::path file, Holder& holder);

struct Imported {
  MessageId archive;
  std::uint64_t messages = 0;        // that are here now
  std::uint64_t returned = 0;        // that were exported from here, and wait again
  std::uint64_t known = 0;           // that have been imported before
  std::vector<MessageId> conflicts;  // another message here has the same id
};
// Reads the archive to its end first: nothing of one that is damaged is taken. What fails later can
// be repeated.
Task<Result<Imported>> import_queue(Carrier carrier, std::filesystem::path file);

struct Forgotten {
  MessageId archive;
  std::uint64_t messages = 0;
  std::uint64_t deliveries = 0;
};
// Ends what is held here since it was exported to `file`: it counts as discarded here.
Task<Result<Forgotten>> forget_exported(Carrier carrier, std::filesystem::path file);

}  // namespace mail::archive
