#include "service/door/decision.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/text.h"
#include "codec/mailauth/authentication_results.h"
#include "service/door/listing.h"

namespace mail::door {
namespace {

using mailauth::Findings;

std::string points(double score) {
  const long tenths = std::lround(score * 10);
  return concat(tenths < 0 ? "-" : "", std::abs(tenths) / 10, '.', std::abs(tenths) % 10);
}

// "blocklist bl.example 5.0, no reverse name 2.0"
std::string listing(const std::vector<Signal>& signals) {
  std::string out;
  for (const Signal& signal : signals) {
    if (!out.empty()) out += ", ";
    append(out, signal.name, ' ', points(signal.weight));
  }
  return out;
}

const Signal* heaviest(const std::vector<Signal>& signals) {
  const auto found = std::ranges::max_element(signals, {}, &Signal::weight);
  return found == signals.end() || found->weight <= 0 ? nullptr : &*found;
}

bool is_trusted(const Settings& settings, const std::string& sealer) {
  return std::ranges::find(settings.trusted_forwarders, sealer) !=
         settings.trusted_forwarders.end();
}

// The oldest set that we have from trusted hands without anybody else's between them and us; null:
// the last who sealed is not trusted.
const arc::Set* trusted_set(const Settings& settings, const Findings& findings) {
  if (findings.arc.verdict != arc::Verdict::pass) return nullptr;
  const arc::Set* oldest = nullptr;
  for (auto set = findings.arc.sets.rbegin(); set != findings.arc.sets.rend(); ++set) {
    if (!is_trusted(settings, set->sealer)) break;
    oldest = &*set;
  }
  return oldest;
}

bool vouches_for_dmarc(const arc::Set& set) {
  const auto results = authres::parse_authentication_results(set.authentication_results);
  return results && std::ranges::any_of(results->results, [](const authres::MethodResult& each) {
           return each.method == "dmarc" && each.result == "pass";
         });
}

bool too_many_authors(const Findings& findings) {
  return findings.authors.kind == mailauth::AuthorDomains::Kind::too_many;
}

// What makes a forgery of what may be a mailing list: nothing, or a sentence.
std::optional<std::string> second_signal(const Settings& settings, const Evidence& evidence,
                                         const Findings& findings) {
  for (const Signal& signal : evidence.signals) {
    if (signal.name.starts_with(kBlocklisted)) return signal.reason;
  }
  if (evidence.score() >= settings.junk_score) {
    return concat("its score is ", points(evidence.score()));
  }
  if (findings.spf.verdict == spf::Verdict::pass || trusted_set(settings, findings) != nullptr) {
    return std::nullopt;
  }
  if (findings.spf.verdict == spf::Verdict::temperror) return std::nullopt;  // nothing is known
  return "neither SPF nor a forwarder we trust vouches for it";
}

Decision refusal_by_dmarc(const dmarc::Outcome& dmarc, std::string_view second) {
  const std::string reply =
      concat(dmarc.domain, " asks to refuse what is not from it (DMARC p=reject), and this fails",
             second.empty() ? "" : "; ", second);
  return {Fate::refuse, concat("dmarc fail ", dmarc.domain, " p=reject; ", second), reply, "5.7.1"};
}

// As if the outcome were a fail.
Decision decide_failure(Mode mode, const Settings& settings, const Evidence& evidence,
                        const dmarc::Outcome& dmarc) {
  if (dmarc.policy == dmarc::Policy::none) return {};
  Decision junk{Fate::junk,
                concat("dmarc fail ", dmarc.domain, " p=", dmarc::to_string(dmarc.policy)),
                {},
                {}};
  if (mode == Mode::junk || dmarc.policy == dmarc::Policy::quarantine) return junk;
  if (mode == Mode::enforce) return refusal_by_dmarc(dmarc, "");
  const auto second = second_signal(settings, evidence, *evidence.findings);
  return second ? refusal_by_dmarc(dmarc, *second) : junk;
}

Decision decide_by_dmarc(Mode mode, const Settings& settings, const Evidence& evidence) {
  if (evidence.findings == nullptr || mode == Mode::observe) return {};
  const Findings& findings = *evidence.findings;
  if (too_many_authors(findings)) {
    return {Fate::junk, "more author domains than are looked at", {}, {}};
  }
  const dmarc::Outcome* dmarc = findings.dmarc_decisive();
  if (dmarc == nullptr) return {};
  if (fails_dmarc(settings, findings)) {
    return decide_failure(mode, settings, evidence, *dmarc);
  }
  if (dmarc->verdict != dmarc::Verdict::temperror) return {};
  // Its record is not known, or it is and what might be aligned is not. (RFC 7208 §8.6)
  const bool hangs = dmarc->record_domain.empty()
                         ? mode == Mode::enforce
                         : decide_failure(mode, settings, evidence, *dmarc).fate == Fate::refuse;
  if (!hangs) return {};
  return {Fate::defer, concat("dmarc temperror ", dmarc->domain),
          concat("The DNS does not say now whether this is from ", dmarc->domain), "4.4.3"};
}

}  // namespace

Decision decide_by_score(Mode mode, const Settings& settings, const Evidence& evidence) {
  const double score = evidence.score();
  if (mode == Mode::observe || score < settings.junk_score) return {};
  const std::string reason = concat("score ", points(score), ": ", listing(evidence.signals));
  const Signal* worst = heaviest(evidence.signals);
  if (mode == Mode::junk || score < settings.reject_score || worst == nullptr) {
    return {Fate::junk, reason, {}, {}};
  }
  return {Fate::refuse, reason, worst->reason.empty() ? worst->name : worst->reason, "5.7.1"};
}

Decision decide(Mode mode, const Settings& settings, const Evidence& evidence) {
  Decision by_dmarc = decide_by_dmarc(mode, settings, evidence);
  Decision by_score = decide_by_score(mode, settings, evidence);
  return by_score.fate > by_dmarc.fate ? by_score : by_dmarc;
}

std::vector<std::string> tags_of(const Settings& settings, const Evidence& evidence) {
  std::vector<std::string> tags;
  if (evidence.score() >= settings.junk_score) {
    tags.push_back(concat("score=", points(evidence.score())));
  }
  if (evidence.findings == nullptr) return tags;
  const Findings& findings = *evidence.findings;
  const dmarc::Outcome* dmarc = findings.dmarc_decisive();
  if (findings.authors.kind == mailauth::AuthorDomains::Kind::none) tags.emplace_back("no-author");
  if (too_many_authors(findings)) tags.emplace_back("too-many-authors");
  if (dmarc != nullptr && dmarc->verdict == dmarc::Verdict::fail) {
    const bool fails = fails_dmarc(settings, findings);
    tags.emplace_back(fails ? "dmarc=fail" : "dmarc=fail-arc-trusted");
  }
  const bool trouble = findings.spf.verdict == spf::Verdict::temperror ||
                       findings.arc.verdict == arc::Verdict::temperror ||
                       (dmarc != nullptr && dmarc->verdict == dmarc::Verdict::temperror) ||
                       std::ranges::any_of(findings.dkim.signatures, [](const auto& each) {
                         return each.verdict == dkim::Verdict::temperror;
                       });
  if (trouble) tags.emplace_back("temperror");
  return tags;
}

bool fails_dmarc(const Settings& settings, const Findings& findings) {
  const dmarc::Outcome* dmarc = findings.dmarc_decisive();
  if (dmarc == nullptr || dmarc->verdict != dmarc::Verdict::fail) return false;
  const arc::Set* set = trusted_set(settings, findings);
  return set == nullptr || !vouches_for_dmarc(*set);
}

bool is_unauthenticated(const Findings& findings) {
  bool failed =
      findings.spf.verdict == spf::Verdict::fail || findings.spf.verdict == spf::Verdict::softfail;
  if (findings.spf.verdict == spf::Verdict::pass) return false;
  for (const dkim::SignatureResult& each : findings.dkim.signatures) {
    if (each.verdict == dkim::Verdict::pass) return false;
    failed = failed || each.verdict == dkim::Verdict::fail;
  }
  return failed;
}

}  // namespace mail::door
