// What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1), as far as our client uses it.
// Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "codec/smtp/reply_parser.h"

namespace mail::smtp {

struct Extensions {
  bool pipelining = false;      // RFC 2920
  bool eight_bit_mime = false;  // RFC 6152
  bool starttls = false;        // RFC 3207
  bool auth_plain = false;      // RFC 4954, RFC 4616
  bool auth_login = false;
  bool size = false;                      // RFC 1870
  std::optional<std::uint64_t> max_size;  // none: no fixed limit, or none told
};

// Never fails: what is not understood is not offered.
Extensions parse_extensions(const ServerReply& ehlo_reply);

}  // namespace mail::smtp
