#include "service/queue/settlement.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "service/queue/backoff.h"

namespace mail::queue {
namespace {

using Kind = RecipientOutcome::Kind;
using smtp::Verdict;

// "192.0.2.1" of "192.0.2.1:25", "2001:db8::1" of "[2001:db8::1]:25"; a path as it is.
std::string_view without_port(std::string_view address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || address.find(':') != colon) return address;
  return address.substr(0, colon);
}

void add_fact(std::vector<record::Fact>& facts, std::string_view name, std::string_view value) {
  if (!value.empty()) facts.push_back({std::string(name), std::string(value)});
}

std::vector<record::Fact> facts_of(const Verdict& verdict, const Tried& tried) {
  std::vector<record::Fact> facts;
  facts.reserve(12);
  const ConnectionFacts& connection = tried.connection;
  add_fact(facts, "host", connection.host);
  add_fact(facts, "address", connection.address);
  add_fact(facts, "source", connection.source);
  add_fact(facts, "tls", connection.tls);
  add_fact(facts, "cipher", connection.cipher);
  if (connection.verified) add_fact(facts, "verified", "yes");
  if (connection.reused) add_fact(facts, "reused", "yes");
  const auto add_time = [&](std::string_view name, Milliseconds took) {
    if (took.count() > 0) add_fact(facts, name, concat(took.count()));
  };
  add_time("connect_ms", connection.connect);
  add_time("tls_ms", connection.handshake);
  add_time("took_ms", tried.took);
  add_fact(facts, "status", verdict.enhanced);
  if (verdict.kind != Verdict::Kind::accepted) add_fact(facts, "stage", to_string(verdict.stage));
  add_fact(facts, "reply", verdict.text);
  if (tried.maybe_delivered) add_fact(facts, "maybe_delivered", "yes");
  return facts;
}

record::Notice notice_of(const Loaded& load, const record::PendingRecipient& recipient,
                         record::NoticeKind kind, WallTime at) {
  record::Notice notice;
  notice.message = load.row.key.message;
  notice.kind = kind;
  notice.at = at;
  notice.reverse_path = load.row.delivery.reverse_path;
  notice.recipient = recipient.recipient.address;
  notice.original = recipient.recipient.original;
  return notice;
}

void add_words(record::Notice& notice, const Verdict& verdict, const Tried& tried) {
  notice.status = verdict.enhanced;
  notice.remote_host = tried.connection.host;
  notice.remote_address = std::string(without_port(tried.connection.address));
  notice.diagnostic = verdict.text;
  notice.by_remote = verdict.cause == Verdict::Cause::reply && verdict.code != 0;
}

Outcome moved(const Loaded& load, Target target, WallTime now) {
  Outcome outcome{.place = load.row.key,
                  .at = now,
                  .attempts = load.row.delivery.attempts,
                  .recipients = {},
                  .rest = {},
                  .from = {},
                  .subject = {}};
  Delivery rest{.target = std::move(target),
                .recipients = {},
                .reverse_path = load.row.delivery.reverse_path,
                .added_fields = load.row.delivery.added_fields};
  for (const auto& pending : load.row.delivery.recipients) {
    rest.recipients.push_back(pending.recipient);
  }
  outcome.rest.push_back(std::move(rest));
  return outcome;
}

}  // namespace

bool Settlement::overdue(const Loaded& load, WallTime began) const {
  // The attempt itself was made after the age reached the limit, so this one was the last
  // (security.md 14).
  return !expiry_paused_ && began >= load.row.delivery.since + settings_.retry_for;
}

bool Settlement::late(const Loaded& load, WallTime now) const {
  // RFC 2852 §4.1.4.2: by-mode "N" and its time has come: the sender is told, the mail goes on.
  const auto& by = load.options.deliver_by;
  if (by.has_value() && now >= by->until) return true;
  return now >= load.row.delivery.since + settings_.delay_notice_after;
}

bool Settlement::trouble_matters(const Loaded& load, const SiteTrouble& trouble, WallTime began,
                                 WallTime now) {
  if (overdue(load, began)) return true;
  if (!late(load, now)) return false;
  const Tried tried{.began = began, .connection = trouble.connection};
  return std::ranges::any_of(load.row.delivery.recipients, [&](const auto& pending) {
    return judge(load, pending, trouble.verdict, tried, now).notice.has_value();
  });
}

bool Settlement::past_deadline(const Loaded& load, WallTime now) {
  const auto& by = load.options.deliver_by;
  return by.has_value() && by->mode == DeliverBy::Mode::return_ && now >= by->until;
}

RecipientOutcome Settlement::judge(const Loaded& load, const record::PendingRecipient& recipient,
                                   const Verdict& verdict, const Tried& tried, WallTime now) {
  RecipientOutcome told{.recipient = recipient.recipient.address,
                        .kind = Kind::delivered,
                        .facts = facts_of(verdict, tried),
                        .reason = {},
                        .notice = {}};
  std::optional<record::NoticeKind> kind;
  switch (verdict.kind) {
    case Verdict::Kind::accepted:
      // RFC 3461 §5.2.3: a hop that knows no DSN will not say "delivered"; we say "relayed".
      if (tried.lmtp) {
        kind = record::NoticeKind::delivered;
      } else if (!tried.connection.dsn) {
        kind = record::NoticeKind::relayed;
      }
      if (!recipient.recipient.notify.success) kind.reset();
      break;
    case Verdict::Kind::rejected:
      told.kind = Kind::bounced;
      kind = record::NoticeKind::failed;
      break;
    case Verdict::Kind::deferred:
      told.kind = overdue(load, tried.began) ? Kind::expired : Kind::deferred;
      told.reason = verdict.text;
      if (told.kind == Kind::expired) {
        kind = record::NoticeKind::failed;
      } else if (late(load, now) && !recipient.delay_told) {
        kind = record::NoticeKind::delayed;
      }
      break;
  }
  if (kind.has_value()) {
    record::Notice notice = notice_of(load, recipient, *kind, tried.began);
    add_words(notice, verdict, tried);
    if (told.kind == Kind::expired) notice.status = "4.4.7";  // RFC 3463 §3.5: delivery expired
    if (*kind == record::NoticeKind::delayed) {
      const auto& by = load.options.deliver_by;
      if (by.has_value() && now >= by->until) notice.status = "4.4.7";  // RFC 2852 §4.1.3
      notice.will_retry_until = load.row.delivery.since + settings_.retry_for;
    }
    told.notice = notices_.decide(std::move(notice), recipient.recipient, load.options);
  }
  return told;
}

RecipientOutcome Settlement::end(const Loaded& load, const record::PendingRecipient& recipient,
                                 Kind kind, std::string_view enhanced, std::string_view why,
                                 WallTime now) {
  RecipientOutcome told{.recipient = recipient.recipient.address,
                        .kind = kind,
                        .facts = {},
                        .reason = std::string(why),
                        .notice = {}};
  add_fact(told.facts, "status", enhanced);
  add_fact(told.facts, "reason", why);
  if (kind != Kind::bounced && kind != Kind::expired) return told;
  record::Notice notice = notice_of(load, recipient, record::NoticeKind::failed, now);
  notice.status = std::string(enhanced);
  notice.diagnostic = std::string(why);
  told.notice = notices_.decide(std::move(notice), recipient.recipient, load.options);
  return told;
}

// The deferred among `recipients` wait on, in a delivery of their own: nobody waits for them.
Outcome Settlement::with_rest(const Loaded& load, std::vector<RecipientOutcome> recipients,
                              std::uint32_t attempts, WallTime now) {
  const auto& waited = load.row.delivery.recipients;
  std::vector<Recipient> left;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (recipients[i].kind == Kind::deferred) left.push_back(waited[i].recipient);
  }
  Outcome outcome{.place = load.row.key,
                  .at = now,
                  .attempts = attempts,
                  .recipients = std::move(recipients),
                  .rest = {},
                  .from = {},
                  .subject = {}};
  if (left.empty()) return outcome;
  WallTime due =
      now + backoff(std::max(attempts, 1U), settings_.retry_min, settings_.retry_max, dice_());
  // Its own deadline is a time to act, too: to return it, or to tell that it is late.
  if (load.options.deliver_by.has_value() && load.options.deliver_by->until > now) {
    due = std::min(due, load.options.deliver_by->until);
  }
  outcome.rest.push_back({.target = ToRoute{.queue = load.row.key.queue, .due = due},
                          .recipients = std::move(left),
                          .reverse_path = load.row.delivery.reverse_path,
                          .added_fields = load.row.delivery.added_fields});
  return outcome;
}

Outcome Settlement::of_attempt(const Loaded& load, const Attempt& attempt, bool lmtp,
                               WallTime now) {
  const auto& waited = load.row.delivery.recipients;
  MAIL_ASSERT(attempt.recipients.size() == waited.size());
  const Tried tried{.began = attempt.began,
                    .took = attempt.took,
                    .connection = attempt.connection,
                    .maybe_delivered = attempt.maybe_delivered,
                    .lmtp = lmtp};
  std::vector<RecipientOutcome> recipients;
  recipients.reserve(waited.size());
  for (std::size_t i = 0; i < waited.size(); ++i) {
    recipients.push_back(judge(load, waited[i], attempt.recipients[i], tried, now));
  }
  return with_rest(load, std::move(recipients), load.row.delivery.attempts + 1, now);
}

Outcome Settlement::of_trouble(const Loaded& load, const SiteTrouble& trouble, WallTime began,
                               WallTime now) {
  Verdict verdict = trouble.verdict;
  // RFC 8689 §4.2.1: that the hop has no TLS as REQUIRETLS asks for ends those messages only.
  if (verdict.kind == Verdict::Kind::rejected && verdict.cause == Verdict::Cause::tls &&
      !load.options.require_tls) {
    verdict.kind = Verdict::Kind::deferred;
  }
  const Tried tried{.began = began, .connection = trouble.connection};
  std::vector<RecipientOutcome> recipients;
  for (const auto& pending : load.row.delivery.recipients) {
    recipients.push_back(judge(load, pending, verdict, tried, now));
  }
  return with_rest(load, std::move(recipients), load.row.delivery.attempts + 1, now);
}

Outcome Settlement::of_deadline(const Loaded& load, WallTime now) {
  std::vector<RecipientOutcome> recipients;
  for (const auto& pending : load.row.delivery.recipients) {
    recipients.push_back(end(load, pending, Kind::expired, "5.4.7",  // RFC 2852 §4.1.3
                             "the time its sender gave for delivery has passed", now));
  }
  return with_rest(load, std::move(recipients), load.row.delivery.attempts, now);
}

Outcome Settlement::of_bounce(const Loaded& load, Place place, std::string_view enhanced,
                              std::string_view why, WallTime now) {
  std::vector<RecipientOutcome> recipients;
  for (const auto& pending : load.row.delivery.recipients) {
    recipients.push_back(end(load, pending, Kind::bounced, enhanced, why, now));
  }
  Outcome outcome = with_rest(load, std::move(recipients), load.row.delivery.attempts, now);
  outcome.place = std::move(place);
  return outcome;
}

Outcome Settlement::of_hold(const Loaded& load, std::string reason, WallTime now) {
  return moved(load, Held{std::move(reason)}, now);
}

// RFC 3461 §5.2: final delivery is told where NOTIFY=SUCCESS asked for it.
std::vector<record::Notice> Settlement::notices_of_mailboxes(const Loaded& load,
                                                             const Placement& placement,
                                                             WallTime now) {
  std::vector<record::Notice> notices;
  for (const Delivery& delivery : placement.deliveries) {
    if (!std::holds_alternative<ToMailbox>(delivery.target)) continue;
    for (const auto& pending : load.row.delivery.recipients) {
      const Recipient& recipient = pending.recipient;
      if (recipient.address != delivery.recipients.front().address) continue;
      record::Notice notice = notice_of(load, pending, record::NoticeKind::delivered, now);
      notice.status = "2.0.0";
      notice.diagnostic = "delivered to the mailbox";
      auto told = notices_.decide(std::move(notice), recipient, load.options);
      if (told) notices.push_back(std::move(*told));
      break;
    }
  }
  return notices;
}

// RFC 3461 §5.2.7: an alias is told of as expanded, a list as the end of the way; where it was
// asked.
void Settlement::add_notices_of_expanded(const Loaded& load, const Placement& placement,
                                         WallTime now, std::vector<record::Notice>& notices) {
  for (const Expanded& expanded : placement.expanded) {
    for (const auto& pending : load.row.delivery.recipients) {
      if (pending.recipient.address != expanded.recipient || !pending.recipient.notify.success) {
        continue;
      }
      record::Notice notice = notice_of(load, pending, record::NoticeKind::expanded, now);
      notice.status = "2.0.0";
      notice.diagnostic = "sent on to the members of the alias";
      auto told = notices_.decide(std::move(notice), pending.recipient, load.options);
      if (told) notices.push_back(std::move(*told));
      break;
    }
  }
}

Outcome Settlement::of_placement(const Loaded& load, Place place, Placement placement,
                                 WallTime now) {
  std::vector<record::PendingRecipient> known = load.row.delivery.recipients;
  for (const Expanded& expanded : placement.expanded) {
    for (const Recipient& member : expanded.members) known.push_back({member, "", false});
  }
  std::vector<RecipientOutcome> recipients;
  for (const Placement::Refusal& refusal : placement.refused) {
    const auto refused = std::ranges::find(
        known, refusal.recipient,
        [](const record::PendingRecipient& each) { return each.recipient.address; });
    if (refused == known.end()) continue;
    recipients.push_back(end(load, *refused, Kind::bounced, refusal.enhanced, refusal.why, now));
  }
  std::vector<record::Notice> notices = notices_of_mailboxes(load, placement, now);
  add_notices_of_expanded(load, placement, now, notices);
  return {.place = std::move(place),
          .at = now,
          .attempts = load.row.delivery.attempts,
          .recipients = std::move(recipients),
          .rest = std::move(placement.deliveries),
          .from = {},
          .subject = {},
          .notices = std::move(notices),
          .expanded = std::move(placement.expanded)};
}

Outcome Settlement::of_move(const Loaded& load, QueueName queue, WallTime due, WallTime now) {
  return moved(load, ToRoute{.queue = std::move(queue), .due = due}, now);
}

Outcome Settlement::of_discard(const Loaded& load, WallTime now) {
  std::vector<RecipientOutcome> recipients;
  for (const auto& pending : load.row.delivery.recipients) {
    recipients.push_back({.recipient = pending.recipient.address,
                          .kind = Kind::discarded,
                          .facts = {{"reason", "its route is discard"}},
                          .reason = {},
                          .notice = {}});
  }
  return {.place = load.row.key,
          .at = now,
          .attempts = load.row.delivery.attempts,
          .recipients = std::move(recipients),
          .rest = {},
          .from = {},
          .subject = {}};
}

}  // namespace mail::queue
