#include "service/feedback/aggregate_sender.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/dmarc_record.h"
#include "codec/message/header_block.h"
#include "service/feedback/report_mail.h"
#include "service/mx/gather.h"

namespace mail::feedback {
namespace {

constexpr std::chrono::seconds kFlushEvery{60};
constexpr std::chrono::minutes kSendEvery{10};
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::hours kAskAgain{1};  // a DNS that does not answer

// The one DMARC record among the answers, if there is one (dmarcbis §4.10.1).
std::optional<dmarc::Record> record_in(const dns::Answer& answer) {
  std::optional<dmarc::Record> found;
  for (const std::string& rdata : answer.records) {
    const auto text = dns::parse_txt(rdata);
    if (!text || !dmarc::is_record(*text)) continue;
    if (found) return {};
    const auto record = dmarc::parse_record(*text);
    if (record) found = *record;
  }
  return found;
}

std::size_t text_size(const ReportRow& row) {
  constexpr std::size_t kTags = 600;  // of a row; a third of it for each result below
  std::size_t size = kTags + row.header_from.size() + row.envelope_from.size();
  for (const auto* results : {&row.dkim_results, &row.spf_results}) {
    for (const AuthResult& each : *results) {
      size += kTags / 3 + each.domain.size() + each.selector.size();
    }
  }
  for (const PolicyOverride& reason : row.reasons) size += kTags / 3 + reason.comment.size();
  return size;
}

// The rows of most messages come first.
void bound(AggregateReport& report) {
  std::size_t size = 0;
  const auto first_left_out = std::ranges::find_if(
      report.rows, [&](const ReportRow& row) { return (size += text_size(row)) > kMaxReportText; });
  const auto left_out = report.rows.end() - first_left_out;
  if (left_out == 0) return;
  report.errors.push_back(concat("rows left out: ", left_out));
  report.rows.erase(first_left_out, report.rows.end());
}

Draft draft_of(std::string content, MessageId id, WallTime now,
               const std::vector<std::string>& readers, const DraftPlacer& placer) {
  Draft draft;
  draft.id = id;
  draft.received_at = now;
  draft.content = std::move(content);
  draft.size = draft.content.size();
  draft.header_size = static_cast<std::uint32_t>(message::header_block_size(draft.content));
  if (const auto scan = message::scan_header_block(draft.content)) {
    draft.from = scan->summary.from;
    draft.subject = scan->summary.subject;
  }
  draft.events.push_back({.message = id,
                          .kind = record::EventKind::received,
                          .at = now,
                          .recipient = "",
                          .recipients = {},
                          .facts = {{"report", "dmarc"}}});
  for (const std::string& reader : readers) {
    // Whoever publishes an address that takes nothing need not be told, nor need we.
    const Recipient recipient(reader, Notify{.said = true}, "");
    if (auto refused = placer.address(draft, recipient)) {
      log::info("feedback.no_reader", {{"address", reader}, {"why", refused->why}});
    }
  }
  return draft;
}

}  // namespace

AggregateSender::AggregateSender(AggregateTools tools, AggregateSettings settings)
    : tools_(tools),
      settings_(std::move(settings)),
      next_flush_(tools.clock.mono_now() + kFlushEvery),
      next_send_(next_flush_) {
  if (settings_.from.empty()) settings_.from = concat("postmaster@", settings_.hostname);
}

Task<void> AggregateSender::tick(EnqueuedSink& outgoing) {
  const MonoTime now = tools_.clock.mono_now();
  if (now >= next_flush_) {
    next_flush_ = now + kFlushEvery;
    co_await flush();
  }
  if (now < next_send_ || !settings_.enabled) co_return;
  next_send_ = now + kSendEvery;
  co_await send_due(std::chrono::floor<std::chrono::days>(tools_.clock.wall_now()), outgoing);
}

Task<void> AggregateSender::flush() {
  const std::vector<Observation> seen = tools_.observations.take();
  if (seen.empty()) co_return;
  const auto kept = co_await on(tools_.pool, [&] { return tools_.reports.observe(seen); });
  if (!kept) log::warning("feedback.not_kept", {{"error", describe(kept.error())}});
}

// On the pool, while send_due() waits.
Result<std::vector<AggregateSender::Pending>> AggregateSender::pending(Day today) {
  const MonoTime now = tools_.clock.mono_now();
  std::erase_if(not_before_, [now](const auto& row) { return row.second <= now; });
  MAIL_TRY(tools_.reports.forget_before(today - kKeepObserved));
  MAIL_TRY(std::vector<ReportStore::Due> all,
           tools_.reports.due(today, kMaxReportsAtOnce + not_before_.size()));
  std::vector<Pending> out;
  for (ReportStore::Due& due : all) {
    if (not_before_.contains({due.day, due.domain})) continue;
    if (out.size() < kMaxReportsAtOnce) out.push_back({std::move(due)});
  }
  return out;
}

Task<void> AggregateSender::find_readers(Pending& report) {
  report.readers = co_await readers(report.due.domain);
}

Task<void> AggregateSender::send_due(Day today, EnqueuedSink& outgoing) {
  auto reports = co_await on(tools_.pool, [&] { return pending(today); });
  if (!reports) {
    log::warning("feedback.not_read", {{"error", describe(reports.error())}});
    co_return;
  }
  {
    mx::Gather questions;
    for (Pending& each : *reports) questions.start(find_readers(each));
    co_await questions.all();
  }
  for (Pending& each : *reports) {
    Done done = Done::later;
    if (each.readers) done = co_await tell(each.due, *std::move(each.readers), outgoing);
    if (done == Done::later) {
      not_before_[{each.due.day, each.due.domain}] = tools_.clock.mono_now() + kAskAgain;
      continue;
    }
    const auto gone = co_await on(tools_.pool, [&] { return tools_.reports.forget(each.due); });
    if (!gone) log::warning("feedback.not_kept", {{"error", describe(gone.error())}});
  }
}

Task<AggregateSender::Done> AggregateSender::tell(ReportStore::Due due, std::vector<std::string> to,
                                                  EnqueuedSink& outgoing) {
  if (to.empty()) co_return Done::nobody_asks;
  auto rows = co_await on(tools_.pool, [&] { return tools_.reports.rows(due); });
  if (!rows) co_return Done::later;
  const std::int64_t begin =
      std::chrono::duration_cast<std::chrono::seconds>(due.day.time_since_epoch()).count();
  AggregateReport report;
  report.version = "1.0";
  report.org_name = settings_.hostname;
  report.email = settings_.from;
  report.report_id = concat(due.domain, '.', begin);
  report.begin = begin;
  report.end = begin + 86'399;
  report.generator = "Mailwright";
  report.policy = std::move(rows->first);
  report.rows = std::move(rows->second);
  bound(report);
  const MessageId id = tools_.store.next_id();
  const WallTime now = tools_.clock.wall_now();
  const ReportMail mail{.hostname = settings_.hostname,
                        .from = settings_.from,
                        .to = to,
                        .message_id = concat(id.to_string(), '@', settings_.hostname),
                        .now = now};
  const auto content = co_await on(
      tools_.pool, [&]() -> Result<std::string> { return compose_report_mail(report, mail); });
  if (!content) co_return Done::later;
  Draft draft = draft_of(*content, id, now, to, tools_.placer);
  if (draft.deliveries.empty()) co_return Done::nobody_asks;
  if (tools_.signer != nullptr) tools_.signer->sign(draft);
  const Result<void> kept = co_await tools_.store.commit(std::span(&draft, 1));
  if (!kept) co_return Done::later;
  if (std::optional<Enqueued> enqueued = enqueued_by(draft)) {
    outgoing.enqueued(std::move(*enqueued));
  }
  log::info("feedback.sent", {{"id", id.to_string()},
                              {"domain", due.domain},
                              {"rows", report.rows.size()},
                              {"readers", to.size()}});
  co_return Done::told;
}

// Nothing: the DNS does not say now.
Task<std::optional<std::vector<std::string>>> AggregateSender::readers(std::string domain) {
  const MonoTime deadline = tools_.clock.mono_now() + kPatience;
  const dns::Answer policy =
      co_await tools_.resolver.ask(concat("_dmarc.", domain), dns::Type::txt, deadline);
  if (policy.kind == dns::Answer::Kind::failed) co_return std::nullopt;
  const std::optional<dmarc::Record> record = record_in(policy);
  std::vector<std::string> out;
  if (!record) co_return out;
  const std::string home = organizational_domain(domain);
  for (const Mailbox& reader : report_addresses(record->aggregate_uris, kMaxAddresses)) {
    const auto name = consent_name(domain, home, reader.domain.text());
    if (name) {
      const dns::Answer consent = co_await tools_.resolver.ask(*name, dns::Type::txt, deadline);
      if (consent.kind == dns::Answer::Kind::failed) co_return std::nullopt;
      if (!record_in(consent)) continue;  // RFC 7489 §7.1: it did not ask for this
    }
    out.push_back(reader.to_string());
  }
  co_return out;
}

// The name below the public suffix; the domain itself where nothing is known of suffixes.
std::string AggregateSender::organizational_domain(std::string_view domain) const {
  if (tools_.is_public_suffix == nullptr) return std::string(domain);
  std::string_view name = domain;
  for (;;) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return std::string(domain);
    const std::string_view parent = name.substr(dot + 1);
    if (tools_.is_public_suffix(parent)) return std::string(name);
    name = parent;
  }
}

}  // namespace mail::feedback
