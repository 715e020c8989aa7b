// Domain names between their wire form and text (RFC 1035 §3.1, §5.1 for the escapes; RFC 4343 for
// case). Text here has no final dot, but for the root, which is ".".
// Pure. Everything fails with bad_syntax.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/address/ip_address.h"

namespace mail::dns {

inline constexpr std::size_t kMaxLabel = 63;      // RFC 1035 §2.3.4
inline constexpr std::size_t kMaxWireName = 255;  // RFC 1035 §2.3.4, length octets included

// The name that `bytes` begins with; it is cut off from them. Compressed names are refused: a
// resolver hands out RDATA without its message. Octets that are no plain text become "\DDD", a dot
// or a backslash in a label "\." and "\\".
Result<std::string> read_name(std::string_view& bytes);

// Text, with or without the final dot and with escapes, to wire form.
Result<std::string> to_wire(std::string_view text);

// The one form of a name that can be compared: lower case, no final dot, only needed escapes.
Result<std::string> normalize_name(std::string_view text);

// Whether a name can be a host that mail is sent to: labels of letters, digits, hyphens and, as the
// world has them, underscores; no escapes, at most 253 octets.
bool is_host_name(std::string_view text);

// The name that has the PTR records of an address (RFC 1035 §3.5, RFC 3596 §2.5).
std::string reverse_name(const IpAddress& address);

}  // namespace mail::dns
