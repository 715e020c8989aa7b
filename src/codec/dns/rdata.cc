#include "codec/dns/rdata.h"

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"
#include "base/text.h"
#include "codec/dns/name.h"

namespace mail::dns {
namespace {

constexpr std::size_t kMaxString = 255;  // RFC 1035 §3.3: <character-string>
constexpr IpAddress kMappedZero{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0}};

std::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::bad_syntax, std::string(why));
}

IpAddress with_tail(IpAddress address, std::string_view tail) {
  std::ranges::copy(tail, address.bytes.end() - static_cast<std::ptrdiff_t>(tail.size()));
  return address;
}

std::string_view as_text(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()};
}

}  // namespace

Result<IpAddress> parse_a(std::string_view rdata) {
  if (rdata.size() != 4) return bad("an A record has 4 octets");
  return with_tail(kMappedZero, rdata);
}

Result<IpAddress> parse_aaaa(std::string_view rdata) {
  if (rdata.size() != 16) return bad("an AAAA record has 16 octets");
  return with_tail({}, rdata);
}

Result<Mx> parse_mx(std::string_view rdata) {
  if (rdata.size() < 3) return bad("an MX record has a preference and a name");
  const auto preference = read_big_endian<std::uint16_t>(rdata);
  MAIL_TRY(std::string host, parse_name_rdata(rdata.substr(2)));
  return Mx{preference, std::move(host)};
}

Result<std::string> parse_txt(std::string_view rdata) {
  if (rdata.empty()) return bad("a TXT record has at least one string");
  std::string text;
  while (!rdata.empty()) {
    const auto length = static_cast<std::uint8_t>(rdata[0]);
    rdata.remove_prefix(1);
    if (rdata.size() < length) return bad("a string of a TXT record without end");
    text.append(rdata.substr(0, length));
    rdata.remove_prefix(length);
  }
  return text;
}

Result<std::string> parse_name_rdata(std::string_view rdata) {
  MAIL_TRY(std::string name, read_name(rdata));
  if (!rdata.empty()) return bad("octets behind the name of a record");
  return name;
}

Result<Tlsa> parse_tlsa(std::string_view rdata) {
  if (rdata.size() < 4) return bad("a TLSA record has three octets and data");
  return Tlsa{static_cast<std::uint8_t>(rdata[0]), static_cast<std::uint8_t>(rdata[1]),
              static_cast<std::uint8_t>(rdata[2]), std::string(rdata.substr(3))};
}

std::string encode_address(const IpAddress& address) {
  return std::string(as_text(address).substr(address.is_v4() ? 12 : 0));
}

std::string encode_mx(const Mx& mx) {
  std::string rdata;
  append_big_endian(rdata, mx.preference);
  const Result<std::string> host = to_wire(mx.host);
  MAIL_ASSERT(host.has_value());
  return rdata + *host;
}

std::string encode_txt(std::string_view text) {
  std::string rdata;
  do {
    const std::string_view part = text.substr(0, kMaxString);
    append(rdata, static_cast<char>(part.size()), part);
    text.remove_prefix(part.size());
  } while (!text.empty());
  return rdata;
}

std::string encode_tlsa(const Tlsa& tlsa) {
  return concat(static_cast<char>(tlsa.usage), static_cast<char>(tlsa.selector),
                static_cast<char>(tlsa.matching), tlsa.data);
}

}  // namespace mail::dns
