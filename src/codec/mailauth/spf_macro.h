// Macros of SPF (RFC 7208 §7): checked once when a record is parsed, expanded when a term needs it.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "codec/address/ip_address.h"

namespace mail::spf {

// Where a macro string stands decides which letters it may have and how it must end.
enum class MacroContext : std::uint8_t {
  domain_spec,       // of a mechanism, redirect= or exp=: no "c", "r", "t"; ends as a name ends
  unknown_modifier,  // read for its syntax alone
  explanation,       // the text that exp= leads to: spaces too
};
bool is_macro_string(std::string_view text, MacroContext context);

// Whether the macro letter, in either case, stands in a macro string that was checked.
bool uses_macro(std::string_view text, char letter);

// What the letters stand for (RFC 7208 §7.2).
struct MacroValues {
  IpAddress client;                // i, c, v
  std::string_view local_part;     // l, s
  std::string_view sender_domain;  // o, s
  std::string_view domain;         // d
  std::string_view helo;           // h
  std::string_view validated;      // p; "unknown" without one
  std::string_view receiver;       // r
  WallTime now;                    // t
};

// `text` must have passed is_macro_string(). Nothing where a value that it uses is not ASCII: such
// a term matches nothing (RFC 8616 §4).
std::optional<std::string> expand(std::string_view text, const MacroValues& values);

// The same as a name to ask for: without its final dot and, where it is over 253 octets, without
// as many labels at its left as it takes (RFC 7208 §7.3). Nothing where it is no name: an empty
// label, or one over 63 octets. In the form of dns::normalize_name().
std::optional<std::string> expand_domain(std::string_view text, const MacroValues& values);

}  // namespace mail::spf
