// A notice that is due: something a sender is to be told about one recipient (RFC 3461 §5, §6).
// Kept with the outcome that caused it until the DSN that tells it is committed (security.md 13).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "codec/envelope/options.h"

namespace mail::record {

enum class NoticeKind : std::uint8_t { failed = 1, delayed, delivered, relayed, expanded };
std::string_view to_string(NoticeKind kind);  // RFC 3464 §2.3.3: "failed"

struct Notice {
  MessageId message;  // the one it is about
  NoticeKind kind = NoticeKind::failed;
  WallTime at;               // of the attempt
  std::string reverse_path;  // of the delivery: who is told
  std::string recipient;
  std::string original;        // ORCPT, as in Recipient
  std::string status;          // "5.1.1" (RFC 3463)
  std::string remote_host;     // "" where none was reached
  std::string remote_address;  // "192.0.2.1"
  std::string diagnostic;      // the next hop's words, or ours
  bool by_remote = false;      // the diagnostic is a reply of SMTP
  std::optional<WallTime> will_retry_until;
  bool operator==(const Notice&) const = default;
};
void append_notice(std::string& out, const Notice& notice);
Result<Notice> parse_notice(std::string_view bytes);  // store_corrupt, store_newer

}  // namespace mail::record
