#include "service/store/model_mail_store.h"

#include <algorithm>

#include "base/text.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

constexpr std::uint64_t kForEver = (std::uint64_t{1} << 48) - 1;

std::string short_text(const std::string& text) { return text.substr(0, kMaxListText); }

}  // namespace

ModelMailStore::ModelMailStore(const Clock& clock) : clock_(clock), ids_(clock, 0) {
  ids_.reserved(kForEver);
}

void ModelMailStore::set_healthy(bool healthy) {
  const std::lock_guard lock(mutex_);
  healthy_ = healthy;
}
void ModelMailStore::set_storage_low(bool low) {
  const std::lock_guard lock(mutex_);
  storage_low_ = low;
}
void ModelMailStore::fail_next_commit(Errc code) {
  const std::lock_guard lock(mutex_);
  next_failure_ = code;
}
bool ModelMailStore::healthy() const {
  const std::lock_guard lock(mutex_);
  return healthy_;
}
bool ModelMailStore::storage_low() const {
  const std::lock_guard lock(mutex_);
  return storage_low_;
}

Task<Result<void>> ModelMailStore::stage(MessageId id, std::uint32_t number, std::string chunk) {
  const std::lock_guard lock(mutex_);
  if (!healthy_) co_return fail(Errc::store_unhealthy, "the store is closed");
  std::vector<std::string>& chunks = staged_[id];
  if (chunks.empty() && number > 1) {
    co_return fail(Errc::store_unhealthy, "nothing of this message has arrived before");
  }
  if (number != chunks.size() + 1) {
    co_return fail(Errc::invalid_argument, "chunks are staged in order, from 1");
  }
  chunks.push_back(std::move(chunk));
  co_return Result<void>{};
}

Task<Result<std::string>> ModelMailStore::read_staged(MessageId id, std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = staged_.find(id);
  if (found == staged_.end() || number == 0 || number > found->second.size()) {
    co_return fail(Errc::not_found, "no such chunk is staged");
  }
  co_return found->second[number - 1];
}

Task<void> ModelMailStore::drop_staged(MessageId id) {
  const std::lock_guard lock(mutex_);
  staged_.erase(id);
  co_return;
}

Task<Result<void>> ModelMailStore::commit(std::span<Draft> drafts) {
  const std::lock_guard lock(mutex_);
  co_return commit_all(drafts);
}

Result<void> ModelMailStore::commit_all(std::span<Draft> drafts) {
  if (!healthy_) return fail(Errc::store_unhealthy, "the store is closed");
  const std::optional<Errc> failure = std::exchange(next_failure_, std::nullopt);
  if (failure) return fail(*failure, "as the test asked");
  for (const Draft& draft : drafts) {
    MAIL_TRY(validate(draft));
    if (draft.carried &&
        std::ranges::find(events_, draft.id, &record::Event::message) != events_.end()) {
      return fail(Errc::already_exists, concat(draft.id.to_string(), " is known"));
    }
    const auto staged = staged_.find(draft.id);
    if (draft.staged_chunks != (staged == staged_.end() ? 0 : staged->second.size())) {
      return fail(Errc::invalid_argument, "not all chunks were staged");
    }
  }
  MAIL_TRY(tells_are_due(drafts));
  for (const Draft& draft : drafts) {
    const record::Envelope envelope = keep_content(draft);
    envelopes_[draft.id] = envelope;
    add_events(all_events(draft, clock_.wall_now()), draft.notices);
    counters_ = counters_ + effect_of(draft);
    tell(draft);
    for (std::uint32_t i = 0; i < draft.deliveries.size(); ++i) deliver(draft, envelope, i);
  }
  return {};
}

record::Envelope ModelMailStore::keep_content(const Draft& draft) {
  std::vector<std::string> chunks{draft.content};
  if (auto staged = staged_.extract(draft.id); !staged.empty()) {
    std::ranges::move(staged.mapped(), std::back_inserter(chunks));
  }
  record::Envelope envelope;
  envelope.id = draft.id;
  envelope.received_at = draft.received_at;
  envelope.reverse_path = draft.reverse_path;
  envelope.options = draft.options;
  envelope.recipients = draft.recipients;
  envelope.header_size = draft.header_size;
  envelope.references = references_of(draft);
  envelope.deliveries = static_cast<std::uint32_t>(draft.deliveries.size());
  for (const std::string& chunk : chunks) envelope.size += chunk.size();
  envelope.told = draft.carried ? draft.carried->told : 0;
  envelope.body = body_of(draft);
  if (std::holds_alternative<record::KvBody>(envelope.body)) bodies_[draft.id] = std::move(chunks);
  return envelope;
}

void ModelMailStore::deliver(const Draft& draft, const record::Envelope& envelope,
                             std::uint32_t index) {
  const Delivery& delivery = draft.deliveries[index];
  if (waits(delivery.target)) {
    add_waiting(delivery.target, index, pending_of(draft, delivery));
  } else if (const auto* mailbox = std::get_if<ToMailbox>(&delivery.target)) {
    add_entry(*mailbox, {.uid = {},
                         .message = draft.id,
                         .internal_date = draft.received_at,
                         .size = delivery.added_fields.size() + envelope.size,
                         .flags = 0,
                         .modseq = {},
                         .recipient = delivery.recipients.front().address,
                         .added_fields = delivery.added_fields,
                         .from = short_text(draft.from),
                         .subject = short_text(draft.subject)});
  }
}

void ModelMailStore::add_entry(const ToMailbox& target, record::MailboxEntry entry) {
  Box& box = box_for(target.account, target.folder);
  entry.uid = box.info.uid_next;
  entry.modseq = ModSeq{box.info.highest_modseq.value + 1};
  ++box.info.uid_next.value;
  box.info.highest_modseq = entry.modseq;
  ++box.info.messages;
  box.info.bytes += entry.size;
  box.entries.emplace(entry.uid, std::move(entry));
}

void ModelMailStore::add_waiting(const Target& target, std::uint32_t number,
                                 const record::PendingDelivery& delivery) {
  if (const auto* route = std::get_if<ToRoute>(&target)) {
    queued_[{route->queue, route->due, delivery.message, number}] = delivery;
  } else {
    held_[{delivery.message, number}] = delivery;
  }
}

ModelMailStore::Box& ModelMailStore::box_for(AccountId account, const std::string& folder) {
  for (auto& [id, box] : boxes_) {
    if (box.info.account == account && box.info.name == folder) return box;
  }
  const auto seconds = clock_.wall_now().time_since_epoch() / std::chrono::seconds(1);
  last_validity_ = std::max(static_cast<std::uint32_t>(seconds), last_validity_ + 1);
  Box& box = boxes_[MailboxId{next_mailbox_}];
  box.info.id = MailboxId{next_mailbox_++};
  box.info.account = account;
  box.info.name = folder;
  box.info.uid_validity = last_validity_;
  return box;
}

Task<Result<record::Envelope>> ModelMailStore::envelope(MessageId id) {
  const std::lock_guard lock(mutex_);
  const auto found = envelopes_.find(id);
  if (found == envelopes_.end()) co_return fail(Errc::not_found, "no such message");
  co_return found->second;
}

Task<Result<std::vector<Result<record::Envelope>>>> ModelMailStore::envelopes_of(
    std::vector<MessageId> ids) {
  std::vector<Result<record::Envelope>> found;
  for (const MessageId id : ids) found.push_back(co_await envelope(id));
  co_return found;
}

Task<Result<std::vector<record::Envelope>>> ModelMailStore::messages(MessageQuery query) {
  const std::lock_guard lock(mutex_);
  std::vector<record::Envelope> found;
  auto at = query.before ? envelopes_.lower_bound(*query.before) : envelopes_.end();
  while (at != envelopes_.begin() && found.size() < query.limit) found.push_back((--at)->second);
  co_return found;
}

Task<Result<std::string>> ModelMailStore::read_body(record::BodyRef body, std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  if (const auto* inlined = std::get_if<record::InlineBody>(&body)) {
    co_return inlined->bytes.substr(std::min<std::size_t>(offset, inlined->bytes.size()));
  }
  const auto* kept = std::get_if<record::KvBody>(&body);
  const auto found = kept == nullptr ? bodies_.end() : bodies_.find(kept->id);
  if (found == bodies_.end()) co_return fail(Errc::not_found, "the body is no longer kept");
  for (const std::string& chunk : found->second) {
    if (offset < chunk.size()) co_return chunk.substr(offset);
    offset -= chunk.size();
  }
  co_return std::string{};
}

Task<Result<std::vector<record::Event>>> ModelMailStore::events_of(MessageId id) {
  const std::lock_guard lock(mutex_);
  std::vector<record::Event> found;
  std::ranges::copy_if(events_, std::back_inserter(found),
                       [&](const record::Event& event) { return event.message == id; });
  co_return found;
}

Task<Result<std::vector<SequencedEvent>>> ModelMailStore::events_after(EventSeq cursor,
                                                                       std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<SequencedEvent> found;
  for (std::uint64_t i = cursor.value; i < events_.size() && found.size() < limit; ++i) {
    found.push_back({EventSeq{i + 1}, events_[i]});
  }
  co_return found;
}

Counters ModelMailStore::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

Task<Result<std::vector<record::MailboxInfo>>> ModelMailStore::mailboxes(AccountId account) {
  const std::lock_guard lock(mutex_);
  std::vector<record::MailboxInfo> found;
  for (const auto& [id, box] : boxes_) {
    if (box.info.account == account) found.push_back(box.info);
  }
  co_return found;
}

Task<Result<std::vector<record::MailboxEntry>>> ModelMailStore::entries(MailboxId mailbox,
                                                                        Uid after,
                                                                        std::size_t limit) {
  const std::lock_guard lock(mutex_);
  const auto box = boxes_.find(mailbox);
  if (box == boxes_.end()) co_return fail(Errc::not_found, "no such mailbox");
  std::vector<record::MailboxEntry> found;
  for (auto at = box->second.entries.upper_bound(after);
       at != box->second.entries.end() && found.size() < limit; ++at) {
    found.push_back(at->second);
  }
  co_return found;
}

Task<Result<record::MailboxEntry>> ModelMailStore::entry(MailboxId mailbox, Uid uid) {
  const std::lock_guard lock(mutex_);
  const auto box = boxes_.find(mailbox);
  if (box == boxes_.end()) co_return fail(Errc::not_found, "no such mailbox");
  const auto found = box->second.entries.find(uid);
  if (found == box->second.entries.end()) co_return fail(Errc::not_found, "no such uid");
  co_return found->second;
}

Task<Result<void>> ModelMailStore::remove_entries(MailboxId mailbox, std::vector<Uid> uids) {
  const std::lock_guard lock(mutex_);
  if (!healthy_) co_return fail(Errc::store_unhealthy, "the store is closed");
  const auto box = boxes_.find(mailbox);
  if (box == boxes_.end()) co_return fail(Errc::not_found, "no such mailbox");
  std::ranges::sort(uids);
  const auto doubles = std::ranges::unique(uids);
  uids.erase(doubles.begin(), doubles.end());
  for (const Uid uid : uids) {
    if (!box->second.entries.contains(uid)) {
      co_return fail(Errc::not_found, concat("no message with uid ", uid.value));
    }
  }
  for (const Uid uid : uids) drop_entry(box->second, uid);
  co_return Result<void>{};
}

void ModelMailStore::drop_entry(Box& box, Uid uid) {
  const auto at = box.entries.find(uid);
  const MessageId message = at->second.message;
  box.info.bytes -= at->second.size;
  --box.info.messages;
  ++box.info.highest_modseq.value;  // of the tombstone (RFC 7162 §3.2.7)
  box.entries.erase(at);
  refer(message, -1);
}

void ModelMailStore::refer(MessageId message, std::int64_t more) {
  const auto envelope = envelopes_.find(message);
  if (envelope == envelopes_.end()) return;
  envelope->second.references = static_cast<std::uint32_t>(envelope->second.references + more);
  if (envelope->second.references > 0) return;
  envelopes_.erase(envelope);
  bodies_.erase(message);
}

Task<Result<void>> ModelMailStore::remove_account(AccountId account) {
  const std::lock_guard lock(mutex_);
  if (!healthy_) co_return fail(Errc::store_unhealthy, "the store is closed");
  for (auto& [id, box] : boxes_) {
    if (box.info.account != account) continue;
    while (!box.entries.empty()) drop_entry(box, box.entries.begin()->first);
  }
  std::erase_if(boxes_, [&](const auto& row) { return row.second.info.account == account; });
  co_return Result<void>{};
}

std::uint64_t ModelMailStore::mailbox_bytes(AccountId account) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& [id, box] : boxes_) {
    if (box.info.account == account) bytes += box.info.bytes;
  }
  return bytes;
}

Task<Result<CheckReport>> ModelMailStore::check() {
  const std::lock_guard lock(mutex_);
  CheckReport report;
  report.messages = envelopes_.size();
  report.bodies = bodies_.size();
  report.mailboxes = boxes_.size();
  report.events = events_.size();
  for (const auto& [id, box] : boxes_) report.entries += box.entries.size();
  co_return report;
}

Task<Result<void>> ModelMailStore::backup(std::filesystem::path /*into*/) {
  co_return fail(Errc::invalid_argument, "a store in memory has nothing to copy");
}

}  // namespace mail
