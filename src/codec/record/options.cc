#include "codec/record/options.h"

#include <cstdint>
#include <string>

namespace mail::record {
namespace {

// Bits of the options.
constexpr std::uint8_t kSmtpUtf8 = 1;
constexpr std::uint8_t kRequireTls = 2;
constexpr std::uint8_t kTlsOptional = 4;
constexpr std::uint8_t kDeliverBy = 8;
constexpr std::uint8_t kByReturn = 16;
constexpr std::uint8_t kByTrace = 32;
constexpr std::uint8_t kHold = 64;
constexpr std::uint8_t kAllOptions = 127;

// Bits of a recipient.
constexpr std::uint8_t kSaid = 1;
constexpr std::uint8_t kSuccess = 2;
constexpr std::uint8_t kFailure = 4;
constexpr std::uint8_t kDelay = 8;
constexpr std::uint8_t kAllNotify = 15;

constexpr std::uint8_t kLastBodyType = static_cast<std::uint8_t>(BodyType::binary_mime);
constexpr std::uint8_t kLastRet = static_cast<std::uint8_t>(Ret::headers);

std::uint8_t bit(bool on, std::uint8_t value) { return on ? value : std::uint8_t{0}; }

std::uint8_t read_at_most(Reader& reader, std::uint8_t highest) {
  const std::uint8_t value = reader.u8();
  if (value <= highest) return value;
  reader.refuse();
  return 0;
}

}  // namespace

void write_options(Writer& writer, const MailOptions& options) {
  const std::optional<DeliverBy>& by = options.deliver_by;
  writer.u8(static_cast<std::uint8_t>(options.body));
  writer.u8(static_cast<std::uint8_t>(options.ret));
  writer.u8(static_cast<std::uint8_t>(options.priority));
  writer.u8(static_cast<std::uint8_t>(
      bit(options.smtputf8, kSmtpUtf8) | bit(options.require_tls, kRequireTls) |
      bit(options.tls_optional, kTlsOptional) | bit(by.has_value(), kDeliverBy) |
      bit(by && by->mode == DeliverBy::Mode::return_, kByReturn) | bit(by && by->trace, kByTrace) |
      bit(options.hold_until.has_value(), kHold)));
  writer.text(options.envid);
  if (by) writer.time(by->until);
  if (options.hold_until) {
    writer.time(*options.hold_until);
    writer.text(options.hold);
  }
}

MailOptions read_options(Reader& reader) {
  MailOptions options;
  options.body = static_cast<BodyType>(read_at_most(reader, kLastBodyType));
  options.ret = static_cast<Ret>(read_at_most(reader, kLastRet));
  options.priority = static_cast<std::int8_t>(reader.u8());
  const std::uint8_t bits = read_at_most(reader, kAllOptions);
  options.smtputf8 = (bits & kSmtpUtf8) != 0;
  options.require_tls = (bits & kRequireTls) != 0;
  options.tls_optional = (bits & kTlsOptional) != 0;
  options.envid = reader.text();
  if ((bits & kDeliverBy) != 0) {
    DeliverBy by;
    by.until = reader.time();
    if ((bits & kByReturn) != 0) by.mode = DeliverBy::Mode::return_;
    by.trace = (bits & kByTrace) != 0;
    options.deliver_by = by;
  } else if ((bits & (kByReturn | kByTrace)) != 0) {
    reader.refuse();
  }
  if ((bits & kHold) != 0) {
    options.hold_until = reader.time();
    options.hold = reader.text();
  }
  return options;
}

void write_recipient(Writer& writer, const Recipient& recipient) {
  const Notify& notify = recipient.notify;
  writer.text(recipient.address);
  writer.u8(static_cast<std::uint8_t>(bit(notify.said, kSaid) | bit(notify.success, kSuccess) |
                                      bit(notify.failure, kFailure) | bit(notify.delay, kDelay)));
  writer.text(recipient.original);
}

Recipient read_recipient(Reader& reader) {
  Recipient recipient;
  recipient.address = reader.text();
  const std::uint8_t bits = read_at_most(reader, kAllNotify);
  recipient.notify = {.said = (bits & kSaid) != 0,
                      .success = (bits & kSuccess) != 0,
                      .failure = (bits & kFailure) != 0,
                      .delay = (bits & kDelay) != 0};
  recipient.original = reader.text();
  return recipient;
}

void write_optional_time(Writer& writer, const std::optional<WallTime>& time) {
  writer.u8(time ? 1 : 0);
  if (time) writer.time(*time);
}

std::optional<WallTime> read_optional_time(Reader& reader) {
  if (!read_flag(reader)) return std::nullopt;
  return reader.time();
}

bool read_flag(Reader& reader) { return read_at_most(reader, 1) == 1; }

std::uint32_t read_u32_varint(Reader& reader) {
  const std::uint64_t value = reader.varint();
  if (value > UINT32_MAX) reader.refuse();
  return static_cast<std::uint32_t>(value);
}

}  // namespace mail::record
