// What MAIL and RCPT say beyond the addresses, as values: from the command through the record on
// disk and the queue to the next hop, or to the bounce. Nothing of it is lost on the way
// (RFC 3461 §5.2.1, RFC 8689 §4.2, RFC 6531 §3.2).
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mail {

enum class BodyType : std::uint8_t { seven_bit, eight_bit_mime, binary_mime };  // RFC 6152, 3030

enum class Ret : std::uint8_t { unsaid, full, headers };  // RFC 3461 §4.3

// RFC 2852 §4: by when, and what happens then.
struct DeliverBy {
  enum class Mode : std::uint8_t { notify, return_ };  // "N": a delay notice; "R": it comes back
  WallTime until;
  Mode mode = Mode::notify;
  bool trace = false;  // "T"
  bool operator==(const DeliverBy&) const = default;
};

struct MailOptions {
  BodyType body = BodyType::seven_bit;  // as declared, never guessed (security.md 26)
  bool smtputf8 = false;                // RFC 6531 §3.4
  bool require_tls = false;             // REQUIRETLS was on MAIL (RFC 8689 §2)
  bool tls_optional = false;            // the field "TLS-Required: No" is there (RFC 8689 §5)
  Ret ret = Ret::unsaid;
  std::string envid;  // RFC 3461 §4.4, decoded from xtext; "": none
  std::optional<DeliverBy> deliver_by;
  std::int8_t priority = 0;  // RFC 6710: -9..9
  // FUTURERELEASE (RFC 4865 §4.2): nothing of it leaves, or is delivered, before. `hold` is what
  // was asked, as DSNs repeat it (§5.1.2): "for;3600", "until;2026-11-21T22:15:48Z".
  std::optional<WallTime> hold_until;
  std::string hold;
  bool operator==(const MailOptions&) const = default;
};

// What of it holds for a delivery with this reverse path. Where a list has put its own in place of
// the sender's, ENVID and RET are the sender's no more (RFC 3461 §5.2.7.1 b).
MailOptions options_for(MailOptions options, std::string_view given, std::string_view now);

// RFC 3461 §4.1. Without NOTIFY on RCPT nothing is set: failures are told, delays may be.
struct Notify {
  bool said = false;  // NOTIFY= was given; said and nothing else set is NOTIFY=NEVER
  bool success = false;
  bool failure = false;
  bool delay = false;

  bool wants_failure() const { return !said || failure; }
  bool never() const { return said && !success && !failure && !delay; }
  bool operator==(const Notify&) const = default;
};

// One recipient with what was asked for it. `original` is ORCPT as it came, "rfc822;bob@x.test",
// decoded from xtext (RFC 3461 §4.2) or kept in utf-8-addr-xtext's decoded form (RFC 6533 §3);
// "" when none was given.
struct Recipient {
  std::string address;
  Notify notify;
  std::string original;

  Recipient() = default;
  Recipient(std::string the_address) : address(std::move(the_address)) {}  // most have no more
  Recipient(const char* the_address) : address(the_address) {}
  Recipient(std::string the_address, Notify the_notify, std::string the_original)
      : address(std::move(the_address)), notify(the_notify), original(std::move(the_original)) {}
  bool operator==(const Recipient&) const = default;
};

// RFC 3461 §4: "+3D" becomes "=". Fails with bad_syntax on a lone "+", lower-case or missing
// digits, and on a control byte however it was written.
Result<std::string> decode_xtext(std::string_view text);
// The other way: printable ASCII but "+" and "=" as it is, all else as "+XX".
void append_xtext(std::string& out, std::string_view text);

}  // namespace mail
