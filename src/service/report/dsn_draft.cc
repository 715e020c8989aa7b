#include "service/report/dsn_draft.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/message/header_block.h"

namespace mail::report {
namespace {

dsn::Action action_of(record::NoticeKind kind) {
  switch (kind) {
    case record::NoticeKind::failed:
      return dsn::Action::failed;
    case record::NoticeKind::delayed:
      return dsn::Action::delayed;
    case record::NoticeKind::delivered:
      return dsn::Action::delivered;
    case record::NoticeKind::relayed:
      return dsn::Action::relayed;
    case record::NoticeKind::expanded:
      return dsn::Action::expanded;
  }
  return dsn::Action::failed;
}

dsn::RecipientReport report_of(const record::Notice& notice) {
  return {.recipient = notice.recipient,
          .original = notice.original,
          .action = action_of(notice.kind),
          .status = notice.status,
          .remote_host = notice.remote_host,
          .remote_address = notice.remote_address,
          .diagnostic = notice.diagnostic,
          .diagnostic_is_smtp = notice.by_remote,
          .last_attempt = notice.at,
          .will_retry_until = notice.will_retry_until};
}

// A delay is no news any more where the same DSN says how it ended.
bool outdated(const DueNotice& due, std::span<const DueNotice> all) {
  return due.notice.kind == record::NoticeKind::delayed &&
         std::ranges::any_of(all, [&](const DueNotice& other) {
           return other.key.number > due.key.number &&
                  other.notice.recipient == due.notice.recipient;
         });
}

bool is_lost(const Error& error) {
  return error.code == Errc::store_corrupt || error.code == Errc::not_found;
}

// Octets [from, to) of the content; fewer where it is damaged or gone.
Task<Result<std::string>> read_part(MailStore& store, const record::Envelope& original,
                                    std::uint64_t from, std::uint64_t to) {
  std::string part;
  while (from < to) {
    Result<std::string> chunk = co_await store.read_body(original.body, from);
    if (!chunk && is_lost(chunk.error())) break;
    if (!chunk) co_return std::unexpected(std::move(chunk).error());
    if (chunk->empty()) break;
    if (chunk->size() > to - from) chunk->resize(to - from);
    from += chunk->size();
    part += *chunk;
  }
  co_return part;
}

}  // namespace

Task<Result<dsn::Notice>> compose_dsn(MailStore& store, const Telling& telling,
                                      const record::Envelope& original,
                                      std::span<const DueNotice> notices, MessageId id) {
  dsn::Report report;
  report.reporting_host = telling.hostname;
  report.id = original.id.to_string();
  report.dsn_message_id = concat(id.to_string(), "@", telling.hostname);
  report.to = telling.to;
  report.arrived = original.received_at;
  report.now = telling.now;
  report.options = options_for(original.options, original.reverse_path, telling.to);
  report.original_size = original.size;
  report.last_of_many = original.told + 1 >= kMaxTold;
  for (const DueNotice& due : notices) {
    if (!outdated(due, notices)) report.recipients.push_back(report_of(due.notice));
  }
  MAIL_CO_TRY(report.original_header, co_await read_part(store, original, 0, original.header_size));
  if (const auto scan = message::scan_header_block(report.original_header)) {
    report.subject = scan->summary.subject;
    report.from = scan->summary.from;
  }
  if (dsn::wants_body(report)) {
    MAIL_CO_TRY(report.original_body,
                co_await read_part(store, original, original.header_size, original.size));
  }
  co_return dsn::compose(report);
}

Draft draft_of(const Telling& telling, dsn::Notice notice, MessageId id, MessageId about,
               std::span<const DueNotice> tells, const DraftPlacer& placer) {
  Draft draft;
  draft.id = id;
  draft.received_at = telling.now;
  draft.options = std::move(notice.options);
  draft.content = std::move(notice.content);
  draft.size = draft.content.size();
  draft.header_size = static_cast<std::uint32_t>(message::header_block_size(draft.content));
  if (const auto scan = message::scan_header_block(draft.content)) {
    draft.from = scan->summary.from;
    draft.subject = scan->summary.subject;
  }
  // RFC 3461 §6.1: nobody is to be told what becomes of it.
  const Recipient recipient(telling.to, Notify{.said = true}, "");
  draft.events.push_back({.message = id,
                          .kind = record::EventKind::received,
                          .at = telling.now,
                          .recipient = "",
                          .recipients = {},
                          .facts = {{std::string(telling.fact), about.to_string()}}});
  for (const DueNotice& due : tells) draft.tells.push_back(due.key);

  if (auto refused = placer.address(draft, recipient)) {
    draft.recipients = {recipient};
    draft.events.front().recipients = {telling.to};
    draft.deliveries.push_back({Bounced{refused->why}, {recipient}, "", ""});
    record::Notice failed;
    failed.message = id;
    failed.at = telling.now;
    failed.recipient = refused->recipient;
    failed.status = refused->enhanced;
    failed.diagnostic = refused->why;
    draft.notices.push_back(std::move(failed));
  }
  return draft;
}

}  // namespace mail::report
