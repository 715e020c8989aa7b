#include "codec/address/ip_address.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "base/text.h"

namespace mail {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kGroups = 8;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Four octets in decimal. Leading zeros are refused: some read them as octal, and an address must
// not mean two hosts.
std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> octets{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i > 0 && (at >= text.size() || text[at++] != '.')) return std::nullopt;
    const std::size_t start = at;
    unsigned value = 0;
    while (at < text.size() && is_digit(text[at]) && at - start < 3) {
      value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    if (at == start || value > 255 || (at - start > 1 && text[start] == '0')) return std::nullopt;
    octets[i] = static_cast<std::uint8_t>(value);
  }
  if (at != text.size()) return std::nullopt;
  return octets;
}

// The 16-bit groups of an IPv6 address as written, and where its "::" stands among them.
struct V6Groups {
  std::array<std::uint16_t, kGroups> group{};
  std::size_t count = 0;
  std::optional<std::size_t> gap;

  bool add(unsigned value) {
    if (count == kGroups) return false;
    group[count++] = static_cast<std::uint16_t>(value);
    return true;
  }
};

// RFC 4291 §2.2 forms 1 to 3.
std::optional<V6Groups> parse_groups(std::string_view text) {
  V6Groups groups;
  std::size_t at = 0;
  if (text.starts_with("::")) {
    groups.gap = 0;
    at = 2;
  }
  while (at < text.size()) {
    std::size_t end = at;
    unsigned value = 0;
    for (; end < text.size() && end - at < 4 && hex_value(text[end]) >= 0; ++end) {
      value = value * 16 + static_cast<unsigned>(hex_value(text[end]));
    }
    if (end < text.size() && text[end] == '.') {  // form 3: the last 32 bits in decimal
      const auto v4 = parse_v4(text.substr(at));
      if (!v4 || !groups.add((*v4)[0] * 256u + (*v4)[1]) || !groups.add((*v4)[2] * 256u + (*v4)[3]))
        return std::nullopt;
      return groups;
    }
    if (end == at || !groups.add(value)) return std::nullopt;
    if (end == text.size()) return groups;
    if (text[end] != ':') return std::nullopt;
    at = end + 1;
    if (at < text.size() && text[at] == ':') {
      if (groups.gap) return std::nullopt;
      groups.gap = groups.count;
      ++at;
    } else if (at == text.size()) {
      return std::nullopt;  // one colon at the end
    }
  }
  return groups;
}

std::optional<IpAddress> from_groups(const V6Groups& groups) {
  // "::" stands for at least one group (RFC 4291 §2.2); without it all eight are written.
  if (groups.gap ? groups.count >= kGroups : groups.count != kGroups) return std::nullopt;
  IpAddress address;
  const std::size_t before = groups.gap.value_or(kGroups);
  for (std::size_t i = 0; i < groups.count; ++i) {
    const std::size_t place = i < before ? i : kGroups - groups.count + i;
    address.bytes[2 * place] = static_cast<std::uint8_t>(groups.group[i] >> 8);
    address.bytes[2 * place + 1] = static_cast<std::uint8_t>(groups.group[i] & 0xFF);
  }
  return address;
}

std::uint16_t group_at(const IpAddress& address, std::size_t i) {
  return static_cast<std::uint16_t>(address.bytes[2 * i] * 256 + address.bytes[2 * i + 1]);
}

void append_hex(std::string& out, std::uint16_t value) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  out.append(digits, end);
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto v4 = parse_v4(text);
    if (!v4) return fail(Errc::bad_syntax, concat("no IP address: ", text.substr(0, 64)));
    IpAddress address;
    std::ranges::copy(kMappedPrefix, address.bytes.begin());
    std::ranges::copy(*v4, address.bytes.begin() + kMappedPrefix.size());
    return address;
  }
  if (const auto groups = parse_groups(text)) {
    if (const auto address = from_groups(*groups)) return *address;
  }
  return fail(Errc::bad_syntax, concat("no IP address: ", text.substr(0, 64)));
}

Result<IpAddress> IpAddress::parse_literal(std::string_view text) {
  constexpr std::string_view kTag = "IPv6:";
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return fail(Errc::bad_syntax, "an address literal stands in brackets");
  }
  text = text.substr(1, text.size() - 2);
  if (!istarts_with(text, kTag)) {
    if (text.find(':') != std::string_view::npos) {
      return fail(Errc::bad_syntax, "an IPv6 literal begins with \"IPv6:\"");
    }
    return parse(text);
  }
  text.remove_prefix(kTag.size());
  const auto groups = parse_groups(text);
  // RFC 5321 §4.1.3: 'The "::" represents at least 2 16-bit groups of zeros.'
  if (!groups || (groups->gap && groups->count > kGroups - 2)) {
    return fail(Errc::bad_syntax, "bad IPv6 literal");
  }
  const auto address = from_groups(*groups);
  if (!address) return fail(Errc::bad_syntax, "bad IPv6 literal");
  return *address;
}

bool IpAddress::is_v4() const {
  return std::ranges::equal(kMappedPrefix, std::span(bytes).first<kMappedPrefix.size()>());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  constexpr std::array<std::uint8_t, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return bytes == kLoopback;
}

std::string IpAddress::to_string() const {
  if (is_v4()) return concat(bytes[12], '.', bytes[13], '.', bytes[14], '.', bytes[15]);
  // RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
  std::size_t best_start = kGroups;
  std::size_t best_length = 1;
  for (std::size_t i = 0; i < kGroups;) {
    std::size_t end = i;
    while (end < kGroups && group_at(*this, end) == 0) ++end;
    if (end - i > best_length) {
      best_start = i;
      best_length = end - i;
    }
    i = end + 1;
  }
  std::string out;
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == best_start) {
      out.append("::");
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out.push_back(':');
    append_hex(out, group_at(*this, i));
  }
  return out;
}

std::string IpAddress::to_literal() const {
  return is_v4() ? concat('[', to_string(), ']') : concat("[IPv6:", to_string(), ']');
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  MAIL_TRY(const IpAddress address, IpAddress::parse(text.substr(0, slash)));
  // An IPv4 prefix counts from the 97th bit of the form we keep.
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const std::uint64_t most = v4 ? 32 : 128;
  std::uint64_t prefix = most;
  if (slash != std::string_view::npos) {
    const auto number = parse_number(text.substr(slash + 1));
    if (!number || *number > most || text.size() - slash > 4) {
      return fail(Errc::bad_syntax,
                  concat("the prefix of ", text.substr(0, 64), " is 0 to ", most));
    }
    prefix = *number;
  }
  IpNetwork network{address, static_cast<std::uint8_t>(prefix + (v4 ? 96 : 0))};
  for (std::size_t bit = network.prefix; bit < 128; ++bit) {
    if ((address.bytes[bit / 8] >> (7 - bit % 8)) & 1) {
      return fail(Errc::bad_syntax, concat(text.substr(0, 64), " has bits set behind its prefix"));
    }
  }
  return network;
}

bool IpNetwork::contains(const IpAddress& candidate) const {
  const std::size_t whole = prefix / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, candidate.bytes.begin())) {
    return false;
  }
  const unsigned rest = prefix % 8;
  if (rest == 0) return true;
  return ((address.bytes[whole] ^ candidate.bytes[whole]) >> (8 - rest)) == 0;
}

}  // namespace mail
