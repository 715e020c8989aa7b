// The envelope of a message and the reference to its body, as kept on disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "codec/envelope/options.h"

namespace mail::record {

// Short-lived bodies and those of mailboxes never share a blob file (design §3).
enum class BodyFamily : std::uint8_t { queue = 1, mail = 2 };

// Where a message's content is. A new home for bodies is a new alternative with a new tag; records
// that name the old ones stay readable.
struct KvBody {  // chunks 0..chunks-1 under (id, chunk)
  BodyFamily family = BodyFamily::mail;
  MessageId id;
  std::uint32_t chunks = 0;
  bool operator==(const KvBody&) const = default;
};
struct InlineBody {  // in the envelope itself
  std::string bytes;
  bool operator==(const InlineBody&) const = default;
};
struct SegmentBody {  // octets of a segment file
  MessageId id;
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t checksum = 0;  // CRC32C of id and octets, as of a chunk
  bool operator==(const SegmentBody&) const = default;
};
struct NoBody {  // every recipient was discarded
  bool operator==(const NoBody&) const = default;
};
using BodyRef = std::variant<NoBody, InlineBody, KvBody, SegmentBody>;

struct Envelope {
  MessageId id;
  WallTime received_at;
  std::string reverse_path;
  MailOptions options;
  std::vector<Recipient> recipients;  // as given at RCPT
  std::uint64_t size = 0;             // of the content
  std::uint32_t header_size = 0;      // of added fields and header block
  std::uint32_t references = 0;  // mailbox entries, deliveries, notices due; 0: body is removed
  BodyRef body;
  std::uint32_t deliveries = 0;  // made so far: the number of the next one that splits off
  std::uint32_t told = 0;        // DSNs about it that were committed (security.md 20)
  bool operator==(const Envelope&) const = default;
};

void append_envelope(std::string& out, const Envelope& envelope);
// With these recipients in place of its own: they may lie elsewhere, and many.
void append_envelope(std::string& out, const Envelope& envelope,
                     std::span<const Recipient> recipients);
Result<Envelope> parse_envelope(std::string_view bytes);  // store_corrupt, store_newer

}  // namespace mail::record
