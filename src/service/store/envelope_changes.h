// The envelopes that a group changes: references come and go, deliveries split, DSNs are told.
// Whatever the changes of one group say of a message is summed up here, read once and written
// once, at the end of the group; with its last reference a message goes, envelope and body.
// One thread; lives as long as its group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.h"
#include "codec/record/envelope.h"
#include "platform/kv/database.h"
#include "service/store/segments.h"

namespace mail {

class EnvelopeChanges {
 public:
  explicit EnvelopeChanges(const kv::Database& db) : db_(db) {}

  void refer(MessageId message, std::int64_t more) { changed_[message].references += more; }
  void count_told(MessageId message) { ++changed_[message].told; }
  // For one more delivery of it; never the same again. Nothing where the envelope is damaged.
  std::optional<std::uint32_t> take_number(MessageId message);
  // As it was before this group; null where it is gone or damaged.
  const record::Envelope* before(MessageId message);

  void finish(kv::Batch& batch, Segments& segments);

 private:
  struct Row {
    std::int64_t references = 0;  // more, or fewer
    std::uint32_t told = 0;
    std::uint32_t numbers = 0;
    bool read = false;
    bool written_once = true;  // see remove_once()
    std::optional<record::Envelope> envelope;
  };
  Row& read(MessageId message);
  static void remove(kv::Batch& batch, const Row& row, MessageId message);

  const kv::Database& db_;
  std::map<MessageId, Row> changed_;
};

}  // namespace mail
