// A draft becomes rows: body, envelope, events, and one row per delivery.
#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <numeric>
#include <set>

#include "base/text.h"
#include "service/store/changes.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

constexpr std::size_t kUsualRow = 256;  // room for most, so that writing one allocates once

}  // namespace

DraftChange::DraftChange(std::span<const Draft> drafts, const Staging& staging, WallTime now,
                         std::size_t least_in_segments)
    : drafts_(drafts), staging_(staging) {
  prepared_.reserve(drafts.size());
  for (const Draft& draft : drafts) {
    Result<Prepared> prepared = prepare(draft, staging, now);
    if (!prepared) {
      valid_ = std::unexpected(std::move(prepared).error());
      return;
    }
    size_ += draft.content.size() + prepared->envelope.size();
    // Chunks that were staged are rows already; their body stays together.
    prepared->bulky = !prepared->seal.empty() && draft.staged_chunks == 0 &&
                      draft.content.size() >= least_in_segments;
    if (prepared->bulky) bulk_ += draft.content.size();
    prepared_.push_back(std::move(*prepared));
  }
}

// But for its recipients, which are the draft's.
record::Envelope DraftChange::envelope_of(const Draft& draft, std::uint64_t size,
                                          record::BodyRef body) {
  return {
      .id = draft.id,
      .received_at = draft.received_at,
      .reverse_path = draft.reverse_path,
      .options = draft.options,
      .recipients = {},
      .size = size,
      .header_size = draft.header_size,
      .references = references_of(draft),
      .body = std::move(body),
      .deliveries = static_cast<std::uint32_t>(draft.deliveries.size()),
      .told = draft.carried ? draft.carried->told : 0,
  };
}

Result<DraftChange::Prepared> DraftChange::prepare(const Draft& draft, const Staging& staging,
                                                   WallTime now) const {
  MAIL_TRY(validate(draft));
  boost::container::small_vector<std::uint64_t, 4> sizes{draft.content.size()};
  if (draft.staged_chunks > 0) {
    const std::vector<std::uint64_t> staged = staging.sizes(draft.id);
    if (staged.size() != draft.staged_chunks) {
      return fail(Errc::store_unhealthy, "staged chunks are gone: the store was reopened");
    }
    sizes.insert(sizes.end(), staged.begin(), staged.end());
  } else if (!staging.sizes(draft.id).empty()) {
    return fail(Errc::invalid_argument, "not all chunks were staged");
  }
  Prepared prepared;
  const bool chunked = draft.staged_chunks > 0 || draft.content.size() > kMaxInlineBody;
  prepared.size = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  const record::Envelope envelope = envelope_of(draft, prepared.size, body_of(draft));
  prepared.envelope.reserve(kUsualRow + (chunked ? 0 : draft.content.size()));
  record::append_envelope(prepared.envelope, envelope, draft.recipients);
  prepared.keeps_body = envelope.references > 0;
  if (const auto* body = std::get_if<record::KvBody>(&envelope.body)) {
    prepared.family = family_of(body->family);
    prepared.seal = seal_of(keys::chunk(draft.id, 0), draft.content);
    if (body->chunks > 1) {
      prepared.chunk_sizes =
          chunk_sizes_row(keys::chunk(draft.id, keys::kChunkSizes), {sizes.data(), sizes.size()});
    }
  }
  const auto encode = [&](const record::Event& event) { prepared.events.add(event); };
  if (const auto received = missing_received(draft)) encode(*received);
  std::ranges::for_each(draft.events, encode);
  each_fate_event(draft, now, encode);
  return prepared;
}

// The store may have been closed and reopened since the constructor looked.
Result<void> DraftChange::still_possible(const Group& group) const {
  if (group.storage_low) return fail(Errc::storage_full, "free space is below the reserve");
  for (const Draft& draft : drafts_) {
    if (draft.staged_chunks > 0 && staging_.sizes(draft.id).size() != draft.staged_chunks) {
      return fail(Errc::store_unhealthy, "staged chunks are gone: the store was reopened");
    }
    if (!draft.carried) continue;
    const kv::Cursor known = group.db.scan_prefix(kv::Family::run, keys::runs(draft.id));
    MAIL_TRY(known.status());
    if (known.valid()) return fail(Errc::already_exists, concat(draft.id.to_string(), " is known"));
  }
  std::set<NoticeKey> told;
  for (const Draft& draft : drafts_) {
    for (const NoticeKey& key : draft.tells) {
      const std::string row = keys::notice(key);
      MAIL_TRY(const bool there, group.db.contains(kv::Family::notice, row));
      if (!there || !group.still_there(kv::Family::notice, row) || !told.insert(key).second) {
        return fail(Errc::not_found, concat("a notice of ", key.message.to_string(),
                                            " is not due any more: it has been told"));
      }
    }
  }
  return {};
}

// Whether its ids are known is asked of the database, which does not show what the group adds.
bool DraftChange::alone() const {
  return std::ranges::any_of(drafts_, [](const Draft& draft) { return draft.carried.has_value(); });
}

Result<void> DraftChange::apply(Group& group) {
  MAIL_TRY(still_possible(group));
  for (std::size_t i = 0; i < drafts_.size(); ++i) put(group, drafts_[i], prepared_[i]);
  return {};
}

std::string DraftChange::put_body(Group& group, const Draft& draft, Prepared& prepared) {
  if (prepared.bulky && group.to_segments) {
    const auto family = prepared.family == kv::Family::queue_body ? record::BodyFamily::queue
                                                                  : record::BodyFamily::mail;
    const auto place = group.segments.place(family, draft.id, draft.content,
                                            read_big_endian<std::uint32_t>(prepared.seal));
    if (place) {
      std::string envelope;
      envelope.reserve(kUsualRow);
      record::append_envelope(envelope, envelope_of(draft, prepared.size, *place),
                              draft.recipients);
      return envelope;
    }
  }
  if (!prepared.seal.empty()) {
    group.batch.put(prepared.family, keys::chunk(draft.id, 0), {draft.content, prepared.seal});
  }
  return std::move(prepared.envelope);
}

void DraftChange::put(Group& group, const Draft& draft, Prepared& prepared) const {
  const std::string envelope = put_body(group, draft, prepared);
  if (!prepared.chunk_sizes.empty()) {
    group.batch.put(prepared.family, keys::chunk(draft.id, keys::kChunkSizes),
                    prepared.chunk_sizes);
  }
  if (draft.staged_chunks > 0) {
    group.names_chunks = true;
    group.batch.remove(kv::Family::staging, draft.id.key());
    for (std::uint32_t i = 1; !prepared.keeps_body && i <= draft.staged_chunks; ++i) {
      group.batch.remove_once(kv::Family::mail_body, keys::chunk(draft.id, i));
    }
  }
  group.batch.put(kv::Family::envelope, draft.id.key(), envelope);
  const EventSeq first =
      group.state.put_events(group.batch, draft.id, record::EventKind::received, prepared.events);
  put_notices(group, first, draft.notices);
  tell(group, draft);
  group.state.count(effect_of(draft), group.now);
  for (std::uint32_t i = 0; i < draft.deliveries.size(); ++i) deliver(group, draft, prepared, i);
  group.acknowledged.push_back(draft.id);
}

void DraftChange::deliver(Group& group, const Draft& draft, const Prepared& prepared,
                          std::uint32_t index) const {
  const Delivery& delivery = draft.deliveries[index];
  if (waits(delivery.target)) {
    set_pending(group.waiting, draft, delivery);
    put_waiting(group, delivery.target, index, group.waiting);
  } else if (const auto* mailbox = std::get_if<ToMailbox>(&delivery.target)) {
    put_entry(group, *mailbox,
              {.uid = {},
               .message = draft.id,
               .internal_date = draft.received_at,
               .size = delivery.added_fields.size() + prepared.size,
               .flags = 0,
               .modseq = {},
               .recipient = delivery.recipients.front().address,
               .added_fields = delivery.added_fields,
               .from = draft.from.substr(0, kMaxListText),
               .subject = draft.subject.substr(0, kMaxListText)});
  }
}

void DraftChange::tell(Group& group, const Draft& draft) {
  std::set<MessageId> about;
  for (const NoticeKey& key : draft.tells) {
    const std::string row = keys::notice(key);
    group.batch.remove_once(kv::Family::notice, row);
    group.removed.emplace(kv::Family::notice, row);
    group.envelopes.refer(key.message, -1);
    if (about.insert(key.message).second) group.envelopes.count_told(key.message);
  }
}

void put_entry(Group& group, const ToMailbox& target, record::MailboxEntry entry) {
  record::MailboxInfo& mailbox = group.state.mailbox_for(target.account, target.folder, group.now);
  entry.uid = mailbox.uid_next;
  entry.modseq = ModSeq{mailbox.highest_modseq.value + 1};
  ++mailbox.uid_next.value;
  mailbox.highest_modseq = entry.modseq;
  ++mailbox.messages;
  mailbox.bytes += entry.size;
  group.row.clear();
  record::append_entry(group.row, entry);
  group.batch.put(kv::Family::mailbox, keys::entry(mailbox.id, entry.uid), group.row);
  group.row.clear();
  keys::append_change(group.row, mailbox.id, entry.modseq);
  group.batch.put(kv::Family::mailbox, group.row, keys::number(entry.uid.value));
}

void put_waiting(Group& group, const Target& target, std::uint32_t number,
                 const record::PendingDelivery& delivery) {
  std::string& row = group.row;
  row.clear();
  record::append_pending(row, delivery);
  if (const auto* route = std::get_if<ToRoute>(&target)) {
    const std::string key = keys::queued({route->queue, route->due, delivery.message, number});
    group.batch.put(kv::Family::schedule, key, row);
    group.batch.put(kv::Family::schedule, keys::waiting(delivery.message, number), key);
  } else {
    group.batch.put(kv::Family::schedule, keys::held(delivery.message, number), row);
  }
}

void put_notices(Group& group, EventSeq first, std::span<const record::Notice> notices) {
  // Unique within the message for ever: no two runs of events begin with the same number.
  constexpr unsigned kRunBits = 20;
  std::uint64_t number = first.value << kRunBits;
  for (const record::Notice& notice : notices) {
    group.row.clear();
    record::append_notice(group.row, notice);
    group.batch.put(kv::Family::notice, keys::notice({notice.message, number++}), group.row);
  }
}

Result<void> StagedRemoval::apply(Group& group) {
  group.batch.remove(kv::Family::staging, id_.key());
  for (std::uint32_t i = 1; i <= chunks_; ++i) {
    group.batch.remove_once(kv::Family::mail_body, keys::chunk(id_, i));
  }
  return {};
}

}  // namespace mail
