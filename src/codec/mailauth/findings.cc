#include "codec/mailauth/findings.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/text.h"
#include "codec/address/ip_address.h"
#include "codec/dns/name.h"
#include "codec/mailauth/names.h"
#include "codec/message/address_list.h"
#include "codec/message/header_block.h"

namespace mail::mailauth {
namespace {

using Kind = AuthorDomains::Kind;

constexpr std::size_t kMaxAuthors = 100;  // each U-label costs a conversion

// The domains of an address list that parse_address_list() took, as they are written, but without
// comments and blanks. That the syntax is known to be good keeps this to what tells domains from
// the rest.
class DomainReader {
 public:
  explicit DomainReader(std::string_view list) : list_(list) {}

  // False at the end, and where there is a source route (`has_route()`).
  bool next(std::string* domain) {
    while (at_ < list_.size()) {
      const char c = list_[at_];
      if (c == '(') {
        skip_comment();
      } else if (c == '"') {
        skip_enclosed('"');
        before_ = c;
      } else if (c == '@') {
        ++at_;
        has_route_ = before_ == '<' || before_ == ',';
        if (has_route_) return false;
        read_domain(domain);
        return true;
      } else {
        if (!is_blank(c)) before_ = c;
        ++at_;
      }
    }
    return false;
  }
  bool has_route() const { return has_route_; }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t'; }
  void skip_pair() { at_ = std::min(at_ + 2, list_.size()); }
  void skip_comment() {
    std::size_t depth = 0;
    while (at_ < list_.size()) {
      const char c = list_[at_];
      if (c == '\\') {
        skip_pair();
        continue;
      }
      ++at_;
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return;
    }
  }
  // Behind the octet that closes what begins here.
  void skip_enclosed(char close) {
    for (++at_; at_ < list_.size() && list_[at_] != close;) {
      list_[at_] == '\\' ? skip_pair() : void(++at_);
    }
    if (at_ < list_.size()) ++at_;
  }
  void read_domain(std::string* domain) {
    domain->clear();
    while (at_ < list_.size()) {
      const char c = list_[at_];
      if (c == '(') {
        skip_comment();
      } else if (is_blank(c)) {
        ++at_;
      } else if (c == '[') {
        const std::size_t start = at_;
        skip_enclosed(']');
        domain->append(list_.substr(start, at_ - start));
      } else if (c == '>' || c == ',' || c == ';') {
        return;
      } else {
        domain->push_back(c);
        ++at_;
      }
    }
  }

  std::string_view list_;
  std::size_t at_ = 0;
  char before_ = '\0';  // the last octet that is neither blank nor comment
  bool has_route_ = false;
};

// Empty where no mail can come from such a domain.
std::string normal_domain(std::string_view written, const Idn* idn) {
  if (written.starts_with('[')) {
    const auto address = IpAddress::parse_literal(written);
    return address ? address->to_literal() : "";
  }
  std::string domain = to_lower(to_a_labels(written, idn));
  return dns::is_host_name(domain) ? domain : "";
}

// Adds what one From field says; false where it cannot be read in one way only.
bool add_authors(std::string_view value, const Idn* idn, std::size_t* authors,
                 AuthorDomains::Domains* domains) {
  const std::string list = message::unfold(value);
  // RFC 5322 §4 lets old programs write controls; readers cut or show the text there as they like.
  const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7F'; };
  if (std::ranges::any_of(list, is_control)) return false;
  const auto shape = message::parse_address_list(list);
  if (!shape) return false;
  *authors += shape->mailboxes;
  if (*authors > kMaxAuthors) return true;
  DomainReader reader(list);
  std::size_t found = 0;
  for (std::string written; reader.next(&written); ++found) {
    std::string domain = normal_domain(written, idn);
    if (domain.empty()) return false;
    if (std::ranges::find(*domains, domain) == domains->end()) domains->push_back(domain);
  }
  // A route (RFC 5322 §4.4) names domains that are not the author's; nobody writes one any more but
  // to be shown as somebody else.
  return !reader.has_route() && found == shape->mailboxes;
}

int rank(dmarc::Verdict verdict) {
  switch (verdict) {
    case dmarc::Verdict::fail:
      return 3;
    case dmarc::Verdict::temperror:
      return 2;
    case dmarc::Verdict::none:
      return 1;
    case dmarc::Verdict::pass:
      break;
  }
  return 0;
}

using authres::MethodResult;

// RFC 8601 §2.7.2. The domain alone: SPF does not vouch for local parts.
MethodResult describe_spf(const spf::Outcome& spf, const Envelope& envelope) {
  MethodResult result{"spf", std::string(to_string(spf.verdict))};
  if (spf.verdict != spf::Verdict::pass) result.reason = spf.reason;
  if (envelope.mail_from.find('@') == std::string::npos) {  // RFC 7208 §2.4
    if (!envelope.helo.empty()) result.properties.push_back({"smtp", "helo", envelope.helo});
  } else {
    result.properties.push_back({"smtp", "mailfrom", spf.domain});
  }
  return result;
}

void append_property(MethodResult& result, std::string_view name, const std::string& value) {
  if (!value.empty()) result.properties.push_back({"header", std::string(name), value});
}

// RFC 8601 §2.7.1, and RFC 6008 for header.b.
MethodResult describe_signature(const dkim::SignatureResult& signature) {
  MethodResult result{"dkim", std::string(to_string(signature.verdict)), signature.reason};
  append_property(result, "d", signature.domain);
  append_property(result, "i", signature.identity);
  append_property(result, "s", signature.selector);
  append_property(result, "a", signature.algorithm);
  append_property(result, "b", signature.b_prefix);
  return result;
}

std::string_view why_no_author(Kind kind) {
  return kind == Kind::too_many ? "too many author domains" : "no author domain";
}

// dmarcbis §9 for policy.dmarc.
MethodResult describe_dmarc(const Findings& findings) {
  MethodResult result{"dmarc", "none"};
  const dmarc::Outcome* dmarc = findings.dmarc_decisive();
  if (dmarc == nullptr) {
    result.reason = why_no_author(findings.authors.kind);
    return result;
  }
  result.result = to_string(dmarc->verdict);
  if (dmarc->verdict != dmarc::Verdict::pass) result.reason = dmarc->reason;
  append_property(result, "from", dmarc->domain);
  if (!dmarc->record_domain.empty()) {
    result.properties.push_back({"policy", "dmarc", std::string(to_string(dmarc->policy))});
  }
  return result;
}

// RFC 8617 §6, §10.2.
MethodResult describe_arc(const arc::Outcome& arc, const Envelope& envelope) {
  MethodResult result{"arc", std::string(to_string(arc.verdict))};
  if (arc.verdict == arc::Verdict::none) return result;
  if (arc.verdict != arc::Verdict::pass) result.reason = arc.reason;
  if (!envelope.client.empty()) {
    result.properties.push_back({"smtp", "remote-ip", envelope.client});
  }
  if (arc.verdict == arc::Verdict::pass) {
    append_property(result, "oldest-pass", concat(arc.oldest_pass));
  }
  return result;
}

}  // namespace

AuthorDomains author_domains(std::string_view header_block, const Idn* idn) {
  AuthorDomains found;
  message::HeaderScanner scanner(header_block);
  message::HeaderField field;
  bool readable = true;
  std::size_t authors = 0;
  while (scanner.next(&field)) {
    if (!iequals(field.name, "From")) continue;
    ++found.from_fields;
    readable = readable && add_authors(field.value, idn, &authors, &found.domains);
  }
  if (!readable) {
    found.domains.clear();
  } else if (authors > kMaxAuthors || found.domains.size() > kMaxAuthorDomains) {
    found.kind = Kind::too_many;
    found.domains.clear();
  } else if (!found.domains.empty()) {
    found.kind = found.domains.size() == 1 ? Kind::one : Kind::several;
  }
  return found;
}

const dmarc::Outcome* Findings::dmarc_decisive() const {
  const auto weaker = [](const dmarc::Outcome& a, const dmarc::Outcome& b) {
    return std::pair(rank(a.verdict), a.policy) < std::pair(rank(b.verdict), b.policy);
  };
  const auto decisive = std::ranges::max_element(dmarc, weaker);
  return decisive == dmarc.end() ? nullptr : &*decisive;
}

authres::AuthenticationResults describe(const Findings& findings, const Envelope& envelope,
                                        std::string_view authserv_id) {
  authres::AuthenticationResults results{std::string(authserv_id), {}};
  results.results.push_back(describe_spf(findings.spf, envelope));
  for (const dkim::SignatureResult& signature : findings.dkim.signatures) {
    results.results.push_back(describe_signature(signature));
  }
  if (findings.dkim.signatures.empty()) results.results.push_back({"dkim", "none"});
  results.results.push_back(describe_dmarc(findings));
  results.results.push_back(describe_arc(findings.arc, envelope));
  return results;
}

}  // namespace mail::mailauth
