#include "codec/dns/name.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <ranges>

#include "base/text.h"

namespace mail::dns {
namespace {

std::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::bad_syntax, std::string(why));
}

void append_escaped(std::string& out, char c) {
  const auto octet = static_cast<std::uint8_t>(c);
  if (c == '.' || c == '\\') {
    append(out, '\\', c);
  } else if (octet > ' ' && octet < 0x7F) {
    out.push_back(c);
  } else {
    append(out, '\\', octet / 100, octet / 10 % 10, octet % 10);  // "\DDD", RFC 1035 §5.1
  }
}

// The octet that the escape behind a backslash stands for; it is cut off from `text`.
std::optional<char> read_escape(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  if (!is_digit(text[0])) {
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  }
  if (text.size() < 3 || !is_digit(text[1]) || !is_digit(text[2])) return std::nullopt;
  const int octet = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  if (octet > 255) return std::nullopt;
  text.remove_prefix(3);
  return static_cast<char>(octet);
}

}  // namespace

Result<std::string> read_name(std::string_view& bytes) {
  std::string text;
  std::string_view rest = bytes;
  for (;;) {
    if (rest.empty()) return bad("a name without end");
    const auto length = static_cast<std::uint8_t>(rest[0]);
    rest.remove_prefix(1);
    if (length == 0) break;
    if (length > kMaxLabel) return bad("a compressed name, or a label over 63 octets");
    if (rest.size() < length) return bad("a label without end");
    // The final zero octet counts too.
    if (bytes.size() - rest.size() + length + 1 > kMaxWireName)
      return bad("a name over 255 octets");
    if (!text.empty()) text.push_back('.');
    for (const char c : rest.substr(0, length)) append_escaped(text, c);
    rest.remove_prefix(length);
  }
  bytes = rest;
  return text.empty() ? "." : text;
}

Result<std::string> to_wire(std::string_view text) {
  if (text == ".") return std::string(1, '\0');
  std::string wire;
  std::string label;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c != '.') {
      std::optional<char> octet = c;
      if (c == '\\') octet = read_escape(text);
      if (!octet) return bad("a bad escape in a name");
      label.push_back(*octet);
      if (!text.empty()) continue;
    }
    if (label.empty()) return bad("an empty label in a name");
    if (label.size() > kMaxLabel) return bad("a label over 63 octets");
    append(wire, static_cast<char>(label.size()), label);
    label.clear();
  }
  if (wire.empty()) return bad("an empty name");
  wire.push_back('\0');
  if (wire.size() > kMaxWireName) return bad("a name over 255 octets");
  return wire;
}

Result<std::string> normalize_name(std::string_view text) {
  MAIL_TRY(const std::string wire, to_wire(text));
  std::string_view bytes = wire;
  MAIL_TRY(const std::string name, read_name(bytes));
  return to_lower(name);
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxWireName - 2) return false;
  return std::ranges::all_of(text | std::views::split('.'), [](const auto& part) {
    const std::string_view label(part.begin(), part.end());
    const auto plain = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
    return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
           label.back() != '-' && std::ranges::all_of(label, plain);
  });
}

std::string reverse_name(const IpAddress& address) {
  std::string name;
  if (address.is_v4()) {
    for (std::size_t i = 16; i-- > 12;) append(name, address.bytes[i], '.');
    return name + "in-addr.arpa";
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0;) {
    append(name, kDigits[address.bytes[i] & 15], '.', kDigits[address.bytes[i] >> 4], '.');
  }
  return name + "ip6.arpa";
}

}  // namespace mail::dns
