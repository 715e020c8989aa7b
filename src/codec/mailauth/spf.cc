#include "codec/mailauth/spf.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/task.h"
#include "base/text.h"
#include "codec/address/utf8.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/names.h"
#include "codec/mailauth/spf_macro.h"
#include "codec/mailauth/spf_record.h"

namespace mail::spf {
namespace {

using AnswerKind = dns::Answer::Kind;

constexpr std::size_t kMaxExplanation = 512;

// What a record, or a domain's whole evaluation, came to.
struct Judgement {
  Verdict verdict = Verdict::none;
  std::string mechanism;
  std::string reason;
  std::string exp_domain{};  // of the record that said "fail", for %{d} in its explanation
  std::string exp_spec{};    // its exp=
};

Judgement temperror(std::string_view name, std::string_view why) {
  return {Verdict::temperror, "",
          concat("DNS could not tell about ", shown(name), ": ", shown(why))};
}
Judgement permerror(std::string why) { return {Verdict::permerror, "", std::move(why)}; }

Verdict verdict_of(Qualifier qualifier) {
  switch (qualifier) {
    case Qualifier::pass:
      return Verdict::pass;
    case Qualifier::fail:
      return Verdict::fail;
    case Qualifier::softfail:
      return Verdict::softfail;
    case Qualifier::neutral:
      break;
  }
  return Verdict::neutral;
}

// A name that check_host() is called for (RFC 7208 §4.3): of several labels, and printable, for it
// comes from the network. Normalized; nothing otherwise.
std::optional<std::string> well_formed(std::string_view domain) {
  const auto printable = [](char c) { return c > ' ' && c <= '~' && c != '\\'; };
  if (domain.starts_with('[') || !std::ranges::all_of(domain, printable)) return std::nullopt;
  auto name = dns::normalize_name(domain);
  if (!name || name->find('.') == std::string::npos || *name == ".") return std::nullopt;
  return std::move(*name);
}

bool is_void(const dns::Answer& answer) {
  return answer.kind == AnswerKind::no_data || answer.kind == AnswerKind::no_name;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::none:
      break;
    case Verdict::neutral:
      return "neutral";
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::softfail:
      return "softfail";
    case Verdict::temperror:
      return "temperror";
    case Verdict::permerror:
      return "permerror";
  }
  return "none";
}

namespace {

class Check final : public mailauth::Evaluation<Outcome>::Run {
 public:
  explicit Check(Subject subject) : subject_(std::move(subject)) { start(run()); }

 private:
  // Whether a mechanism matched, or what ends the whole check.
  struct Match {
    bool matched = false;
    std::optional<Judgement> error{};
  };
  Task<void> run();
  Task<Judgement> check_host(std::string domain);
  Task<Judgement> evaluate(const Record& record, const std::string& domain);
  Task<Judgement> redirect(const Record& record, const std::string& domain);
  Task<Match> matches(const Directive& directive, const std::string& domain);
  Task<Match> include(std::string target);
  Task<Match> match_addresses(const Directive& directive, std::string target);
  Task<Match> match_mx(const Directive& directive, std::string target);
  Task<Match> match_exists(std::string target);
  Task<Match> match_ptr(std::string target);
  Task<void> explain(const Judgement& judgement);

  // The names of the client whose addresses include it (RFC 7208 §5.5); asked once per check.
  Task<void> validate_client();
  // The target-name; nothing where it is no name. Asks where there is a %{p}.
  Task<std::optional<std::string>> target_name(std::string_view spec, const std::string& domain);
  MacroValues values(std::string_view domain) const;
  std::string_view validated_name(std::string_view domain) const;

  dns::Type address_type() const {
    return subject_.client.is_v4() ? dns::Type::a : dns::Type::aaaa;
  }
  bool has_client(const dns::Answer& answer, const Directive& directive) const;
  // RFC 8616 §4: "terms that include %{s} or %{l} do not match anything" then.
  bool is_beyond_ascii(std::string_view spec) const {
    return !is_ascii(subject_.local_part) && (uses_macro(spec, 's') || uses_macro(spec, 'l'));
  }
  // Counts a look-up that found nothing; true over the limit.
  bool void_limit_broken(const dns::Answer& answer) {
    return is_void(answer) && ++void_lookups_ > kMaxVoidLookups;
  }
  static Judgement too_many_void() {
    return permerror(concat("over ", kMaxVoidLookups, " look-ups found nothing"));
  }

  Subject subject_;
  int terms_ = 0;
  int void_lookups_ = 0;
  std::vector<std::string> validated_;  // names of the client, normalized
  bool client_validated_ = false;
};

Task<void> Check::run() {
  if (subject_.domain.empty()) {  // RFC 7208 §2.4
    subject_.domain = subject_.helo;
    subject_.local_part = "postmaster";
  }
  if (subject_.local_part.empty()) subject_.local_part = "postmaster";  // RFC 7208 §4.3
  outcome_.domain = shown(to_lower(subject_.domain));
  Judgement judgement = co_await check_host(subject_.domain);
  co_await explain(judgement);
  outcome_.verdict = judgement.verdict;
  outcome_.mechanism = std::move(judgement.mechanism);
  outcome_.reason = std::move(judgement.reason);
}

Task<Judgement> Check::check_host(std::string domain) {
  const auto name = well_formed(domain);
  if (!name) co_return Judgement{Verdict::none, "", concat(shown(domain), " is no mail domain")};
  const dns::Answer answer = co_await ask_one(*name, dns::Type::txt);
  if (answer.kind == AnswerKind::failed) co_return temperror(*name, answer.why);
  std::vector<std::string> records;
  for (const std::string& rdata : answer.records) {
    auto text = dns::parse_txt(rdata);
    if (text && is_record(*text)) records.push_back(std::move(*text));
  }
  if (records.empty()) {
    co_return Judgement{Verdict::none, "", concat(shown(*name), " publishes no SPF record")};
  }
  if (records.size() > 1) {  // RFC 7208 §4.5
    co_return permerror(concat(shown(*name), " publishes ", records.size(), " SPF records"));
  }
  const auto record = parse_record(records.front());
  if (!record) {
    co_return permerror(concat("bad SPF record of ", shown(*name), ": ", record.error().detail));
  }
  co_return co_await evaluate(*record, *name);
}

Task<Judgement> Check::evaluate(const Record& record, const std::string& domain) {
  for (const Directive& directive : record.directives) {
    Match match = co_await matches(directive, domain);
    if (match.error) co_return std::move(*match.error);
    if (!match.matched) continue;
    Judgement judgement;
    judgement.verdict = verdict_of(directive.qualifier);
    judgement.mechanism = shown(directive.text);
    judgement.reason = concat(subject_.client.to_string(), " matches \"", judgement.mechanism,
                              "\" of ", shown(domain));
    judgement.exp_domain = domain;
    judgement.exp_spec = record.explanation;
    co_return judgement;
  }
  if (!record.redirect.empty() && !is_beyond_ascii(record.redirect)) {
    co_return co_await redirect(record, domain);
  }
  co_return Judgement{Verdict::neutral, "",  // RFC 7208 §4.7
                      concat("nothing in the SPF record of ", shown(domain), " matches ",
                             subject_.client.to_string())};
}

Task<Judgement> Check::redirect(const Record& record, const std::string& domain) {
  if (++terms_ > kMaxTerms) {
    co_return permerror(concat("over ", kMaxTerms, " terms that need DNS"));
  }
  const auto target = co_await target_name(record.redirect, domain);
  if (!target) co_return permerror(concat("redirect= of ", shown(domain), " leads to no name"));
  Judgement judgement = co_await check_host(*target);
  // RFC 7208 §6.1: permerror, where there is no record behind it.
  if (judgement.verdict == Verdict::none) co_return permerror(std::move(judgement.reason));
  co_return judgement;
}

Task<Check::Match> Check::matches(const Directive& directive, const std::string& domain) {
  using Kind = Directive::Kind;
  if (directive.kind == Kind::all) co_return Match{true};
  if (directive.kind == Kind::ip) {
    co_return Match{directive.is_v4 == subject_.client.is_v4() &&
                    directive.network.contains(subject_.client)};
  }
  if (++terms_ > kMaxTerms) {  // RFC 7208 §4.6.4
    co_return Match{false, permerror(concat("over ", kMaxTerms, " terms that need DNS"))};
  }
  std::optional<std::string> target = domain;
  if (!directive.domain_spec.empty()) {
    target = co_await target_name(directive.domain_spec, domain);
  }
  if (!target) {
    // RFC 7208 §4.8 leaves open what happens without a name to ask for; we match nothing. But §5.2
    // has include in trouble.
    if (directive.kind != Kind::include || is_beyond_ascii(directive.domain_spec)) {
      co_return Match{};
    }
    co_return Match{false, permerror(concat("an include of ", shown(domain), " leads to no name"))};
  }
  switch (directive.kind) {
    case Kind::include:
      co_return co_await include(*target);
    case Kind::a:
      co_return co_await match_addresses(directive, *target);
    case Kind::mx:
      co_return co_await match_mx(directive, *target);
    case Kind::ptr:
      co_return co_await match_ptr(*target);
    default:
      co_return co_await match_exists(*target);
  }
}

// The table of RFC 7208 §5.2.
Task<Check::Match> Check::include(std::string target) {
  Judgement inner = co_await check_host(target);
  switch (inner.verdict) {
    case Verdict::pass:
      co_return Match{true};
    case Verdict::temperror:
    case Verdict::permerror:
      co_return Match{false, std::move(inner)};
    case Verdict::none:
      co_return Match{false, permerror(concat("an include: ", inner.reason))};
    default:
      co_return Match{};
  }
}

Task<Check::Match> Check::match_addresses(const Directive& directive, std::string target) {
  const dns::Answer answer = co_await ask_one(target, address_type());
  if (answer.kind == AnswerKind::failed) co_return Match{false, temperror(target, answer.why)};
  if (void_limit_broken(answer)) co_return Match{false, too_many_void()};
  co_return Match{has_client(answer, directive)};
}

Task<Check::Match> Check::match_mx(const Directive& directive, std::string target) {
  const dns::Answer answer = co_await ask_one(target, dns::Type::mx);
  if (answer.kind == AnswerKind::failed) co_return Match{false, temperror(target, answer.why)};
  if (void_limit_broken(answer)) co_return Match{false, too_many_void()};
  if (answer.records.size() > kMaxHosts) {  // RFC 7208 §4.6.4
    co_return Match{false,
                    permerror(concat(shown(target), " has over ", kMaxHosts, " MX records"))};
  }
  std::vector<Question> questions;
  for (const std::string& rdata : answer.records) {
    const auto mx = dns::parse_mx(rdata);
    if (!mx || mx->host == ".") continue;  // RFC 7505: no host at all
    questions.push_back({to_lower(mx->host), address_type()});
  }
  if (questions.empty()) co_return Match{};
  const Answers hosts = co_await ask(std::move(questions));
  // DNS hands MX records out in no order: a host that matches counts before one that is in trouble,
  // so that the outcome is the same each time.
  for (const dns::Answer& host : hosts) {
    if (has_client(host, directive)) co_return Match{true};
  }
  for (const dns::Answer& host : hosts) {
    if (host.kind == AnswerKind::failed) co_return Match{false, temperror(target, host.why)};
  }
  for (const dns::Answer& host : hosts) {
    if (void_limit_broken(host)) co_return Match{false, too_many_void()};
  }
  co_return Match{};
}

Task<Check::Match> Check::match_exists(std::string target) {
  // RFC 7208 §5.7: A, for clients of IPv6 too.
  const dns::Answer answer = co_await ask_one(target, dns::Type::a);
  if (answer.kind == AnswerKind::failed) co_return Match{false, temperror(target, answer.why)};
  if (void_limit_broken(answer)) co_return Match{false, too_many_void()};
  co_return Match{answer.kind == AnswerKind::found};
}

Task<Check::Match> Check::match_ptr(std::string target) {
  co_await validate_client();
  co_return Match{std::ranges::any_of(
      validated_, [&](const std::string& name) { return mailauth::is_within(name, target); })};
}

// Errors here only mean that a name is not validated (RFC 7208 §5.5). Nor are void look-ups
// counted: these zones belong to the client's network, which must not choose a permerror (§4.6.4
// says so of the limit on names).
Task<void> Check::validate_client() {
  if (std::exchange(client_validated_, true)) co_return;
  const dns::Answer pointers = co_await ask_one(dns::reverse_name(subject_.client), dns::Type::ptr);
  std::vector<Question> questions;
  for (const std::string& rdata : pointers.records) {
    if (questions.size() == kMaxHosts) break;  // RFC 7208 §4.6.4: "MUST be ignored"
    const auto name = dns::parse_name_rdata(rdata);
    if (name && *name != ".") questions.push_back({to_lower(*name), address_type()});
  }
  if (questions.empty()) co_return;
  const std::vector<Question> names = questions;
  const Answers addresses = co_await ask(std::move(questions));
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (has_client(addresses[i], Directive{})) validated_.push_back(names[i].name);
  }
}

// RFC 7208 §6.2: after everything else, outside the limits; any trouble is as no exp= at all.
Task<void> Check::explain(const Judgement& judgement) {
  if (judgement.verdict != Verdict::fail || judgement.exp_spec.empty()) co_return;
  const auto target = co_await target_name(judgement.exp_spec, judgement.exp_domain);
  if (!target) co_return;
  const dns::Answer answer = co_await ask_one(*target, dns::Type::txt);
  if (answer.kind != AnswerKind::found || answer.records.size() != 1) co_return;
  const auto text = dns::parse_txt(answer.records.front());
  if (!text || !is_macro_string(*text, MacroContext::explanation)) co_return;
  if (uses_macro(*text, 'p')) co_await validate_client();
  auto expanded = expand(*text, values(judgement.exp_domain));
  if (!expanded) co_return;
  std::string& out = outcome_.explanation = std::move(*expanded);
  if (out.size() > kMaxExplanation) out.resize(kMaxExplanation);
  // A local part or a HELO may have brought controls along.
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
}

Task<std::optional<std::string>> Check::target_name(std::string_view spec,
                                                    const std::string& domain) {
  if (uses_macro(spec, 'p')) co_await validate_client();
  co_return expand_domain(spec, values(domain));
}

MacroValues Check::values(std::string_view domain) const {
  return {.client = subject_.client,
          .local_part = subject_.local_part,
          .sender_domain = subject_.domain,
          .domain = domain,
          .helo = subject_.helo,
          .validated = validated_name(domain),
          .receiver = subject_.receiver,
          .now = subject_.now};
}

// RFC 7208 §7.3: the domain itself, else one below it, else any.
std::string_view Check::validated_name(std::string_view domain) const {
  if (validated_.empty()) return {};
  std::string_view best;
  for (const std::string& name : validated_) {
    if (name == domain) return name;
    if (best.empty() && mailauth::is_within(name, domain)) best = name;
  }
  return best.empty() ? std::string_view(validated_.front()) : best;
}

bool Check::has_client(const dns::Answer& answer, const Directive& directive) const {
  const bool v4 = subject_.client.is_v4();
  const auto prefix =
      v4 ? static_cast<std::uint8_t>(directive.v4_prefix + 96) : directive.v6_prefix;
  return std::ranges::any_of(answer.records, [&](const std::string& rdata) {
    const auto address = v4 ? dns::parse_a(rdata) : dns::parse_aaaa(rdata);
    return address && IpNetwork{*address, prefix}.contains(subject_.client);
  });
}

}  // namespace

Evaluator::Evaluator(Subject subject) : Evaluation(std::make_unique<Check>(std::move(subject))) {}

}  // namespace mail::spf
