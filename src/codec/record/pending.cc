#include "codec/record/pending.h"

#include "codec/record/options.h"
#include "codec/record/record.h"

namespace mail::record {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kLeastRecipient = 5;  // octets

// Version 1 had neither attempts nor anything beside the address of a recipient.
void read_first_version(Reader& reader, PendingDelivery& delivery) {
  delivery.reverse_path = reader.text();
  delivery.added_fields = reader.text();
  for (std::string& address : reader.texts()) {
    delivery.recipients.push_back({.recipient = std::move(address), .reason = ""});
  }
}

}  // namespace

void append_pending(std::string& out, const PendingDelivery& delivery) {
  Writer writer(out, Type::pending, kVersion);
  writer.id(delivery.message);
  writer.time(delivery.since);
  writer.text(delivery.reason);
  writer.varint(delivery.attempts);
  writer.text(delivery.reverse_path);
  writer.text(delivery.added_fields);
  writer.varint(delivery.recipients.size());
  for (const PendingRecipient& waiting : delivery.recipients) {
    write_recipient(writer, waiting.recipient);
    writer.text(waiting.reason);
    writer.u8(waiting.delay_told ? 1 : 0);
  }
  writer.finish();
}

Result<PendingDelivery> parse_pending(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::pending, kVersion));
  PendingDelivery delivery;
  delivery.message = reader.id();
  delivery.since = reader.time();
  delivery.reason = reader.text();
  if (reader.version() == 1) {
    read_first_version(reader, delivery);
  } else {
    delivery.attempts = read_u32_varint(reader);
    delivery.reverse_path = reader.text();
    delivery.added_fields = reader.text();
    const std::size_t recipients = reader.count(kLeastRecipient);
    delivery.recipients.reserve(recipients);
    for (std::size_t i = 0; i < recipients; ++i) {
      PendingRecipient& waiting = delivery.recipients.emplace_back();
      waiting.recipient = read_recipient(reader);
      waiting.reason = reader.text();
      waiting.delay_told = read_flag(reader);
    }
  }
  MAIL_TRY(reader.finish());
  return delivery;
}

}  // namespace mail::record
