// message show|trace|raw|events: one message and what became of it, and the events of all.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "codec/message/trace.h"
#include "daemon/ctl/admin.h"
#include "daemon/ctl/text_table.h"
#include "service/history/history.h"

namespace mail::ctl {
namespace {

constexpr std::size_t kPage = 1000;

// What is not found here is a message, not a user.
Refusal missing(const Error& error) {
  Refusal refusal(error);
  if (error.code == Errc::not_found) refusal.exit = Exit::no_input;
  return refusal;
}

Task<std::expected<Timeline, Refusal>> find_timeline(Admin& admin, const Request& request) {
  MAIL_CO_TRY(const MessageId id, parse_message_id(request.text("ID")));
  History history(admin.store);
  Result<Timeline> timeline = co_await history.timeline(id);
  if (!timeline) co_return std::unexpected(missing(timeline.error()));
  co_return std::move(*timeline);
}

std::string_view word(std::optional<record::EventKind> state) {
  return state ? record::to_string(*state) : "queued";
}

json::Array to_json(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

json::Object to_json(const record::Event& event) {
  json::Object facts;
  for (const record::Fact& fact : event.facts) facts.push_back({fact.name, fact.value});
  return {{"message", event.message.to_string()},    {"kind", record::to_string(event.kind)},
          {"at", message::iso_date(event.at)},       {"recipient", event.recipient},
          {"recipients", to_json(event.recipients)}, {"facts", std::move(facts)}};
}

std::vector<std::string> addresses(const std::vector<Recipient>& recipients) {
  std::vector<std::string> out;
  for (const Recipient& recipient : recipients) out.push_back(recipient.address);
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) append(out, out.empty() ? "" : ", ", text);
  return out;
}

// "for jerry@yahoo.test", "jerry@yahoo.test", "staff@yahoo.test -> jerry@yahoo.test, ..."
std::string whom(const record::Event& event) {
  if (event.kind == record::EventKind::received) return concat("for ", joined(event.recipients));
  if (event.recipients.empty()) return event.recipient;
  return concat(event.recipient, " -> ", joined(event.recipients));
}

std::string to_text(const Timeline& message) {
  std::string out = concat("Message ", message.id.to_string());
  if (message.envelope) {
    const std::string& from = message.envelope->reverse_path;
    append(out, "  from ", from.empty() ? std::string("<>") : printable(from), "  ",
           human_size(message.envelope->size));
  }
  out += "\n\n";
  WallTime first = message.events.empty() ? WallTime{} : message.events.front().at;
  for (const record::Event& event : message.events) {
    std::string kind(record::to_string(event.kind));
    kind.resize(std::max<std::size_t>(kind.size(), 11), ' ');
    const auto later = (event.at - first).count();
    append(out, human_time(event.at), "  ", kind, "  ", printable(whom(event)));
    if (later > 0) append(out, "  (+", later, " ms)");
    out += '\n';
    for (const record::Fact& fact : event.facts) {
      append(out, "                       ", printable(fact.name), ": ", printable(fact.value),
             '\n');
    }
  }
  return out;
}

// Why a recipient still waits; nothing: it does not.
const QueueRow* row_of(const std::vector<QueueRow>& waiting, const std::string& recipient) {
  for (const QueueRow& row : waiting) {
    if (std::ranges::find(row.recipients, recipient) != row.recipients.end()) return &row;
  }
  return nullptr;
}

std::string when(const QueueRow* row) {
  if (row == nullptr) return "-";
  if (row->state == QueueRow::State::sending) return "now";
  return row->next_try ? human_time(*row->next_try) : "-";
}

json::Value summary(const Timeline& message, const std::vector<QueueRow>& waiting) {
  json::Array recipients;
  for (const RecipientState& row : message.recipients) {
    json::Object recipient{{"address", row.recipient}, {"state", word(row.state)}};
    if (const QueueRow* waits = row_of(waiting, row.recipient)) {
      recipient.push_back({"next_try", waits->next_try
                                           ? json::Value(message::iso_date(*waits->next_try))
                                           : json::Value()});
      recipient.push_back({"reason", waits->reason});
    }
    recipients.push_back(std::move(recipient));
  }
  json::Object object{{"id", message.id.to_string()}};
  if (message.envelope) {
    object.push_back({"received", message::iso_date(message.envelope->received_at)});
    object.push_back({"from", message.envelope->reverse_path});
    object.push_back({"to", to_json(addresses(message.envelope->recipients))});
    object.push_back({"size", message.envelope->size});
  }
  object.push_back({"recipients", std::move(recipients)});
  return object;
}

}  // namespace

Task<Answer> message_show(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Timeline message, co_await find_timeline(admin, request));
  QueueFilter filter;
  filter.ids.push_back(message.id);
  MAIL_CO_TRY(const std::vector<QueueRow> waiting, co_await admin.queue->list(std::move(filter)));
  if (request.json) co_return co_await print_json(output, summary(message, waiting));
  std::string out = concat("Message   ", message.id.to_string(), '\n');
  if (message.envelope) {
    const record::Envelope& envelope = *message.envelope;
    append(out, "Received  ", human_time(envelope.received_at), "\nFrom      ",
           envelope.reverse_path.empty() ? std::string("<>") : printable(envelope.reverse_path),
           "\nTo        ", printable(joined(addresses(envelope.recipients))), "\nSize      ",
           human_size(envelope.size), '\n');
  }
  TextTable table({"RECIPIENT", "STATE", "NEXT TRY", "REASON"});
  for (const RecipientState& row : message.recipients) {
    const QueueRow* waits = row_of(waiting, row.recipient);
    table.add({row.recipient, std::string(word(row.state)), when(waits),
               waits == nullptr || waits->reason.empty() ? "-" : waits->reason});
  }
  co_return co_await print(output, concat(out, '\n', table.to_string()));
}

Task<Answer> message_trace(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const Timeline message, co_await find_timeline(admin, request));
  if (!request.json) co_return co_await print(output, to_text(message));
  JsonRows rows(output);
  for (const record::Event& event : message.events) {
    MAIL_CO_TRY(co_await rows.add(to_json(event)));
  }
  co_return co_await rows.finish();
}

Task<Answer> message_raw(Admin& admin, const Request& request, Output& output) {
  MAIL_CO_TRY(const MessageId id, parse_message_id(request.text("ID")));
  History history(admin.store);
  Result<std::string> bytes = co_await history.raw(id);
  if (!bytes) co_return std::unexpected(missing(bytes.error()));
  // An operator who reads somebody's mail leaves a trace (security.md 60).
  log::info("message.read_by_operator", {{"id", id.to_string()}, {"by", request.asked_by}});
  co_return co_await print(output, std::move(*bytes));
}

Task<Answer> message_events(Admin& admin, const Request& request, Output& output) {
  EventSeq cursor{0};
  if (request.has("--after")) {
    const std::optional<std::uint64_t> number = parse_number(request.text("--after"));
    if (!number) {
      co_return refuse(Exit::bad_data, "--after takes a number: the `seq` of an earlier event.");
    }
    cursor.value = *number;
  }
  JsonRows rows(output);
  for (;;) {
    MAIL_CO_TRY(const std::vector<SequencedEvent> page,
                co_await admin.store.events_after(cursor, kPage));
    if (page.empty()) break;
    std::string lines;
    for (const SequencedEvent& row : page) {
      if (request.json) {
        json::Object object = to_json(row.event);
        object.insert(object.begin(), {"seq", row.seq.value});
        MAIL_CO_TRY(co_await rows.add(std::move(object)));
      } else {
        append(lines, row.seq.value, "  ", human_time(row.event.at), "  ",
               row.event.message.to_string(), "  ", record::to_string(row.event.kind), "  ",
               printable(whom(row.event)), '\n');
      }
    }
    if (!request.json) {
      MAIL_CO_TRY(co_await print(output, std::move(lines)));
    }
    cursor = page.back().seq;
  }
  if (request.json) co_return co_await rows.finish();
  co_return Answer{};
}

}  // namespace mail::ctl
