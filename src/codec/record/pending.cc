#include "codec/record/pending.h"

#include "codec/record/record.h"

namespace mail::record {
namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

void append_pending(std::string& out, const PendingDelivery& delivery) {
  Writer writer(out, Type::pending, kVersion);
  writer.id(delivery.message);
  writer.time(delivery.since);
  writer.text(delivery.reason);
  writer.text(delivery.reverse_path);
  writer.text(delivery.added_fields);
  writer.texts(delivery.recipients);
  writer.finish();
}

Result<PendingDelivery> parse_pending(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::pending, kVersion));
  PendingDelivery delivery;
  delivery.message = reader.id();
  delivery.since = reader.time();
  delivery.reason = reader.text();
  delivery.reverse_path = reader.text();
  delivery.added_fields = reader.text();
  delivery.recipients = reader.texts();
  MAIL_TRY(reader.finish());
  return delivery;
}

}  // namespace mail::record
