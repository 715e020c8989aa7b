#include "codec/record/event.h"

#include "codec/record/record.h"

namespace mail::record {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr auto kLastKind = EventKind::complained;
}  // namespace

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::received:
      return "received";
    case EventKind::expanded:
      return "expanded";
    case EventKind::deferred:
      return "deferred";
    case EventKind::delivered:
      return "delivered";
    case EventKind::bounced:
      return "bounced";
    case EventKind::expired:
      return "expired";
    case EventKind::discarded:
      return "discarded";
    case EventKind::quarantined:
      return "quarantined";
    case EventKind::held:
      return "held";
    case EventKind::complained:
      return "complained";
  }
  return "unknown";
}

void append_event(std::string& out, const Event& event) {
  Writer writer(out, Type::event, kVersion);
  writer.id(event.message);
  writer.u8(static_cast<std::uint8_t>(event.kind));
  writer.time(event.at);
  writer.text(event.recipient);
  writer.texts(event.recipients);
  writer.varint(event.facts.size());
  for (const Fact& fact : event.facts) {
    writer.text(fact.name);
    writer.text(fact.value);
  }
  writer.finish();
}

Result<Event> parse_event(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::event, kVersion));
  Event event;
  event.message = reader.id();
  const std::uint8_t kind = reader.u8();
  if (kind == 0 || kind > static_cast<std::uint8_t>(kLastKind)) reader.refuse();
  event.kind = static_cast<EventKind>(kind);
  event.at = reader.time();
  event.recipient = reader.text();
  event.recipients = reader.texts();
  const std::size_t facts = reader.count(2);
  for (std::size_t i = 0; i < facts; ++i) {
    std::string name(reader.text());
    event.facts.push_back({std::move(name), std::string(reader.text())});
  }
  MAIL_TRY(reader.finish());
  return event;
}

}  // namespace mail::record
