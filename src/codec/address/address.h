// Domains and mailboxes as values (RFC 5321 §4.1.2-3, RFC 6531 §3.3). Typed values are made by
// these parsers only. Pure. Whoever takes addresses from people or from the network gives the
// functions of platform/idn along; without them a domain is ASCII, as it is in the stores.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/idn.h"
#include "base/result.h"

namespace mail {

// A host or mail domain in A-labels, lower case, without the final dot; or an address literal
// "[192.0.2.1]".
class Domain {
 public:
  Domain() = default;
  // RFC 5321 Domain / address-literal; at most 255 octets, labels at most 63; U-labels where there
  // is an `idn`. Fails with bad_syntax.
  static Result<Domain> parse(std::string_view text, const Idn* idn = nullptr);

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool is_literal() const { return !text_.empty() && text_.front() == '['; }
  auto operator<=>(const Domain&) const = default;

 private:
  std::string text_;
};

// local-part@domain. The local part is kept unquoted, in the case given; to_string() quotes it
// again where it must. "Postmaster" alone (RFC 5321 §4.1.1.3) has an empty domain.
struct Mailbox {
  std::string local_part;
  Domain domain;
  std::string folded{};  // Idn::fold of a local part in UTF-8; else empty, and so without an `idn`

  // RFC 5321 Mailbox, RFC 6531 §3.3; local part at most 64 octets. No source route, no "%", "!"
  // magic: those are plain characters here and refused by policy. Fails with bad_syntax.
  static Result<Mailbox> parse(std::string_view text, const Idn* idn = nullptr);
  std::string to_string() const;
  // What names an account: the whole address in lower case, a local part in UTF-8 folded.
  std::string key() const;
  // Whether it can stand in a command without SMTPUTF8.
  bool is_ascii() const;
  bool operator==(const Mailbox&) const = default;
};

// Empty for bounces: "<>" (RFC 5321 §4.5.5).
struct ReversePath {
  std::optional<Mailbox> mailbox;
  std::string to_string() const;  // without angle brackets; "" when null
  bool operator==(const ReversePath&) const = default;
};

// The argument of MAIL FROM: and RCPT TO: up to its closing '>'. A source route "@a,@b:" before the
// mailbox is parsed and ignored (RFC 5321 §4.1.1.3, appendix C). `rest` gets what stands behind
// '>'. Fails with bad_syntax.
struct ParsedPath {
  ReversePath path;
  bool had_source_route = false;
  bool was_ascii = true;  // as written: U-labels count here
  std::string_view rest;  // into the text given
};
Result<ParsedPath> parse_path(std::string_view text, const Idn* idn = nullptr);

}  // namespace mail
