#include "codec/archive/archive.h"

#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/text.h"
#include "codec/record/record.h"

namespace mail::archive {
namespace {

constexpr auto kRecord = static_cast<record::Type>(32);  // in no store
constexpr std::uint8_t kVersion = 1;

// What a record is: in the file, so never change or reuse one.
constexpr std::uint8_t kHeadTag = 1;
constexpr std::uint8_t kMessageTag = 2;
constexpr std::uint8_t kChunkTag = 3;
constexpr std::uint8_t kWithdrawnTag = 4;
constexpr std::uint8_t kEndTag = 5;

constexpr std::uint8_t kQueued = 1;
constexpr std::uint8_t kHeld = 2;

Waiting read_waiting(record::Reader& reader, std::optional<Error>& error) {
  Waiting waiting;
  waiting.number = reader.u32();
  const std::uint8_t place = reader.u8();
  if (place == kQueued) {
    InQueue& queue = waiting.queue.emplace();
    queue.route = reader.text();
    queue.domain = reader.text();
    queue.lane = reader.text();
    queue.due = reader.time();
  } else if (place != kHeld) {
    reader.refuse();
  }
  Result<record::PendingDelivery> delivery = record::parse_pending(reader.text());
  if (delivery) {
    waiting.delivery = std::move(*delivery);
  } else if (!error) {
    error = std::move(delivery).error();
  }
  return waiting;
}

bool names_a_queue(const Waiting& waiting) {
  if (!waiting.queue) return true;
  const InQueue& queue = *waiting.queue;
  return !queue.route.contains('\0') && !queue.domain.contains('\0') && !queue.lane.contains('\0');
}

// Whether all of it is of one message, and whole.
bool agrees(const Message& message) {
  const record::Envelope& envelope = message.envelope;
  if (envelope.id == MessageId{} || message.waiting.empty()) return false;
  if (!std::holds_alternative<record::NoBody>(envelope.body)) return false;
  for (const Waiting& waiting : message.waiting) {
    if (waiting.delivery.message != envelope.id || waiting.delivery.recipients.empty())
      return false;
    if (!names_a_queue(waiting)) return false;
  }
  for (const record::Event& event : message.events) {
    if (event.message != envelope.id) return false;
  }
  return !message.events.empty();
}

Result<Message> read_message(record::Reader& reader) {
  Message message;
  MAIL_TRY(message.envelope, record::parse_envelope(reader.text()));
  std::optional<Error> error;
  const std::size_t waiting = reader.count();
  for (std::size_t i = 0; i < waiting && !error; ++i) {
    message.waiting.push_back(read_waiting(reader, error));
  }
  if (error) return std::unexpected(std::move(*error));
  const std::size_t events = reader.count();
  for (std::size_t i = 0; i < events; ++i) {
    MAIL_TRY(record::Event event, record::parse_event(reader.text()));
    message.events.push_back(std::move(event));
  }
  return message;
}

}  // namespace

// --- Writer ---

void Writer::add(std::string& out, std::size_t from) {
  seal_ = crc32c(std::string_view(out).substr(from), seal_);
}

void Writer::head(std::string& out, const Head& head) {
  out.append(kMagic);
  const std::size_t from = out.size();
  record::Writer writer(out, kRecord, kVersion);
  writer.u8(kHeadTag);
  writer.id(head.archive);
  writer.time(head.made);
  writer.finish();
  add(out, from);
}

void Writer::message(std::string& out, const Message& message) {
  const std::size_t from = out.size();
  record::Writer writer(out, kRecord, kVersion);
  writer.u8(kMessageTag);
  std::string bytes;
  record::append_envelope(bytes, message.envelope);
  writer.text(bytes);
  writer.varint(message.waiting.size());
  for (const Waiting& waiting : message.waiting) {
    writer.u32(waiting.number);
    writer.u8(waiting.queue ? kQueued : kHeld);
    if (waiting.queue) {
      writer.text(waiting.queue->route);
      writer.text(waiting.queue->domain);
      writer.text(waiting.queue->lane);
      writer.time(waiting.queue->due);
    }
    bytes.clear();
    record::append_pending(bytes, waiting.delivery);
    writer.text(bytes);
  }
  writer.varint(message.events.size());
  for (const record::Event& event : message.events) {
    bytes.clear();
    record::append_event(bytes, event);
    writer.text(bytes);
  }
  writer.finish();
  add(out, from);
  last_ = {1, message.waiting.size(), 0};
  ++sums_.messages;
  sums_.deliveries += last_.deliveries;
}

void Writer::chunk(std::string& out, std::string_view octets) {
  MAIL_ASSERT(!octets.empty() && octets.size() <= kChunk);
  const std::size_t from = out.size();
  record::Writer writer(out, kRecord, kVersion);
  writer.u8(kChunkTag);
  writer.text(octets);
  writer.finish();
  add(out, from);
  last_.octets += octets.size();
  sums_.octets += octets.size();
}

void Writer::withdraw(std::string& out) {
  const std::size_t from = out.size();
  record::Writer writer(out, kRecord, kVersion);
  writer.u8(kWithdrawnTag);
  writer.finish();
  add(out, from);
  sums_.messages -= last_.messages;
  sums_.deliveries -= last_.deliveries;
  sums_.octets -= last_.octets;
  last_ = {};
}

End Writer::end(std::string& out) {
  record::Writer writer(out, kRecord, kVersion);
  writer.u8(kEndTag);
  writer.varint(sums_.messages);
  writer.varint(sums_.deliveries);
  writer.varint(sums_.octets);
  writer.u32(seal_);
  writer.finish();
  return sums_;
}

// --- Reader ---

std::unexpected<Error> Reader::damaged(std::string_view why) const {
  return fail(Errc::bad_syntax,
              concat("the archive is damaged at octet ", at_, ": ", why,
                     ". Copy it again from where it was made; nothing of it is taken"));
}

Result<std::optional<Item>> Reader::next() {
  if (state_ == State::magic) return read_magic();
  const std::string_view rest = std::string_view(bytes_).substr(used_);
  if (state_ == State::ended) {
    if (!rest.empty()) return damaged("something follows its end");
    return std::nullopt;
  }
  std::uint64_t size = record::kFrameHead;
  if (rest.size() >= size) {
    size = record::framed_size(rest);
    if (size > kMaxRecord) return damaged("a record is longer than any can be");
  }
  if (rest.size() < size) {
    bytes_.erase(0, std::exchange(used_, 0));
    return std::nullopt;
  }
  MAIL_TRY(Item item, parse(rest.substr(0, size)));
  used_ += size;
  at_ += size;
  return item;
}

Result<std::optional<Item>> Reader::read_magic() {
  if (!kMagic.starts_with(std::string_view(bytes_).substr(0, kMagic.size()))) {
    return fail(Errc::bad_syntax, "this is no archive that `mailwright store export` has made");
  }
  if (bytes_.size() < kMagic.size()) return std::nullopt;
  used_ = at_ = kMagic.size();
  state_ = State::head;
  return next();
}

Result<Item> Reader::parse(std::string_view record) {
  Result<record::Reader> opened = record::Reader::open(record, kRecord, kVersion);
  if (!opened) {
    if (opened.error().code != Errc::store_newer) return damaged("its checksum does not agree");
    return fail(Errc::store_newer,
                "the archive is of a newer version of this program; use that one here too");
  }
  record::Reader& reader = *opened;
  const std::uint32_t before = std::exchange(seal_, crc32c(record, seal_));
  const auto whole = [&](auto value) -> Result<Item> {
    if (!reader.finish()) return damaged("a record does not decode");
    return take(std::move(value));
  };
  switch (reader.u8()) {
    case kHeadTag: {
      Head head;
      head.archive = reader.id();
      head.made = reader.time();
      return whole(head);
    }
    case kMessageTag: {
      Result<Message> message = read_message(reader);
      if (message) return whole(std::move(*message));
      if (message.error().code == Errc::store_newer) return std::unexpected(message.error());
      return damaged("a message does not decode");
    }
    case kChunkTag:
      return whole(Chunk{std::string(reader.text())});
    case kWithdrawnTag:
      return whole(Withdrawn{});
    case kEndTag: {
      End end;
      end.messages = reader.varint();
      end.deliveries = reader.varint();
      end.octets = reader.varint();
      const std::uint32_t seal = reader.u32();
      if (!reader.finish()) return damaged("its end does not decode");
      return take_end(end, seal ^ before);
    }
    default:
      return damaged("a record of an unknown kind");
  }
}

Result<Item> Reader::take(Head head) {
  if (state_ != State::head) return damaged("a second beginning");
  state_ = State::messages;
  return head;
}

Result<Item> Reader::take(Message message) {
  if (state_ != State::messages || left_ > 0) return damaged("a message where none can be");
  if (!agrees(message)) return damaged("a message that is not whole");
  const MessageId id = message.envelope.id;
  if (last_id_ && id <= *last_id_) return damaged("messages out of order");
  last_id_ = id;
  left_ = message.envelope.size;
  last_ = {1, message.waiting.size(), 0};
  ++sums_.messages;
  sums_.deliveries += last_.deliveries;
  return message;
}

Result<Item> Reader::take(Chunk chunk) {
  const std::size_t size = chunk.octets.size();
  if (size == 0 || size > kChunk || size > left_) return damaged("content where none can be");
  left_ -= size;
  last_.octets += size;
  sums_.octets += size;
  return chunk;
}

Result<Item> Reader::take(Withdrawn withdrawn) {
  if (last_.messages == 0 || left_ == 0) return damaged("no message to withdraw");
  sums_.messages -= 1;
  sums_.deliveries -= last_.deliveries;
  sums_.octets -= last_.octets;
  last_ = {};
  left_ = 0;
  return withdrawn;
}

Result<Item> Reader::take_end(const End& end, std::uint32_t seal_difference) {
  if (state_ != State::messages || left_ > 0) return damaged("it ends within a message");
  if (seal_difference != 0 || end != sums_) return damaged("its end does not agree with the rest");
  state_ = State::ended;
  return end;
}

Result<void> Reader::finish() const {
  if (state_ == State::ended && used_ == bytes_.size()) return {};
  return fail(Errc::bad_syntax,
              concat("the archive is cut short: it ends after ", at_ + bytes_.size() - used_,
                     " octets, in the middle. Copy it again from where it was made; nothing of it "
                     "is taken"));
}

}  // namespace mail::archive
