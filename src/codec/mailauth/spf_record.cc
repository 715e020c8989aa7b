#include "codec/mailauth/spf_record.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/mailauth/spf_macro.h"

namespace mail::spf {
namespace {

constexpr std::string_view kVersion = "v=spf1";
constexpr std::size_t kMaxShown = 80;

std::unexpected<Error> bad(std::string_view term, std::string_view why) {
  return fail(Errc::bad_syntax, concat('"', shown(term), "\": ", why));
}

bool is_domain_spec(std::string_view text) {
  return is_macro_string(text, MacroContext::domain_spec);
}

// ip4-cidr-length and ip6-cidr-length without the slash: no zeros at the left (RFC 7208 §5.6).
std::optional<std::uint8_t> parse_prefix(std::string_view text, std::uint64_t most) {
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  const auto number = parse_number(text);
  if (!number || *number > most) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

// "/24", "//64", "/24//64" at the end of `rest`, cut off from it. A domain-spec may have slashes
// too, so this is read from the right.
bool take_dual_prefix(std::string_view& rest, Directive& directive) {
  const auto take = [&](std::string_view mark, std::uint64_t most, std::uint8_t& prefix) {
    const std::size_t digits = rest.find_last_not_of("0123456789") + 1;
    if (digits == rest.size() || !rest.substr(0, digits).ends_with(mark)) return true;
    const auto value = parse_prefix(rest.substr(digits), most);
    if (!value) return false;
    prefix = *value;
    rest.remove_suffix(rest.size() - digits + mark.size());
    return true;
  };
  return take("//", 128, directive.v6_prefix) && take("/", 32, directive.v4_prefix);
}

bool parse_network(std::string_view text, bool v4, Directive& directive) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if ((address.find(':') == std::string_view::npos) != v4) return false;
  const auto parsed = IpAddress::parse(address);
  if (!parsed) return false;
  const std::uint8_t most = v4 ? 32 : 128;
  std::optional<std::uint8_t> prefix = most;
  if (slash != std::string_view::npos) prefix = parse_prefix(text.substr(slash + 1), most);
  if (!prefix) return false;
  directive.network = {*parsed, static_cast<std::uint8_t>(v4 ? *prefix + 96 : *prefix)};
  directive.is_v4 = v4;
  return true;
}

// What stands behind the name of a mechanism: "", ":..." or "/...".
Result<void> parse_argument(std::string_view rest, Directive& directive) {
  using Kind = Directive::Kind;
  const std::string_view term = directive.text;
  if (directive.kind == Kind::all) {
    if (!rest.empty()) return bad(term, "\"all\" takes nothing");
    return {};
  }
  if ((directive.kind == Kind::a || directive.kind == Kind::mx) &&
      !take_dual_prefix(rest, directive)) {
    return bad(term, "a prefix length that is none");
  }
  if (rest.empty()) {
    if (directive.kind == Kind::include || directive.kind == Kind::exists) {
      return bad(term, "a domain is missing");
    }
    return {};
  }
  if (rest[0] != ':') return bad(term, "a \":\" is missing");
  directive.domain_spec = rest.substr(1);
  if (!is_domain_spec(directive.domain_spec)) return bad(term, "no valid domain");
  return {};
}

std::optional<Directive::Kind> kind_named(std::string_view name) {
  using Kind = Directive::Kind;
  constexpr std::pair<std::string_view, Kind> kNames[] = {
      {"all", Kind::all}, {"include", Kind::include}, {"a", Kind::a},    {"mx", Kind::mx},
      {"ptr", Kind::ptr}, {"exists", Kind::exists},   {"ip4", Kind::ip}, {"ip6", Kind::ip}};
  for (const auto& [known, kind] : kNames) {
    if (iequals(name, known)) return kind;
  }
  return std::nullopt;
}

Result<Directive> parse_directive(std::string_view term) {
  Directive directive;
  directive.text = term;
  std::string_view rest = term;
  constexpr std::string_view kQualifiers = "+-~?";  // in the order of Qualifier
  if (const std::size_t at = kQualifiers.find(rest[0]); at != std::string_view::npos) {
    directive.qualifier = static_cast<Qualifier>(at);
    rest.remove_prefix(1);
  }
  const std::string_view name = rest.substr(0, rest.find_first_of(":/"));
  rest.remove_prefix(name.size());
  const auto kind = kind_named(name);
  if (!kind) return bad(term, "an unknown mechanism");
  directive.kind = *kind;
  if (directive.kind == Directive::Kind::ip) {
    const bool v4 = name.back() == '4';
    if (!rest.starts_with(':') || !parse_network(rest.substr(1), v4, directive)) {
      return bad(term, v4 ? "no IPv4 network" : "no IPv6 network");
    }
    return directive;
  }
  MAIL_TRY(parse_argument(rest, directive));
  return directive;
}

Result<void> parse_modifier(std::string_view term, std::size_t equals, Record& record) {
  const std::string_view name = term.substr(0, equals);
  const std::string_view value = term.substr(equals + 1);
  const auto in_name = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (name.empty() || !is_alpha(name[0]) || !std::ranges::all_of(name, in_name)) {
    return bad(term, "no valid name of a modifier");
  }
  const bool redirect = iequals(name, "redirect");
  if (!redirect && !iequals(name, "exp")) {
    if (is_macro_string(value, MacroContext::unknown_modifier)) return {};
    return bad(term, "a bad macro");
  }
  std::string_view& place = redirect ? record.redirect : record.explanation;
  if (!place.empty()) return bad(term, "given twice");  // RFC 7208 §6
  if (!is_domain_spec(value)) return bad(term, "no valid domain");
  place = value;
  return {};
}

}  // namespace

bool is_record(std::string_view text) {
  return istarts_with(text, kVersion) &&
         (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

Result<Record> parse_record(std::string_view text) {
  Record record;
  bool decided = false;  // "all" was seen
  for (text.remove_prefix(kVersion.size()); !text.empty();) {
    const std::string_view term = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(term.size() + 1, text.size()));
    if (term.empty()) continue;
    const std::size_t mark = term.find_first_of("=:/");  // RFC 7208 §4.6.1 tells the two apart
    if (mark != std::string_view::npos && term[mark] == '=') {
      MAIL_TRY(parse_modifier(term, mark, record));
      continue;
    }
    MAIL_TRY(const Directive directive, parse_directive(term));
    if (!decided) record.directives.push_back(directive);
    decided = decided || directive.kind == Directive::Kind::all;
  }
  if (decided) record.redirect = {};  // RFC 7208 §6.1
  return record;
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxShown)) out.push_back(c >= ' ' && c <= '~' ? c : '?');
  if (text.size() > kMaxShown) out.append("...");
  return out;
}

}  // namespace mail::spf
