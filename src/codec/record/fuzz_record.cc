// Any bytes at all are given to every record parser: as they come, and framed with a right
// checksum, so that the payload parsers see them too. What parses must survive a round trip.
#include <cstdint>
#include <string>
#include <string_view>

#include "codec/record/envelope.h"
#include "codec/record/event.h"
#include "codec/record/mailbox.h"
#include "codec/record/notice.h"
#include "codec/record/pending.h"
#include "codec/record/record.h"

namespace {

using namespace mail::record;  // all of it is under test here

template <typename Value>
void round_trip(std::string_view bytes, mail::Result<Value> (*parse)(std::string_view),
                void (*write)(std::string&, const Value&)) {
  const mail::Result<Value> value = parse(bytes);
  if (!value) return;
  std::string again;
  write(again, *value);
  const mail::Result<Value> second = parse(again);
  MAIL_ASSERT(second.has_value() && *second == *value);
}

void try_all(std::string_view bytes) {
  round_trip(bytes, parse_event, append_event);
  round_trip(bytes, parse_envelope, append_envelope);
  round_trip(bytes, parse_mailbox, append_mailbox);
  round_trip(bytes, parse_entry, append_entry);
  round_trip(bytes, parse_pending, append_pending);
  round_trip(bytes, parse_notice, append_notice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_all(bytes);
  if (bytes.empty()) return 0;
  for (const std::uint8_t version : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
    std::string framed;
    Writer writer(framed, static_cast<Type>(bytes[0]), version);
    for (char c : bytes.substr(1)) writer.u8(static_cast<std::uint8_t>(c));
    writer.finish();
    try_all(framed);
  }
  return 0;
}
