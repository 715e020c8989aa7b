// A draft becomes rows: body, envelope, events, and one row per delivery.
#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "service/store/changes.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

constexpr std::size_t kUsualRow = 256;  // room for most, so that writing one allocates once

// Staged chunks lie in mail_body: where a message goes is not known when they are written, and to
// copy them later costs more than a few large short-lived bodies there.
record::BodyFamily body_family(const Draft& draft) {
  return any_local(draft) || draft.staged_chunks > 0 ? record::BodyFamily::mail
                                                     : record::BodyFamily::queue;
}

record::BodyRef body_of(const Draft& draft, std::uint32_t references) {
  if (references == 0) return record::NoBody{};
  if (draft.staged_chunks == 0 && draft.content.size() <= kMaxInlineBody) {
    return record::InlineBody{draft.content};
  }
  return record::KvBody{body_family(draft), draft.id, draft.staged_chunks + 1};
}

}  // namespace

DraftChange::DraftChange(std::span<Draft> drafts, const Staging& staging, WallTime now)
    : drafts_(drafts), staging_(staging) {
  prepared_.reserve(drafts.size());
  for (const Draft& draft : drafts) {
    Result<Prepared> prepared = prepare(draft, staging, now);
    if (!prepared) {
      valid_ = std::unexpected(std::move(prepared).error());
      return;
    }
    size_ += draft.content.size() + prepared->envelope.size();
    prepared_.push_back(std::move(*prepared));
  }
}

Result<DraftChange::Prepared> DraftChange::prepare(const Draft& draft, const Staging& staging,
                                                   WallTime now) const {
  MAIL_TRY(validate(draft));
  std::vector<std::uint64_t> sizes{draft.content.size()};
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
  const record::Envelope envelope{.id = draft.id,
                                  .received_at = draft.received_at,
                                  .reverse_path = draft.reverse_path,
                                  .recipients = draft.recipients,
                                  .size = prepared.size,
                                  .header_size = draft.header_size,
                                  .references = references_of(draft),
                                  .body = body_of(draft, references_of(draft))};
  prepared.envelope.reserve(kUsualRow + (chunked ? 0 : draft.content.size()));
  record::append_envelope(prepared.envelope, envelope);
  prepared.keeps_body = envelope.references > 0;
  if (const auto* body = std::get_if<record::KvBody>(&envelope.body)) {
    prepared.family = family_of(body->family);
    prepared.seal = seal_of(keys::chunk(draft.id, 0), draft.content);
    if (body->chunks > 1) {
      prepared.chunk_sizes = chunk_sizes_row(keys::chunk(draft.id, keys::kChunkSizes), sizes);
    }
  }
  const auto encode = [&](const record::Event& event) {
    std::string& row = prepared.events.emplace_back();
    row.reserve(kUsualRow);
    record::append_event(row, event);
  };
  if (const auto received = missing_received(draft)) encode(*received);
  std::ranges::for_each(draft.events, encode);
  std::ranges::for_each(fate_events(draft, now), encode);
  return prepared;
}

// The store may have been closed and reopened since the constructor looked.
Result<void> DraftChange::still_possible(const Group& group) const {
  if (group.storage_low) return fail(Errc::storage_full, "free space is below the reserve");
  for (const Draft& draft : drafts_) {
    if (draft.staged_chunks > 0 && staging_.sizes(draft.id).size() != draft.staged_chunks) {
      return fail(Errc::store_unhealthy, "staged chunks are gone: the store was reopened");
    }
  }
  return {};
}

Result<void> DraftChange::apply(Group& group) {
  MAIL_TRY(still_possible(group));
  for (std::size_t i = 0; i < drafts_.size(); ++i) put(group, drafts_[i], prepared_[i]);
  return {};
}

void DraftChange::put(Group& group, const Draft& draft, const Prepared& prepared) const {
  if (!prepared.seal.empty()) {
    group.batch.put(prepared.family, keys::chunk(draft.id, 0), {draft.content, prepared.seal});
  }
  if (!prepared.chunk_sizes.empty()) {
    group.batch.put(prepared.family, keys::chunk(draft.id, keys::kChunkSizes),
                    prepared.chunk_sizes);
  }
  if (draft.staged_chunks > 0) {
    group.batch.remove_once(kv::Family::staging, draft.id.key());
    for (std::uint32_t i = 1; !prepared.keeps_body && i <= draft.staged_chunks; ++i) {
      group.batch.remove_once(kv::Family::mail_body, keys::chunk(draft.id, i));
    }
  }
  group.batch.put(kv::Family::envelope, draft.id.key(), prepared.envelope);
  group.state.put_events(group.batch, draft.id, record::EventKind::received, prepared.events);
  group.state.count(effect_of(draft), group.now);
  for (std::uint32_t i = 0; i < draft.deliveries.size(); ++i) deliver(group, draft, prepared, i);
  group.acknowledged.push_back(draft.id);
}

void DraftChange::deliver(Group& group, const Draft& draft, const Prepared& prepared,
                          std::uint32_t index) const {
  const Delivery& delivery = draft.deliveries[index];
  std::string row;
  row.reserve(kUsualRow);
  if (const auto* target = std::get_if<ToMailbox>(&delivery.target)) {
    record::MailboxInfo& mailbox =
        group.state.mailbox_for(target->account, target->folder, group.now);
    const record::MailboxEntry entry{.uid = mailbox.uid_next,
                                     .message = draft.id,
                                     .internal_date = draft.received_at,
                                     .size = delivery.added_fields.size() + prepared.size,
                                     .flags = 0,
                                     .modseq = ModSeq{mailbox.highest_modseq.value + 1},
                                     .recipient = delivery.recipients.front(),
                                     .added_fields = delivery.added_fields,
                                     .from = draft.from.substr(0, kMaxListText),
                                     .subject = draft.subject.substr(0, kMaxListText)};
    ++mailbox.uid_next.value;
    mailbox.highest_modseq = entry.modseq;
    ++mailbox.messages;
    mailbox.bytes += entry.size;
    record::append_entry(row, entry);
    group.batch.put(kv::Family::mailbox, keys::entry(mailbox.id, entry.uid), row);
    group.batch.put(kv::Family::mailbox, keys::change(mailbox.id, entry.modseq),
                    keys::number(entry.uid.value));
    return;
  }
  record::PendingDelivery pending{.message = draft.id,
                                  .since = draft.received_at,
                                  .reason = "",
                                  .reverse_path = delivery.reverse_path,
                                  .added_fields = delivery.added_fields,
                                  .recipients = delivery.recipients};
  if (const auto* route = std::get_if<ToRoute>(&delivery.target)) {
    record::append_pending(row, pending);
    group.batch.put(kv::Family::schedule, keys::queued(*route, draft.id, index), row);
  } else if (const auto* held = std::get_if<Held>(&delivery.target)) {
    pending.reason = held->reason;
    record::append_pending(row, pending);
    group.batch.put(kv::Family::schedule, keys::held(draft.id, index), row);
  }
}

Result<void> StagedRemoval::apply(Group& group) {
  group.batch.remove_once(kv::Family::staging, id_.key());
  for (std::uint32_t i = 1; i <= chunks_; ++i) {
    group.batch.remove_once(kv::Family::mail_body, keys::chunk(id_, i));
  }
  return {};
}

}  // namespace mail
