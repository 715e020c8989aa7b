// One SPF record as values (RFC 7208 §4.5-6, §5, §6).
// Pure. Views point into the text given to parse_record() and die with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/address/ip_address.h"

namespace mail::spf {

enum class Qualifier : std::uint8_t { pass, fail, softfail, neutral };

struct Directive {
  enum class Kind : std::uint8_t { all, include, a, mx, ptr, ip, exists };
  Kind kind = Kind::all;
  Qualifier qualifier = Qualifier::pass;
  std::string_view domain_spec;  // empty: the domain of the record
  std::uint8_t v4_prefix = 32;   // a, mx
  std::uint8_t v6_prefix = 128;  // a, mx
  // ip4 and ip6: an IPv4 network lies at or below ::ffff:0:0/96, and an IPv6 one contains no client
  // of IPv4.
  IpNetwork network;
  bool is_v4 = false;
  std::string_view text;  // as written, with its qualifier
};

struct Record {
  std::vector<Directive> directives;  // up to the first "all": RFC 7208 §5.1 ignores the rest
  std::string_view redirect;          // domain-spec; empty without, or where there is an "all"
  std::string_view explanation;       // domain-spec of exp=; empty without
};

// Whether a TXT record is one: "v=spf1" and then a space or the end (RFC 7208 §4.5).
bool is_record(std::string_view text);

// `text` is a record. Any error anywhere in it fails with bad_syntax (RFC 7208 §4.6); the detail
// names the term, in printable ASCII.
Result<Record> parse_record(std::string_view text);

// A piece of somebody else's text for a sentence of ours: printable ASCII, not long.
std::string shown(std::string_view text);

}  // namespace mail::spf
