#include "codec/address/address.h"

#include <array>

#include "base/text.h"
#include "codec/address/ip_address.h"
#include "codec/address/utf8.h"

namespace mail {
namespace {

constexpr std::size_t kMaxDomain = 255;    // RFC 5321 §4.5.3.1.2
constexpr std::size_t kMaxLabel = 63;      // RFC 1035 §2.3.4
constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321 §4.5.3.1.1, as written, quotes included
constexpr std::size_t kMaxMailbox = 254;   // RFC 5321 §4.5.3.1.3: a path of 256 with its brackets
constexpr std::string_view kPostmaster = "Postmaster";

// atext (RFC 5322 §3.2.3).
constexpr auto kAtext = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 128; ++c) table[static_cast<std::size_t>(c)] = is_alnum(static_cast<char>(c));
  for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();
bool is_atext(char c) { return kAtext[static_cast<unsigned char>(c)]; }

std::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::bad_syntax, std::string(why));
}

// Dot-string (RFC 5321 §4.1.2): atoms with single dots between them; atext has all of Unicode
// beyond ASCII as well (RFC 6531 §3.3).
bool is_dot_string(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  char before = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' ? before == '.' : !is_atext(c)) {
      const std::size_t size = utf8_character(text.substr(i));
      if (size == 0) return false;
      i += size - 1;
    }
    before = c;
  }
  return true;
}

// Octets of the quoted string that `text` begins with, or 0 where it does not end.
std::size_t quoted_length(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return 0;
}

// The content of a Quoted-string: qtextSMTP and quoted-pairSMTP (RFC 5321 §4.1.2, RFC 6531 §3.3),
// which leave out every control character. `text` has its quotes.
Result<std::string> unquote(std::string_view text) {
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    const bool escaped = text[i] == '\\';
    if (escaped) ++i;
    if (text[i] >= ' ' && text[i] <= '~') {
      out.push_back(text[i]);
      continue;
    }
    const std::size_t size = escaped ? 0 : utf8_character(text.substr(i));
    if (size == 0) return bad("a character that no quoted local part has");
    out.append(text.substr(i, size));
    i += size - 1;
  }
  return out;
}

// Where a local part in `text` ends: at its '@', which a quoted one may contain as well.
std::size_t local_part_length(std::string_view text) {
  if (!text.starts_with('"')) return std::min(text.find('@'), text.size());
  return quoted_length(text);
}

// The source route "@a,@b:" that `text` begins with; 0 octets where it has none or a bad one.
std::size_t source_route_length(std::string_view text, const Idn* idn) {
  std::size_t at = 0;
  while (at < text.size() && text[at] == '@') {
    const std::size_t end = text.find_first_of(",:", at);
    // A colon within an IPv6 literal does not end the route.
    const std::size_t stop =
        text.substr(at + 1).starts_with('[')
            ? text.find_first_of(",:", std::min(text.find(']', at), text.size()))
            : end;
    if (stop == std::string_view::npos) return 0;
    if (!Domain::parse(text.substr(at + 1, stop - at - 1), idn)) return 0;
    if (text[stop] == ':') return stop + 1;
    at = stop + 1;
  }
  return 0;
}

}  // namespace

Result<Domain> Domain::parse(std::string_view text, const Idn* idn) {
  Domain domain;
  if (idn != nullptr && !mail::is_ascii(text)) {
    if (text.size() > kMaxMailbox) return bad("a domain has 1 to 255 octets");
    MAIL_TRY(const std::string ascii, idn->to_ascii(text));
    return parse(ascii);
  }
  if (text.starts_with('[')) {
    MAIL_TRY(const IpAddress address, IpAddress::parse_literal(text));
    domain.text_ = address.to_literal();
    return domain;
  }
  if (text.empty() || text.size() > kMaxDomain) return bad("a domain has 1 to 255 octets");
  domain.text_.reserve(text.size());
  std::size_t label = 0;  // octets of the label so far
  char before = '.';
  for (const char c : text) {
    if (c == '.') {
      if (label == 0 || before == '-') return bad("a label is empty or ends in a hyphen");
      label = 0;
    } else {
      // RFC 5321 §4.1.2: sub-domain = Let-dig [Ldh-str]
      if (!is_alnum(c) && (c != '-' || label == 0)) {
        return bad("a label has letters, digits and inner hyphens");
      }
      if (++label > kMaxLabel) return bad("a label has at most 63 octets");
    }
    domain.text_.push_back(ascii_lower(c));
    before = c;
  }
  if (label == 0 || before == '-') return bad("a label is empty or ends in a hyphen");
  return domain;
}

Result<Mailbox> Mailbox::parse(std::string_view text, const Idn* idn) {
  if (text.size() > kMaxMailbox) return bad("an address has at most 254 octets");
  const std::size_t at = local_part_length(text);
  if (at == 0 || at >= text.size() || text[at] != '@') {
    return bad("an address is local-part@domain");
  }
  // RFC 5321 §4.5.3.1 asks to take 64 octets, and longer ones where one can: senders that were
  // rewritten on the way (SRS) come back as long as they are.
  if (at > kMaxLocalPart && !istarts_with(text, "SRS0") && !istarts_with(text, "SRS1")) {
    return bad("a local part has at most 64 octets");
  }
  Mailbox mailbox;
  const std::string_view local = text.substr(0, at);
  if (local.front() == '"') {
    MAIL_TRY(mailbox.local_part, unquote(local));
  } else {
    if (!is_dot_string(local)) return bad("bad local part");
    mailbox.local_part = local;
  }
  MAIL_TRY(mailbox.domain, Domain::parse(text.substr(at + 1), idn));
  if (idn != nullptr && !mailbox.is_ascii()) {
    MAIL_TRY(mailbox.folded, idn->fold(mailbox.local_part));
  }
  return mailbox;
}

std::string Mailbox::to_string() const {
  std::string out;
  out.reserve(local_part.size() + 1 + domain.text().size());
  if (is_dot_string(local_part)) {
    out = local_part;
  } else {
    out.push_back('"');
    for (const char c : local_part) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  if (!domain.empty()) append(out, '@', domain.text());
  return out;
}

bool Mailbox::is_ascii() const { return mail::is_ascii(local_part); }

std::string Mailbox::key() const {
  if (!folded.empty()) {
    return Mailbox{.local_part = folded, .domain = domain, .folded = {}}.key();
  }
  std::string out = to_string();
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::string ReversePath::to_string() const {
  return mailbox ? mailbox->to_string() : std::string();
}

Result<ParsedPath> parse_path(std::string_view text, const Idn* idn) {
  if (!text.starts_with('<')) return bad("a path begins with \"<\"");
  text.remove_prefix(1);
  ParsedPath parsed;
  const std::string_view whole = text;
  if (text.starts_with('>')) {
    parsed.rest = text.substr(1);
    return parsed;
  }
  if (const std::size_t route = source_route_length(text, idn); route > 0) {
    parsed.had_source_route = true;
    text.remove_prefix(route);
  }
  // A quoted local part may hold a '>'.
  const std::size_t quoted = text.starts_with('"') ? quoted_length(text) : 0;
  const std::size_t end = text.find('>', quoted);
  if (end == std::string_view::npos) return bad("a path ends with \">\"");
  parsed.rest = text.substr(end + 1);
  const std::string_view address = text.substr(0, end);
  parsed.was_ascii = mail::is_ascii(whole.substr(0, whole.size() - parsed.rest.size()));
  // RFC 5321 §4.1.1.3: RCPT TO:<Postmaster>, in any case and without a domain.
  if (!parsed.had_source_route && iequals(address, kPostmaster)) {
    parsed.path.mailbox = Mailbox{.local_part = std::string(address), .domain = {}};
    return parsed;
  }
  MAIL_TRY(parsed.path.mailbox, Mailbox::parse(address, idn));
  return parsed;
}

}  // namespace mail
