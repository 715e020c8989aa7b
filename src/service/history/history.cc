#include "service/history/history.h"

#include <utility>

#include "base/text.h"
#include "service/store/content.h"

namespace mail {
namespace {

constexpr std::size_t kPage = 1000;

std::unexpected<Error> no_message(MessageId id) {
  return fail(Errc::not_found, concat("no message ", id.to_string(),
                                      " here: check the id in the "
                                      "reply or the log, 16 characters"));
}

// One message's share of the sums.
Counters count(const std::vector<record::Event>& events) {
  Counters counters;
  counters.messages = 1;
  for (const RecipientState& recipient : recipient_states(events)) {
    ++counters.accepted;
    ++counter_of(counters, recipient.state);
  }
  return counters;
}

}  // namespace

Task<Result<Timeline>> History::timeline(MessageId id) {
  Timeline timeline;
  timeline.id = id;
  MAIL_CO_TRY(timeline.events, co_await store_.events_of(id));
  Result<record::Envelope> envelope = co_await store_.envelope(id);
  if (envelope) {
    timeline.envelope = std::move(*envelope);
  } else if (envelope.error().code != Errc::not_found) {
    co_return std::unexpected(std::move(envelope).error());
  }
  if (timeline.events.empty() && !timeline.envelope) co_return no_message(id);
  timeline.recipients = recipient_states(timeline.events);
  co_return timeline;
}

Task<Result<std::string>> History::raw(MessageId id) {
  const Result<record::Envelope> envelope = co_await store_.envelope(id);
  if (!envelope && envelope.error().code != Errc::not_found) {
    co_return std::unexpected(envelope.error());
  }
  if (!envelope || std::holds_alternative<record::NoBody>(envelope->body)) {
    MAIL_CO_TRY(const std::vector<record::Event> events, co_await store_.events_of(id));
    if (events.empty()) co_return no_message(id);
    co_return fail(Errc::not_found, concat("the content of ", id.to_string(),
                                           " is no longer kept: "
                                           "no mailbox and no queue holds it; its timeline is: "
                                           "'mailwright message show ",
                                           id.to_string(), "'"));
  }
  if (envelope->size > max_message_.value) {
    co_return fail(Errc::too_large, concat("message ", id.to_string(), " has ", envelope->size,
                                           " octets, at most ", max_message_.value, " are shown"));
  }
  std::string content;
  content.reserve(envelope->size);
  MAIL_CO_TRY(co_await append_content(store_, *envelope, content));
  co_return content;
}

Totals totals(const Counters& counters) {
  Totals totals{.messages = counters.messages,
                .accepted = counters.accepted,
                .parts = {{{"delivered", counters.delivered},
                           {"bounced", counters.bounced},
                           {"expired", counters.expired},
                           {"discarded", counters.discarded},
                           {"quarantined", counters.quarantined},
                           {"held", counters.held},
                           {"queued", counters.queued}}},
                .balanced = false};
  std::int64_t sum = 0;
  for (const Totals::Part& part : totals.parts) sum += part.count;
  totals.balanced = sum == totals.accepted;
  return totals;
}

Task<Result<Counters>> recount(MailStore& store) {
  Counters sums;
  for (EventSeq cursor{0};;) {
    MAIL_CO_TRY(const std::vector<SequencedEvent> page, co_await store.events_after(cursor, kPage));
    if (page.empty()) co_return sums;
    cursor = page.back().seq;
    for (const SequencedEvent& row : page) {
      if (row.event.kind != record::EventKind::received) continue;
      MAIL_CO_TRY(const std::vector<record::Event> events,
                  co_await store.events_of(row.event.message));
      sums = sums + count(events);
    }
  }
}

}  // namespace mail
