// The header block of a message (RFC 5322 §2.2): found, scanned once, and changed before the
// commit. Pure. Views point into the bytes given and die with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::message {

struct HeaderField {
  std::string_view name;   // as it stands
  std::string_view value;  // behind the colon, folds included, final CRLF not
  std::string_view whole;  // the bytes of the field, final CRLF included
};

struct HeaderLimits {
  std::size_t max_bytes = std::size_t{256} << 10;
  std::size_t max_fields = 5000;
};

// Walks the fields of a block from its first octet, in time linear in what it walks over and
// without memory of its own.
class HeaderScanner {
 public:
  explicit HeaderScanner(std::string_view content) : content_(content) {}
  bool next(HeaderField* field);  // false at the end of the block
  // Octets walked over; once next() said false, of the whole block, the empty line included.
  std::size_t size() const { return at_; }
  // After the end: whether an empty line, or a whole line that is no field, ended the block. False
  // where the content ended first, so that more content might be more header.
  bool ended() const { return ended_; }

 private:
  std::string_view content_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

// Octets of the header block in `content` (which uses CRLF), the empty line included. Where there
// is no empty line the block ends before the first line that is no field, or with the content.
std::size_t header_block_size(std::string_view content);
// The fields of a block. Fails with too_large. A line that is no field ends the block.
Result<std::vector<HeaderField>> parse_header_block(std::string_view block,
                                                    HeaderLimits limits = {});

// What the server must know of a header block, from one pass.
struct HeaderSummary {
  std::uint32_t received_fields = 0;
  std::uint32_t from_fields = 0;
  bool from_valid = false;  // exactly one From, with at least one mailbox or (RFC 6854) a group
  bool has_date = false;
  bool has_message_id = false;
  bool has_bcc = false;  // Bcc or Resent-Bcc
  std::uint32_t tls_required_fields = 0;
  bool tls_optional = false;  // exactly one TLS-Required, and it says No (RFC 8689 §3)
  std::string from;           // unfolded, at most 255 octets
  std::string subject;        // unfolded, at most 255 octets
};
HeaderSummary summarize(const std::vector<HeaderField>& fields);

// The same straight from the bytes, with the size of the block. Fails with too_large.
struct HeaderScan {
  HeaderSummary summary;
  std::size_t size = 0;   // of the block, the empty line included
  bool complete = false;  // HeaderScanner::ended()
};
Result<HeaderScan> scan_header_block(std::string_view content, HeaderLimits limits = {});

// Takes every field named `name` out of content[begin..header end); returns how many octets went.
std::size_t remove_fields(std::string& content, std::size_t begin, std::string_view name);
// Unfolds (RFC 5322 §2.2.3) and trims.
std::string unfold(std::string_view value);

}  // namespace mail::message
