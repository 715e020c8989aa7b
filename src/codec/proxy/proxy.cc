#include "codec/proxy/proxy.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"

namespace mail::proxy {
namespace {

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kShortest = 15;       // "PROXY UNKNOWN\r\n"; version 2 has one more
constexpr std::size_t kLongest1 = 107;      // section 2.1
constexpr std::size_t kFixed2 = 16;         // section 2.2: up to the length of the rest
constexpr std::size_t kLongest2 = 4 << 10;  // with its extensions, which nobody here reads

std::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::bad_syntax, std::string(why));
}

bool may_begin(std::string_view text, std::string_view signature) {
  const std::size_t size = std::min(text.size(), signature.size());
  return text.substr(0, size) == signature.substr(0, size);
}

Result<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number(text);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (!port || *port > 65'535 || padded) return bad("not a port");
  return static_cast<std::uint16_t>(*port);
}

// "PROXY TCP4 192.0.2.1 192.0.2.2 4711 25"
Result<Header> parse_line(std::string_view line) {
  const std::vector<std::string_view> words = split(line, ' ');
  if (words[1] == "UNKNOWN") return Header{};  // whatever else it says
  const bool v4 = words[1] == "TCP4";
  if (words.size() != 6 || (!v4 && words[1] != "TCP6")) return bad("not a line of PROXY");
  MAIL_TRY(const IpAddress source, IpAddress::parse(words[2]));
  MAIL_TRY(IpAddress::parse(words[3]));
  MAIL_TRY(const std::uint16_t port, parse_port(words[4]));
  MAIL_TRY(parse_port(words[5]));
  if (words[2].contains(':') == v4 || words[3].contains(':') == v4) return bad("mixed families");
  return Header{.missing = 0, .origin = Origin{source, port}};
}

Result<Header> parse_version1(std::string_view begin) {
  const std::size_t end = begin.find("\r\n");
  if (end != std::string_view::npos) return parse_line(begin.substr(0, end));
  if (begin.size() >= kLongest1) return bad("a line without an end");
  return Header{.missing = 1, .origin = {}};
}

std::uint8_t octet(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}
std::uint16_t number(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(octet(text, at) << 8 | octet(text, at + 1));
}

Result<Header> parse_version2(std::string_view begin) {
  if (begin.size() < kFixed2) return Header{.missing = kFixed2 - begin.size(), .origin = {}};
  const std::uint8_t command = octet(begin, 12);
  const std::uint8_t family = octet(begin, 13);
  const std::size_t rest = number(begin, 14);
  if (command != 0x20 && command != 0x21) return bad("not version 2, or an unknown command");
  if (kFixed2 + rest > kLongest2) return bad("too long");
  if (begin.size() < kFixed2 + rest) {
    return Header{.missing = kFixed2 + rest - begin.size(), .origin = {}};
  }
  if (command == 0x20) return Header{};  // LOCAL: the addresses are to be ignored
  const std::string_view body = begin.substr(kFixed2);
  Origin origin;
  switch (family) {
    case 0x11:  // TCP over IPv4
      if (rest < 12) return bad("addresses cut off");
      origin.address.bytes[10] = origin.address.bytes[11] = 0xFF;
      std::copy_n(body.begin(), 4, origin.address.bytes.begin() + 12);
      origin.port = number(body, 8);
      return Header{.missing = 0, .origin = origin};
    case 0x21:  // TCP over IPv6
      if (rest < 36) return bad("addresses cut off");
      std::copy_n(body.begin(), 16, origin.address.bytes.begin());
      origin.port = number(body, 32);
      return Header{.missing = 0, .origin = origin};
    case 0x00:  // unspecified
    case 0x31:  // a Unix socket
      return Header{};
    default:
      return bad("not a family of TCP");
  }
}

}  // namespace

Result<Header> parse(std::string_view begin) {
  const bool first = may_begin(begin, kSignature1);
  const bool second = may_begin(begin, kSignature2);
  if (!first && !second) return bad("not a PROXY header");
  // The shortest of either, so that the first read needs no knowledge of which it is.
  if (begin.size() < kShortest) return Header{.missing = kShortest - begin.size(), .origin = {}};
  return first ? parse_version1(begin) : parse_version2(begin);
}

}  // namespace mail::proxy
