// The parts of a MIME message (RFC 2046 §5.1) as offsets into its bytes: found in one pass, linear
// in the content, without recursion. What is deeper or more than the limits stays opaque, within
// the part around it (security.md §3); so does a message within the message.
// Pure. Views point into the content given and die with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/message/content_type.h"

namespace mail::message {

struct MimeLimits {
  std::size_t max_depth = 100;
  std::size_t max_parts = 10'000;
};

struct MimePart {
  std::string_view header;  // its fields, the empty line included
  std::string_view body;    // without the line end before the boundary that ends it
  ParameterField type;      // text/plain where it says nothing (RFC 2045 §5.2)
  ParameterField disposition;
  std::string encoding;      // Content-Transfer-Encoding, lower case; empty without
  std::uint32_t depth = 0;   // 0: the message itself
  std::uint32_t parent = 0;  // its place in the list; the message is its own
};

// In their order; the message itself is the first. `content` uses CRLF.
std::vector<MimePart> parse_mime(std::string_view content, MimeLimits limits = {});

// The body of a part as it was before its transfer encoding (RFC 2045 §6). What base64 and
// quoted-printable do not know is passed over, as readers do; an unknown encoding changes nothing.
std::string decode_body(const MimePart& part);

}  // namespace mail::message
