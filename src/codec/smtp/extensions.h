// What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1), as far as our client uses it.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codec/smtp/reply_parser.h"

namespace mail::smtp {

struct Extensions {
  bool pipelining = false;                // RFC 2920
  bool eight_bit_mime = false;            // RFC 6152
  bool chunking = false;                  // RFC 3030
  bool binary_mime = false;               // RFC 3030
  bool smtputf8 = false;                  // RFC 6531
  bool dsn = false;                       // RFC 3461
  bool starttls = false;                  // RFC 3207
  bool require_tls = false;               // RFC 8689
  bool mt_priority = false;               // RFC 6710
  bool deliver_by = false;                // RFC 2852
  std::int64_t least_by = 0;              // seconds, for mode "R"
  bool size = false;                      // RFC 1870
  std::optional<std::uint64_t> max_size;  // none: no fixed limit, or none told
  std::vector<std::string> mechanisms;    // RFC 4954, in upper case
  // LIMITS (RFC 9422 §4): MAIL commands of a session, RCPT commands of a transaction, different
  // recipient domains of a session.
  std::optional<std::uint64_t> max_mails;
  std::optional<std::uint64_t> max_recipients;
  std::optional<std::uint64_t> max_domains;
};

// Never fails: what is not understood is not offered.
Extensions parse_extensions(const ServerReply& ehlo_reply);

}  // namespace mail::smtp
