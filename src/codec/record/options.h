// What MAIL and RCPT asked for, as fields inside the records that keep it.
// Pure. Used by the records of this folder only.
#pragma once

#include <optional>

#include "base/clock.h"
#include "codec/envelope/options.h"
#include "codec/record/record.h"

namespace mail::record {

void write_options(Writer& writer, const MailOptions& options);
MailOptions read_options(Reader& reader);

void write_recipient(Writer& writer, const Recipient& recipient);
Recipient read_recipient(Reader& reader);

void write_optional_time(Writer& writer, const std::optional<WallTime>& time);
std::optional<WallTime> read_optional_time(Reader& reader);

// A value that is 0 or 1 on disk.
bool read_flag(Reader& reader);
// A number as varint that has to fit 32 bits.
std::uint32_t read_u32_varint(Reader& reader);

}  // namespace mail::record
