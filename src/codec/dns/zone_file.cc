#include "codec/dns/zone_file.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/text.h"
#include "codec/address/ip_address.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/dns/zone_file_text.h"

namespace mail::dns {
namespace {

using std::chrono::seconds;

constexpr int kMaxAliases = 8;  // CNAMEs in a row
constexpr seconds kDefaultTtl{3600};
constexpr std::size_t kMaxRdata = 65535;

std::unexpected<Error> bad(std::string why) { return fail(Errc::bad_syntax, std::move(why)); }

struct TypeName {
  std::string_view name;
  Type type;
};
constexpr auto kTypes = std::to_array<TypeName>({{"A", Type::a},
                                                 {"AAAA", Type::aaaa},
                                                 {"MX", Type::mx},
                                                 {"TXT", Type::txt},
                                                 {"PTR", Type::ptr},
                                                 {"NS", Type::ns},
                                                 {"SOA", Type::soa},
                                                 {"CNAME", Type::cname},
                                                 {"SRV", Type::srv},
                                                 {"TLSA", Type::tlsa}});
// Their RDATA has forms of their own and changes nothing for mail; a zone that has them is none the
// worse. DNAME is not among them: it would change answers.
constexpr auto kOtherTypes = std::to_array<std::string_view>(
    {"AFSDB", "APL",        "CAA",        "CDNSKEY", "CDS",   "CERT",  "CSYNC",
     "DHCID", "DNSKEY",     "DS",         "EUI48",   "EUI64", "HINFO", "HIP",
     "HTTPS", "IPSECKEY",   "KEY",        "KX",      "LOC",   "NAPTR", "NSEC",
     "NSEC3", "NSEC3PARAM", "OPENPGPKEY", "RP",      "RRSIG", "SIG",   "SMIMEA",
     "SPF",   "SSHFP",      "SVCB",       "URI",     "ZONEMD"});

std::optional<Type> parse_type(std::string_view text) {
  for (const TypeName& known : kTypes) {
    if (iequals(text, known.name)) return known.type;
  }
  if (!istarts_with(text, "TYPE")) return std::nullopt;  // RFC 3597 §5
  const auto number = parse_number(text.substr(4));
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return Type{static_cast<std::uint16_t>(*number)};
}

bool is_other_type(std::string_view text) {
  return std::ranges::any_of(kOtherTypes,
                             [&](std::string_view other) { return iequals(text, other); });
}

// "example" for "www.example", "" for "example". An escaped dot is no border.
std::string_view parent_of(std::string_view name) {
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (name[at] == '\\') {
      ++at;
    } else if (name[at] == '.') {
      return name.substr(at + 1);
    }
  }
  return {};
}

}  // namespace

// What the entries before left behind: origin, owner, TTL.
class ZoneReader {
 public:
  Result<void> read(std::string_view text);
  Zone take() { return std::move(zone_); }

 private:
  using Words = std::vector<ZoneWord>;

  Result<void> entry(const ZoneEntry& entry);
  Result<void> directive(const Words& words);
  Result<void> record(const Words& words, std::size_t at);
  Result<std::string> rdata(Type type, const Words& words, std::size_t at);
  Result<std::string> soa(const Words& words, std::size_t at);
  // The name in wire form, the origin added where it is relative.
  Result<std::string> name(const ZoneWord& word) const;
  Result<std::string> normal_name(const ZoneWord& word) const {
    MAIL_TRY(const std::string wire, name(word));
    std::string_view bytes = wire;
    MAIL_TRY(const std::string text, read_name(bytes));
    return to_lower(text);
  }

  Zone zone_;
  std::string origin_ = ".";
  std::string owner_;
  std::optional<seconds> default_ttl_;  // $TTL
  seconds last_ttl_ = kDefaultTtl;
};

namespace {

Result<void> want(const std::vector<ZoneWord>& words, std::size_t at, std::size_t count,
                  std::string_view what) {
  if (words.size() - at == count) return {};
  return bad(concat("here stands ", what, ", and nothing else"));
}

Result<void> append_number(std::string& out, const ZoneWord& word, std::size_t octets) {
  const auto number = parse_number(word.text);
  if (!number || *number >> (8 * octets) != 0) {
    return bad(concat(shown_word(word.text), " is no number of ", 8 * octets, " bits"));
  }
  for (std::size_t i = octets; i-- > 0;) out.push_back(static_cast<char>(*number >> (8 * i)));
  return {};
}

Result<std::string> address_rdata(const ZoneWord& word, bool v4) {
  const auto address = IpAddress::parse(word.text);
  const bool dotted = word.text.find(':') == std::string_view::npos;
  if (!address || dotted != v4) {
    return bad(concat(shown_word(word.text), " is no IPv", v4 ? 4 : 6, " address"));
  }
  // An IPv4 address mapped into IPv6 is 16 octets in an AAAA.
  const auto* octets = reinterpret_cast<const char*>(address->bytes.data());
  return std::string(octets + (v4 ? 12 : 0), octets + 16);
}

Result<std::string> txt_rdata(const std::vector<ZoneWord>& words, std::size_t at) {
  if (at == words.size()) return bad("here stand strings");
  std::string out;
  for (; at < words.size(); ++at) {
    MAIL_TRY(const std::string text, unescape_zone_string(words[at].text));
    // One string holds 255 octets (RFC 1035 §3.3); a longer one, as people paste keys, becomes
    // several, which its readers join.
    out += encode_txt(text);
  }
  return out;
}

// What readers of answers may rely on, whichever way it was written.
bool has_form(Type type, const std::string& rdata) {
  switch (type) {
    case Type::a:
      return parse_a(rdata).has_value();
    case Type::aaaa:
      return parse_aaaa(rdata).has_value();
    case Type::mx:
      return parse_mx(rdata).has_value();
    case Type::txt:
      return parse_txt(rdata).has_value();
    case Type::ns:
    case Type::ptr:
    case Type::cname:
      return parse_name_rdata(rdata).has_value();
    case Type::tlsa:
      return parse_tlsa(rdata).has_value();
    default:
      return true;
  }
}

// RFC 3597 §5: "\# 4 0A000001".
Result<std::string> generic_rdata(const std::vector<ZoneWord>& words, std::size_t at) {
  const auto length = at + 1 < words.size() ? parse_number(words[at + 1].text) : std::nullopt;
  if (!length) return bad("behind \"\\#\" stands the number of octets");
  MAIL_TRY(std::string out, parse_zone_hex(words, at + 2));
  if (out.size() != *length) {
    return bad(concat("here are ", out.size(), " octets, not ", *length));
  }
  return out;
}

}  // namespace

Result<void> ZoneReader::read(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // as some editors begin files
  ZoneScanner scanner(text);
  ZoneEntry next;
  const auto at_line = [](std::size_t line, const Error& error) {
    return fail(error.code, concat("line ", line, ": ", error.detail));
  };
  for (;;) {
    const Result<bool> more = scanner.next(&next);
    if (!more) return at_line(scanner.line(), more.error());
    if (!*more) return {};
    const Result<void> done = entry(next);
    if (!done) return at_line(next.line, done.error());
  }
}

Result<void> ZoneReader::entry(const ZoneEntry& entry) {
  const Words& words = entry.words;
  if (!entry.blank_owner && !words[0].quoted && words[0].text.starts_with('$')) {
    return directive(words);
  }
  if (!entry.blank_owner) {
    MAIL_TRY(owner_, normal_name(words[0]));
  } else if (owner_.empty()) {
    return bad("the first record needs an owner at the start of its line");
  }
  return record(words, entry.blank_owner ? 0 : 1);
}

Result<void> ZoneReader::directive(const Words& words) {
  const std::string_view word = words[0].text;
  if (iequals(word, "$ORIGIN")) {
    MAIL_TRY(want(words, 1, 1, "one name"));
    MAIL_TRY(origin_, normal_name(words[1]));
    return {};
  }
  if (iequals(word, "$TTL")) {
    MAIL_TRY(want(words, 1, 1, "one number of seconds"));
    default_ttl_ = parse_zone_ttl(words[1].text);
    if (!default_ttl_) return bad(concat(shown_word(words[1].text), " is no number of seconds"));
    return {};
  }
  return bad(concat(shown_word(word), " is not known here; $ORIGIN and $TTL are"));
}

Result<void> ZoneReader::record(const Words& words, std::size_t at) {
  seconds ttl = default_ttl_.value_or(last_ttl_);
  bool has_class = false;
  bool has_ttl = false;
  for (; at < words.size(); ++at) {
    const std::string_view word = words[at].text;
    const auto time = parse_zone_ttl(word);
    if (!has_class && iequals(word, "IN")) {
      has_class = true;
    } else if (!has_class && (iequals(word, "CH") || iequals(word, "HS"))) {
      return bad(concat("class ", word, " is not known here; IN is"));
    } else if (!has_ttl && time) {
      has_ttl = true;
      last_ttl_ = ttl = *time;
    } else {
      break;
    }
  }
  if (at == words.size()) return bad("a record without a type");
  const std::string_view word = words[at++].text;
  if (is_other_type(word)) {
    zone_.add_node(owner_);
    return {};
  }
  const auto type = parse_type(word);
  if (!type) return bad(concat(shown_word(word), " is no type of records that is known here"));
  auto data = rdata(*type, words, at);
  if (!data) return bad(concat(word, " of ", owner_, ": ", data.error().detail));
  if (!has_form(*type, *data)) return bad(concat("these octets are no ", word, " record"));
  if (data->size() > kMaxRdata) return bad("a record over 65535 octets");
  zone_.add(owner_, *type, ttl, std::move(*data));
  return {};
}

Result<std::string> ZoneReader::rdata(Type type, const Words& words, std::size_t at) {
  if (at < words.size() && !words[at].quoted && words[at].text == "\\#") {
    return generic_rdata(words, at);
  }
  std::string out;
  switch (type) {
    case Type::a:
    case Type::aaaa:
      MAIL_TRY(want(words, at, 1, "one address"));
      return address_rdata(words[at], type == Type::a);
    case Type::ptr:
    case Type::ns:
    case Type::cname:
      MAIL_TRY(want(words, at, 1, "one name"));
      return name(words[at]);
    case Type::txt:
      return txt_rdata(words, at);
    case Type::soa:
      return soa(words, at);
    case Type::mx: {
      MAIL_TRY(want(words, at, 2, "a number and a name"));
      MAIL_TRY(append_number(out, words[at], 2));
      MAIL_TRY(const std::string host, name(words[at + 1]));
      return out + host;
    }
    case Type::tlsa:
      if (words.size() < at + 4) return bad("here stand three numbers and hexadecimal digits");
      for (std::size_t i = 0; i < 3; ++i) MAIL_TRY(append_number(out, words[at + i], 1));
      {
        MAIL_TRY(const std::string data, parse_zone_hex(words, at + 3));
        return out + data;
      }
    default:
      break;
  }
  if (type != Type::srv) return bad("its data is written as RFC 3597 has it: \\# LENGTH HEX");
  MAIL_TRY(want(words, at, 4, "three numbers and a name"));
  for (std::size_t i = 0; i < 3; ++i) MAIL_TRY(append_number(out, words[at + i], 2));
  MAIL_TRY(const std::string host, name(words[at + 3]));
  return out + host;
}

Result<std::string> ZoneReader::soa(const Words& words, std::size_t at) {
  MAIL_TRY(want(words, at, 7, "two names and five numbers"));
  MAIL_TRY(std::string out, name(words[at]));
  MAIL_TRY(const std::string mailbox, name(words[at + 1]));
  out += mailbox;
  MAIL_TRY(append_number(out, words[at + 2], 4));
  for (std::size_t i = 3; i < 7; ++i) {
    const auto time = parse_zone_ttl(words[at + i].text);
    if (!time) return bad(concat(shown_word(words[at + i].text), " is no number of seconds"));
    append_big_endian(out, static_cast<std::uint32_t>(time->count()));
  }
  return out;
}

Result<std::string> ZoneReader::name(const ZoneWord& word) const {
  std::string_view text = word.text;
  if (text == "@" && !word.quoted) return to_wire(origin_);
  if (text.empty()) return bad("an empty name");
  const auto wire = to_wire(text);
  if (!wire) return bad(concat(shown_word(text), " is no name: ", wire.error().detail));
  // A final dot that is no part of a label makes it absolute. An escape that ends in a dot is "\.".
  std::size_t slashes = 0;
  while (slashes + 1 < text.size() && text[text.size() - 2 - slashes] == '\\') ++slashes;
  if ((text.ends_with('.') && slashes % 2 == 0) || origin_ == ".") return *wire;
  MAIL_TRY(const std::string above, to_wire(origin_));
  std::string whole = wire->substr(0, wire->size() - 1) + above;
  if (whole.size() > kMaxWireName) return bad(concat(shown_word(text), " is over 255 octets here"));
  return whole;
}

Result<Zone> Zone::parse(std::string_view text) {
  ZoneReader reader;
  MAIL_TRY(reader.read(text));
  return reader.take();
}

void Zone::add(const std::string& name, Type type, std::chrono::seconds ttl, std::string rdata) {
  add_node(name);
  Records& records = nodes_.find(name)->second[type];
  records.ttl = records.rdata.empty() ? ttl : std::min(records.ttl, ttl);
  // RFC 2181 §5: a set has no record twice.
  if (std::ranges::find(records.rdata, rdata) != records.rdata.end()) return;
  records.rdata.push_back(std::move(rdata));
  ++records_;
}

// Names above one that is there exist too (RFC 8020 §2).
void Zone::add_node(std::string_view name) {
  for (; !name.empty() && !nodes_.contains(name); name = parent_of(name)) {
    nodes_.try_emplace(std::string(name));
  }
}

// The node of the name, or the wildcard that stands for it (RFC 4592 §3.3.1).
const Zone::Node* Zone::find(std::string_view name) const {
  if (const auto exact = nodes_.find(name); exact != nodes_.end()) return &exact->second;
  for (std::string_view above = parent_of(name); !above.empty(); above = parent_of(above)) {
    if (!nodes_.contains(above)) continue;
    const auto wildcard = nodes_.find(concat("*.", above));
    return wildcard == nodes_.end() ? nullptr : &wildcard->second;
  }
  return nullptr;
}

Answer Zone::look_up(std::string_view asked, Type type) const {
  Answer answer;
  answer.kind = Answer::Kind::no_name;
  answer.ttl = kDefaultTtl;
  const auto normal = normalize_name(asked);
  if (!normal) return answer;
  answer.canonical_name = *normal;
  for (int aliases = 0; aliases <= kMaxAliases; ++aliases) {
    const Node* node = find(answer.canonical_name);
    answer.kind = node == nullptr ? Answer::Kind::no_name : Answer::Kind::no_data;
    if (node == nullptr) return answer;
    const auto found = node->find(type);
    const auto alias = node->find(Type::cname);
    const auto row = found != node->end() ? found : alias;
    if (row == node->end()) return answer;
    answer.ttl = aliases == 0 ? row->second.ttl : std::min(answer.ttl, row->second.ttl);
    if (row == found) {
      answer.kind = Answer::Kind::found;
      answer.records = found->second.rdata;
      return answer;
    }
    const auto target = parse_name_rdata(alias->second.rdata.front());
    MAIL_ASSERT(target.has_value());  // has_form()
    answer.canonical_name = to_lower(*target);
  }
  answer.kind = Answer::Kind::failed;
  answer.why = concat("over ", kMaxAliases, " CNAMEs in a row, or a loop of them");
  return answer;
}

}  // namespace mail::dns
