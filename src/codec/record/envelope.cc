#include "codec/record/envelope.h"

#include "codec/record/options.h"
#include "codec/record/record.h"

namespace mail::record {
namespace {

// 2 knew no segments, and is written where there is none: an archive (docs/decisions/0020) names no
// place, so that a program of before reads it.
constexpr std::uint8_t kVersion = 3;
constexpr std::uint8_t kWithoutSegment = 2;
constexpr std::size_t kLeastRecipient = 3;  // octets
// Version 1 did not count: its deliveries had their places in the draft as numbers.
constexpr std::uint32_t kAboveFirstVersion = 1'000'000;

// Tags of BodyRef on disk.
constexpr std::uint8_t kNoBody = 1;
constexpr std::uint8_t kInlineBody = 2;
constexpr std::uint8_t kKvBody = 3;
constexpr std::uint8_t kSegmentBody = 4;

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
  void operator()(const SegmentBody& body) const {
    writer.u8(kSegmentBody);
    writer.id(body.id);
    writer.varint(body.segment);
    writer.varint(body.offset);
    writer.varint(body.size);
    writer.u32(body.checksum);
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
    case kSegmentBody: {
      SegmentBody body;
      body.id = reader.id();
      body.segment = reader.varint();
      body.offset = reader.varint();
      body.size = reader.varint();
      body.checksum = reader.u32();
      return body;
    }
    default:
      reader.refuse();
      return NoBody{};
  }
}

std::vector<Recipient> read_recipients(Reader& reader) {
  std::vector<Recipient> recipients;
  const std::size_t number = reader.count(kLeastRecipient);
  recipients.reserve(number);
  for (std::size_t i = 0; i < number; ++i) recipients.push_back(read_recipient(reader));
  return recipients;
}

}  // namespace

void append_envelope(std::string& out, const Envelope& envelope) {
  append_envelope(out, envelope, envelope.recipients);
}

void append_envelope(std::string& out, const Envelope& envelope,
                     std::span<const Recipient> recipients) {
  const bool in_segment = std::holds_alternative<SegmentBody>(envelope.body);
  Writer writer(out, Type::envelope, in_segment ? kVersion : kWithoutSegment);
  writer.id(envelope.id);
  writer.time(envelope.received_at);
  writer.text(envelope.reverse_path);
  write_options(writer, envelope.options);
  writer.varint(recipients.size());
  for (const Recipient& recipient : recipients) write_recipient(writer, recipient);
  writer.varint(envelope.size);
  writer.varint(envelope.header_size);
  writer.varint(envelope.references);
  writer.varint(envelope.deliveries);
  writer.varint(envelope.told);
  std::visit(WriteBody{writer}, envelope.body);
  writer.finish();
}

Result<Envelope> parse_envelope(std::string_view bytes) {
  MAIL_TRY(Reader reader, Reader::open(bytes, Type::envelope, kVersion));
  Envelope envelope;
  envelope.id = reader.id();
  envelope.received_at = reader.time();
  envelope.reverse_path = reader.text();
  const bool first_version = reader.version() == 1;
  if (first_version) {
    for (std::string& address : reader.texts()) envelope.recipients.emplace_back(address);
  } else {
    envelope.options = read_options(reader);
    envelope.recipients = read_recipients(reader);
  }
  envelope.size = reader.varint();
  envelope.header_size = read_u32_varint(reader);
  envelope.references = read_u32_varint(reader);
  envelope.deliveries = first_version ? kAboveFirstVersion : read_u32_varint(reader);
  envelope.told = first_version ? 0 : read_u32_varint(reader);
  envelope.body = read_body_ref(reader);
  MAIL_TRY(reader.finish());
  return envelope;
}

}  // namespace mail::record
