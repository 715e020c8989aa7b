#include "service/store/rows.h"

#include <algorithm>

#include "base/text.h"
#include "service/store/chunks.h"
#include "service/store/keys.h"

namespace mail::rows {
namespace {

std::string name_of_mailbox_row(std::string_view key) {
  if (key.size() < 9) return "mailbox row";
  const auto mailbox = read_big_endian<std::uint64_t>(key.substr(1));
  if (key[0] == keys::kMailboxRow) return concat("mailbox ", mailbox);
  if (key[0] == 'e' && key.size() == 13) {
    return concat("entry of mailbox ", mailbox, " uid ",
                  read_big_endian<std::uint32_t>(key.substr(9)));
  }
  return concat("index row of mailbox ", mailbox);
}

// The one sentence for a row that does not decode; remembers it unless it is of a later version.
std::unexpected<Error> note(kv::Family family, std::string_view key, const Error& error,
                            std::optional<MessageId> message, Damaged& damaged) {
  if (error.code != Errc::store_corrupt) return std::unexpected(error);
  damaged.push_back({family, std::string(key), name_of(family, key), error.detail, message});
  return fail(Errc::store_corrupt, concat(damaged.back().what, ": ", error.detail));
}

Result<std::string> chunk(const kv::Database& db, kv::Family family, MessageId id,
                          std::uint32_t number, Damaged& damaged) {
  const std::string key = keys::chunk(id, number);
  Result<std::string> row = db.get(family, key);
  if (!row && row.error().code == Errc::not_found && number > 0 &&
      db.contains(family, keys::chunk(id, keys::kChunkSizes)).value_or(false)) {
    row = fail(Errc::store_corrupt, "body chunk is missing");  // not: removed just now
  }
  if (!row) return note(family, key, row.error(), id, damaged);
  const Result<std::string_view> octets = open_chunk(key, *row);
  if (!octets) return note(family, key, octets.error(), id, damaged);
  row->resize(octets->size());
  return row;
}

Result<std::string> of_segment(const kv::Database& db, const Segments& segments,
                               const record::SegmentBody& body, std::uint64_t offset,
                               Damaged& damaged) {
  if (offset >= body.size) return std::string{};
  // Its octets outlast it until the file goes.
  const auto named = [&] {
    return db.contains(kv::Family::envelope, body.id.key()).value_or(true);
  };
  if (!named()) return fail(Errc::not_found, "the body is no longer kept");
  Result<std::string> octets = segments.read(body);
  if (!octets && octets.error().code == Errc::not_found && named()) {
    octets = fail(Errc::store_corrupt, octets.error().detail);  // not: removed just now
  }
  if (!octets) {
    return note(kv::Family::mail_body, keys::chunk(body.id, 0), octets.error(), body.id, damaged);
  }
  if (offset > 0) octets->erase(0, offset);
  return octets;
}

}  // namespace

std::string name_of(kv::Family family, std::string_view key) {
  switch (family) {
    case kv::Family::envelope:
      return concat("envelope ", keys::id_in(key).to_string());
    case kv::Family::queue_body:
    case kv::Family::mail_body: {
      const std::string id = keys::id_in(key).to_string();
      if (key.size() < 14) return concat("body ", id);
      const auto number = read_big_endian<std::uint32_t>(key.substr(10));
      return number == keys::kChunkSizes ? concat("body ", id, " chunk sizes")
                                         : concat("body ", id, " chunk ", number);
    }
    case kv::Family::mailbox:
      return name_of_mailbox_row(key);
    case kv::Family::event:
      return key.size() < 9 ? "event row"
                            : concat("event ", read_big_endian<std::uint64_t>(key.substr(1)));
    case kv::Family::schedule:
      return concat("pending delivery ",
                    keys::id_in(key.substr(key.size() < 14 ? 0 : key.size() - 14)).to_string());
    case kv::Family::notice:
      return concat("notice of ", keys::id_in(key.substr(key.empty() ? 0 : 1)).to_string());
    default:
      return concat(kv::to_string(family), " row");
  }
}

Result<record::Envelope> envelope(const kv::Database& db, MessageId id, Damaged& damaged) {
  const Result<std::string> row = db.get(kv::Family::envelope, id.key());
  if (!row && row.error().code == Errc::not_found) return fail(Errc::not_found, "no such message");
  if (!row) return note(kv::Family::envelope, id.key(), row.error(), id, damaged);
  Result<record::Envelope> envelope = record::parse_envelope(*row);
  if (!envelope) return note(kv::Family::envelope, id.key(), envelope.error(), id, damaged);
  return envelope;
}

Result<std::vector<record::Envelope>> envelopes(const kv::Database& db, const MessageQuery& query,
                                                Damaged& damaged) {
  std::vector<record::Envelope> found;
  const std::string before = query.before ? std::string(query.before->key()) : "";
  kv::Cursor rows = db.scan_down(kv::Family::envelope, before);
  for (; rows.valid() && found.size() < query.limit; rows.previous()) {
    Result<record::Envelope> envelope = record::parse_envelope(rows.value());
    if (envelope) {
      found.push_back(std::move(*envelope));
      continue;
    }
    const auto error =
        note(kv::Family::envelope, rows.key(), envelope.error(), keys::id_in(rows.key()), damaged);
    if (error.error().code != Errc::store_corrupt) return error;
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<std::string> body(const kv::Database& db, const Segments& segments,
                         const record::BodyRef& body, std::uint64_t offset, Damaged& damaged) {
  if (const auto* inlined = std::get_if<record::InlineBody>(&body)) {
    return inlined->bytes.substr(std::min<std::size_t>(offset, inlined->bytes.size()));
  }
  if (const auto* in_segment = std::get_if<record::SegmentBody>(&body)) {
    return of_segment(db, segments, *in_segment, offset, damaged);
  }
  const auto* kept = std::get_if<record::KvBody>(&body);
  if (kept == nullptr) return fail(Errc::not_found, "the body is no longer kept");
  const kv::Family family = family_of(kept->family);
  std::uint32_t number = 0;
  if (kept->chunks > 1) {
    const std::string key = keys::chunk(kept->id, keys::kChunkSizes);
    const Result<std::string> row = db.get(family, key);
    if (!row) return note(family, key, row.error(), kept->id, damaged);
    const Result<std::vector<std::uint64_t>> sizes = parse_chunk_sizes(key, *row);
    if (!sizes) return note(family, key, sizes.error(), kept->id, damaged);
    while (number < sizes->size() && offset >= (*sizes)[number]) offset -= (*sizes)[number++];
    if (number == sizes->size()) return std::string{};
  }
  MAIL_TRY(std::string octets, chunk(db, family, kept->id, number, damaged));
  if (offset > 0) octets.erase(0, offset);
  return octets;
}

Result<std::string> staged(const kv::Database& db, MessageId id, std::uint32_t number) {
  const std::string key = keys::chunk(id, number);
  MAIL_TRY(const std::string row, db.get(kv::Family::mail_body, key));
  MAIL_TRY(const std::string_view octets, open_chunk(key, row));
  return std::string(octets);
}

Result<std::vector<SequencedEvent>> events_after(const kv::Database& db, EventSeq cursor,
                                                 std::size_t limit, Damaged& damaged) {
  std::vector<SequencedEvent> found;
  kv::Cursor rows =
      db.scan(kv::Family::event, keys::event(EventSeq{cursor.value + 1}), kv::after_prefix("s"));
  for (; rows.valid() && found.size() < limit; rows.next()) {
    Result<record::Event> event = record::parse_event(rows.value());
    if (event) {
      const auto number = read_big_endian<std::uint64_t>(rows.key().substr(1));
      found.push_back({EventSeq{number}, std::move(*event)});
      continue;
    }
    const auto error = note(kv::Family::event, rows.key(), event.error(), std::nullopt, damaged);
    if (error.error().code != Errc::store_corrupt) return error;
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<std::vector<record::MailboxInfo>> mailboxes(const kv::Database& db, AccountId account) {
  std::vector<record::MailboxInfo> found;
  const std::string prefix = keys::owned_mailboxes(account);
  kv::Cursor rows = db.scan_prefix(kv::Family::mailbox, prefix);
  for (; rows.valid(); rows.next()) {
    const MailboxId id{read_big_endian<std::uint64_t>(rows.key().substr(prefix.size()))};
    const Result<std::string> row = db.get(kv::Family::mailbox, keys::mailbox(id));
    if (!row && row.error().code == Errc::not_found) continue;  // removed just now
    MAIL_TRY(const std::string& bytes, row);
    Result<record::MailboxInfo> info = record::parse_mailbox(bytes);
    if (info) found.push_back(std::move(*info));  // a damaged one was named at the start
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<std::vector<record::MailboxEntry>> entries(const kv::Database& db, MailboxId mailbox,
                                                  Uid after, std::size_t limit, Damaged& damaged) {
  MAIL_TRY(const bool there, db.contains(kv::Family::mailbox, keys::mailbox(mailbox)));
  if (!there) return fail(Errc::not_found, "no such mailbox");
  std::vector<record::MailboxEntry> found;
  if (after.value == UINT32_MAX) return found;
  kv::Cursor rows = db.scan(kv::Family::mailbox, keys::entry(mailbox, Uid{after.value + 1}),
                            kv::after_prefix(keys::entries(mailbox)));
  for (; rows.valid() && found.size() < limit; rows.next()) {
    Result<record::MailboxEntry> entry = record::parse_entry(rows.value());
    if (entry) {
      found.push_back(std::move(*entry));
      continue;
    }
    const auto error = note(kv::Family::mailbox, rows.key(), entry.error(), std::nullopt, damaged);
    if (error.error().code != Errc::store_corrupt) return error;
  }
  MAIL_TRY(rows.status());
  return found;
}

Result<record::MailboxEntry> entry(const kv::Database& db, MailboxId mailbox, Uid uid,
                                   Damaged& damaged) {
  const std::string key = keys::entry(mailbox, uid);
  const Result<std::string> row = db.get(kv::Family::mailbox, key);
  if (!row && row.error().code == Errc::not_found) {
    return fail(Errc::not_found, "no such mailbox or uid");
  }
  if (!row) return note(kv::Family::mailbox, key, row.error(), std::nullopt, damaged);
  Result<record::MailboxEntry> entry = record::parse_entry(*row);
  if (!entry) return note(kv::Family::mailbox, key, entry.error(), std::nullopt, damaged);
  return entry;
}

}  // namespace mail::rows
