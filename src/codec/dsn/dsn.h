// Delivery status notifications: what became of a message, told to its sender (RFC 3464 in the
// frame of RFC 6522, when and to whom by RFC 3461 §5-6, addresses beyond ASCII by RFC 6533). Pure:
// the clock, the ids and the facts are arguments. Nothing fails: whatever comes from outside
// (addresses, a remote's words, the original's header) is cleaned as it is written, so that the
// message has CRLF line ends only, lines of at most 998 octets and no field that was not meant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/envelope/options.h"

namespace mail::dsn {

// RFC 3464 §2.3.3.
enum class Action : std::uint8_t { failed, delayed, delivered, relayed, expanded };

// A whole message above this comes back as its header alone (security.md 20, RFC 3461 §6.2).
inline constexpr std::size_t kMaxReturnedMessage = std::size_t{64} << 10;

struct RecipientReport {
  std::string recipient;  // as it stood in the envelope
  std::string original;   // ORCPT as in mail::Recipient, "rfc822;bob@x.test"; "": none was given
  Action action = Action::failed;
  std::string status;          // "5.1.1"; "" or malformed: taken from `diagnostic`, else x.0.0
  std::string remote_host;     // the name of the host that was tried; "": none, or no name
  std::string remote_address;  // "192.0.2.1"; "": none
  std::string diagnostic;  // the remote's words, "550 5.1.1 ...", lines joined by spaces; or ours
  bool diagnostic_is_smtp = false;           // it is a reply of `remote_host`
  WallTime last_attempt;                     // the epoch: never tried
  std::optional<WallTime> will_retry_until;  // of a delayed one
};

// One message for all notices that are due together (security.md 20).
struct Report {
  std::string reporting_host;
  std::string id;              // of the message concerned, as `message trace` takes it
  std::string dsn_message_id;  // of the notice: "unique@host", without angle brackets
  std::string to;              // the original's reverse path; never the null path
  WallTime arrived;            // the original
  WallTime now;
  MailOptions options;  // of the original: ret, envid, smtputf8, require_tls
  std::string subject;  // the original's, unfolded as in HeaderSummary; may hold encoded words
  std::string from;     // the same of its From
  std::string original_header;  // the block; an empty line at its end or not
  // Only wanted when wants_body() says so; anything else is ignored.
  std::optional<std::string> original_body;
  std::uint64_t original_size = 0;          // octets, header and body
  bool last_of_many = false;                // no further notice of this message will be sent
  std::vector<RecipientReport> recipients;  // at least one
};

// Whether the body comes back too: RET=FULL, a failure among `recipients`, small enough, and not
// REQUIRETLS (RFC 3461 §6.2, RFC 8689 §5).
bool wants_body(const Report& report);

// What goes into the store: to `report.to`, from the null reverse path (RFC 3461 §6.1).
struct Notice {
  std::string content;  // header and body, CRLF
  MailOptions options;  // for its MAIL: body, smtputf8, require_tls; never RET, ENVID
};
Notice compose(const Report& report);

}  // namespace mail::dsn
