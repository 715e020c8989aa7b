#include "service/store/envelope_changes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "codec/record/record.h"
#include "service/store/chunks.h"

namespace mail {

EnvelopeChanges::Row& EnvelopeChanges::read(MessageId message) {
  Row& row = changed_[message];
  if (std::exchange(row.read, true)) return row;
  const Result<std::string> bytes = db_.get(kv::Family::envelope, message.key());
  if (!bytes) return row;
  Result<record::Envelope> envelope = record::parse_envelope(*bytes);
  if (!envelope) return row;  // damaged: kept for whoever salvages it
  // Those who wrote version 1 put changed envelopes over the old ones.
  row.written_once = record::version_of(*bytes) > 1;
  row.envelope = std::move(*envelope);
  return row;
}

const record::Envelope* EnvelopeChanges::before(MessageId message) {
  const Row& row = read(message);
  return row.envelope ? &*row.envelope : nullptr;
}

std::optional<std::uint32_t> EnvelopeChanges::take_number(MessageId message) {
  Row& row = read(message);
  if (!row.envelope) return std::nullopt;
  return row.envelope->deliveries + row.numbers++;
}

void EnvelopeChanges::remove(kv::Batch& batch, const Row& row, MessageId message) {
  if (row.written_once) {
    batch.remove_once(kv::Family::envelope, message.key());
  } else {
    batch.remove(kv::Family::envelope, message.key());
  }
}

void EnvelopeChanges::finish(kv::Batch& batch, Segments& segments) {
  for (const auto& [message, change] : changed_) {
    if (change.references == 0 && change.told == 0 && change.numbers == 0) continue;
    Row& row = read(message);
    if (!row.envelope) continue;
    record::Envelope& envelope = *row.envelope;
    const std::int64_t references = std::max<std::int64_t>(envelope.references + row.references, 0);
    // Never put over one another: a message that is gone before the memtable is flushed then
    // leaves nothing behind, and remove_once() stays allowed.
    remove(batch, row, message);
    if (references == 0) {
      remove_body(batch, envelope.body);
      const auto* in_segment = std::get_if<record::SegmentBody>(&envelope.body);
      if (in_segment != nullptr) segments.release(in_segment->segment);
      continue;
    }
    envelope.references = static_cast<std::uint32_t>(references);
    envelope.deliveries += row.numbers;
    envelope.told += row.told;
    std::string bytes;
    record::append_envelope(bytes, envelope);
    batch.put(kv::Family::envelope, message.key(), bytes);
  }
  changed_.clear();
}

}  // namespace mail
