// What the commands of one transaction say beyond the addresses, and what keeps a message from
// being offered to a hop at all: nothing of what was asked for is lost in silence, and nothing is
// said that the hop did not offer (RFC 5321 §4.1.1.11).
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/envelope/options.h"
#include "codec/smtp/extensions.h"

namespace mail::smtp {

// One message for recipients that share this hop.
struct OutgoingMail {
  std::string reverse_path;           // without angle brackets; "": the null path
  std::vector<Recipient> recipients;  // likewise
  std::uint64_t size = 0;             // of the content with CRLF line ends; 0: not known
  MailOptions options;
  bool utf8_header = false;  // beyond ASCII; matters with options.smtputf8 (RFC 6531 §3.5)
  // The whole content is in memory: AskBody is answered in one piece. It may then go along with
  // the commands.
  bool at_hand = false;
  WallTime now{};  // for options.deliver_by, which is told in seconds from now
};

// What a hop is, beyond what it offers.
struct HopTrust {
  bool encrypted = false;
  bool verified = false;  // its certificate is that of the name we wanted
};

struct Unfit {
  std::string_view enhanced;  // static
  std::string text;
};

// Whether the message may be offered to this hop at all.
std::optional<Unfit> unfit_message(const OutgoingMail& mail, const Extensions& hop, HopTrust trust);
// Whether this recipient may.
std::optional<Unfit> unfit_recipient(const Recipient& recipient, const MailOptions& options,
                                     const Extensions& hop);

// "MAIL FROM:<...> ..." and "RCPT TO:<...> ...", with CRLF; both must be fit. `utf8`: SMTPUTF8 is
// needed by something in the message.
void append_mail_command(std::string& out, const OutgoingMail& mail, const Extensions& hop,
                         bool utf8);
void append_recipient_command(std::string& out, const Recipient& recipient,
                              const MailOptions& options, const Extensions& hop);

}  // namespace mail::smtp
