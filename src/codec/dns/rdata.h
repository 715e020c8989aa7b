// What stands in RDATA, as dns::Answer has it: names uncompressed (RFC 1035 §3.3-4, RFC 3596 §2.2,
// RFC 6698 §2.1). Octets left over behind a value are an error.
// Pure. Everything fails with bad_syntax.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/address/ip_address.h"

namespace mail::dns {

struct Mx {
  std::uint16_t preference = 0;
  std::string host;  // as read_name() writes it; "." is the null MX of RFC 7505
  bool operator==(const Mx&) const = default;
};

// Values that RFC 6698 does not know are kept as they are: "unusable" is for DANE to say.
struct Tlsa {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;
  bool operator==(const Tlsa&) const = default;
};

Result<IpAddress> parse_a(std::string_view rdata);
Result<IpAddress> parse_aaaa(std::string_view rdata);
Result<Mx> parse_mx(std::string_view rdata);
// The strings of one record joined without anything between them (RFC 7208 §3.3, RFC 6376
// §3.6.2.2).
Result<std::string> parse_txt(std::string_view rdata);
Result<std::string> parse_name_rdata(std::string_view rdata);  // CNAME, NS, PTR
Result<Tlsa> parse_tlsa(std::string_view rdata);

// The other way, for tests that answer from a table. Names and addresses must be good ones.
std::string encode_address(const IpAddress& address);  // A or AAAA, by its family
std::string encode_mx(const Mx& mx);
std::string encode_txt(std::string_view text);  // in strings of at most 255 octets
std::string encode_tlsa(const Tlsa& tlsa);

}  // namespace mail::dns
