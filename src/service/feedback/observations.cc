#include "service/feedback/observations.h"

#include <tuple>
#include <utility>

namespace mail::feedback {
namespace {

constexpr std::size_t kMaxSignatures = 10;

std::string word(dmarc::Policy policy) { return std::string(dmarc::to_string(policy)); }

PublishedPolicy policy_of(const dmarc::Outcome& outcome) {
  const dmarc::Record& record = outcome.record;
  PublishedPolicy policy;
  policy.domain = outcome.record_domain;
  policy.adkim = record.strict_dkim ? "s" : "r";
  policy.aspf = record.strict_spf ? "s" : "r";
  policy.p = word(record.policy);
  if (record.subdomain) policy.sp = word(*record.subdomain);
  if (record.nonexistent) policy.np = word(*record.nonexistent);
  policy.testing = record.testing;
  policy.discovery_method = "treewalk";
  policy.fo = record.failure_options;
  return policy;
}

// In the words of RFC 7489 appendix C; the aggregate draft has "pass" for mail that an enforcing
// policy let through because it passed.
std::string disposition_of(const dmarc::Outcome& outcome, Disposed::As as) {
  const bool enforcing = outcome.policy != dmarc::Policy::none;
  if (outcome.verdict == dmarc::Verdict::pass && enforcing) return "pass";
  if (as == Disposed::As::taken) return "none";
  return as == Disposed::As::junk ? "quarantine" : "reject";
}

ReportRow row_of(const mailauth::Findings& findings, const dmarc::Outcome& outcome) {
  ReportRow row;
  row.count = 1;
  row.dkim = outcome.aligned_dkim.empty() ? "fail" : "pass";
  row.spf = outcome.aligned_spf.empty() ? "fail" : "pass";
  row.header_from = outcome.domain;
  for (const dkim::SignatureResult& signature : findings.dkim.signatures) {
    if (row.dkim_results.size() == kMaxSignatures) break;
    if (signature.domain.empty()) continue;
    row.dkim_results.push_back({.domain = signature.domain,
                                .selector = signature.selector,
                                .result = std::string(dkim::to_string(signature.verdict))});
  }
  return row;
}

auto key(const Observation& seen) {
  const PublishedPolicy& policy = seen.policy;
  const ReportRow& row = seen.row;
  return std::tie(seen.day, policy.domain, row.source_ip, row.header_from, row.envelope_from,
                  row.disposition, row.dkim, row.spf, row.reasons, row.envelope_to,
                  row.dkim_results, row.spf_results, policy.adkim, policy.aspf, policy.p, policy.sp,
                  policy.np, policy.testing, policy.discovery_method, policy.fo);
}

}  // namespace

std::vector<Observation> observations_of(const mailauth::Findings& findings,
                                         const Disposed& disposed) {
  std::vector<Observation> out;
  for (const dmarc::Outcome& outcome : findings.dmarc) {
    if (outcome.record_domain.empty() || outcome.record.aggregate_uris.empty()) continue;
    ReportRow row = row_of(findings, outcome);
    row.source_ip = disposed.source.to_string();
    row.disposition = disposition_of(outcome, disposed.as);
    if (!disposed.why_not_as_asked.empty()) {
      row.reasons.push_back({"local_policy", disposed.why_not_as_asked});
    }
    row.envelope_from = disposed.mail_from_domain;
    if (!findings.spf.domain.empty()) {
      row.spf_results.push_back({.domain = findings.spf.domain,
                                 .scope = disposed.mail_from_domain.empty() ? "" : "mfrom",
                                 .result = std::string(spf::to_string(findings.spf.verdict))});
    }
    out.push_back({.day = std::chrono::floor<std::chrono::days>(disposed.at),
                   .policy = policy_of(outcome),
                   .row = std::move(row)});
  }
  return out;
}

void Observations::disposed(const mailauth::Findings& findings, const Disposed& disposed) {
  note(observations_of(findings, disposed));
}

bool Observations::Order::operator()(const Observation& a, const Observation& b) const {
  return key(a) < key(b);
}

void Observations::note(std::vector<Observation> observations) {
  const std::scoped_lock lock(mutex_);
  for (Observation& seen : observations) {
    const auto found = counts_.find(seen);
    if (found != counts_.end()) {
      found->second += seen.row.count;
    } else if (counts_.size() < kMaxHeld) {
      const std::uint64_t count = seen.row.count;
      counts_.emplace(std::move(seen), count);
    }
  }
}

std::vector<Observation> Observations::take() {
  std::map<Observation, std::uint64_t, Order> counts;
  {
    const std::scoped_lock lock(mutex_);
    counts.swap(counts_);
  }
  std::vector<Observation> out;
  out.reserve(counts.size());
  while (!counts.empty()) {
    auto node = counts.extract(counts.begin());
    out.push_back(std::move(node.key()));
    out.back().row.count = node.mapped();
  }
  return out;
}

}  // namespace mail::feedback
