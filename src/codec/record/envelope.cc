#include "codec/record/envelope.h"

#include "codec/record/record.h"

namespace mail::record {
namespace {

constexpr std::uint8_t kVersion = 1;

// Tags of BodyRef on disk; 4 is kept for segment(file, offset, length).
constexpr std::uint8_t kNoBody = 1;
constexpr std::uint8_t kInlineBody = 2;
constexpr std::uint8_t kKvBody = 3;

struct WriteBody {
  Writer& writer;
  void operator()(const NoBody&) const { writer.u8(kNoBody); }
  void operator()(const InlineBody& body) const {
    writer.u8(kInlineBody);
    writer.text(body.bytes);
  }
  void operator()(const KvBody& body) const {
    writer.u8(kKvBody);
    writer.u8(static_cast<std::uint8_t>(body.family));
    writer.id(body.id);
    writer.u32(body.chunks);
  }
};

BodyRef read_body_ref(Reader& reader) {
  switch (reader.u8()) {
    case kNoBody:
      return NoBody{};
    case kInlineBody:
      return InlineBody{std::string(reader.text())};
    case kKvBody: {
      KvBody body;
      const std::uint8_t family = reader.u8();
      if (family != static_cast<std::uint8_t>(BodyFamily::queue) &&
          family != static_cast<std::uint8_t>(BodyFamily::mail)) {
        reader.refuse();
      }
      body.family = static_cast<BodyFamily>(family);
      body.id = reader.id();
      body.chunks = reader.u32();
      return body;
    }
    default:
      reader.refuse();
      return NoBody{};
  }
}

}  // namespace

void append_envelope(std::string& out, const Envelope& envelope) {
  Writer writer(out, Type::envelope, kVersion);
  writer.id(envelope.id);
  writer.time(envelope.received_at);
  writer.text(envelope.reverse_path);
  writer.texts(envelope.recipients);
  writer.varint(envelope.size);
  writer.varint(envelope.header_size);
  writer.varint(envelope.references);
  std::visit(WriteBody{writer}, envelope.body);
  writer.finish();
}

Result<Envelope> parse_envelope(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::envelope, kVersion));
  Envelope envelope;
  envelope.id = reader.id();
  envelope.received_at = reader.time();
  envelope.reverse_path = reader.text();
  envelope.recipients = reader.texts();
  envelope.size = reader.varint();
  const std::uint64_t header_size = reader.varint();
  const std::uint64_t references = reader.varint();
  if (header_size > UINT32_MAX || references > UINT32_MAX) reader.refuse();
  envelope.header_size = static_cast<std::uint32_t>(header_size);
  envelope.references = static_cast<std::uint32_t>(references);
  envelope.body = read_body_ref(reader);
  MAIL_TRY(reader.finish());
  return envelope;
}

}  // namespace mail::record
