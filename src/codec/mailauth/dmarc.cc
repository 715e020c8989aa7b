#include "codec/mailauth/dmarc.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/task.h"
#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "codec/mailauth/names.h"

namespace mail::dmarc {
namespace {

using AnswerKind = dns::Answer::Kind;

constexpr std::size_t kMaxLookups = 8;  // dmarcbis §4.10

// What a name publishes at _dmarc.
struct Lookup {
  std::optional<Record> record;
  bool failed = false;
};

// The name above; empty above the last label.
std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

// The targets of a walk from the longest (dmarcbis §4.10, steps 3 to 7).
std::vector<std::string> walk_targets(const std::string& start) {
  std::vector<std::string> targets{start};
  std::string_view name = parent_of(start);
  while (static_cast<std::size_t>(std::ranges::count(name, '.')) + 1 >= kMaxLookups) {
    name = parent_of(name);
  }
  for (; !name.empty(); name = parent_of(name)) targets.emplace_back(name);
  return targets;
}

// A host name of several labels, normalized; what is none is asked for nowhere.
std::string normal(std::string_view domain) {
  auto name = dns::normalize_name(domain);
  if (!name || !dns::is_host_name(*name) || name->find('.') == std::string::npos) return "";
  return std::move(*name);
}

Lookup read(const dns::Answer& answer) {
  Lookup lookup;
  lookup.failed = answer.kind == AnswerKind::failed;
  std::size_t records = 0;
  for (const std::string& rdata : answer.records) {
    const auto text = dns::parse_txt(rdata);
    if (!text || !is_record(*text)) continue;
    ++records;
    if (auto record = parse_record(*text)) lookup.record = std::move(*record);
  }
  if (records > 1) lookup.record.reset();  // dmarcbis §4.10 step 2: "they are all discarded"
  return lookup;
}

Policy one_below(Policy policy) {
  return policy == Policy::reject ? Policy::quarantine : Policy::none;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::none:
      break;
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::temperror:
      return "temperror";
  }
  return "none";
}

namespace {

class Check final : public mailauth::Evaluation<Outcome>::Run {
 public:
  explicit Check(Subject subject) : subject_(std::move(subject)) { start(run()); }

 private:
  struct Organization {
    std::string domain;
    std::string suffix;   // the public suffix that ended the walk, where it has a record
    bool failed = false;  // a look-up that mattered did
  };

  Task<void> run();
  Task<void> look_up(std::vector<std::string> names);
  Task<Organization> organization_of(std::string start);
  // Whether the record of the author domain itself, or one above it, is there; fills outcome_.
  Task<bool> find_policy();
  Task<void> align();
  Task<bool> is_aligned(std::string domain, bool strict);
  Task<Policy> subdomain_policy();

  PublicSuffix suffix_at(const std::string& name, const Record& record) const {
    if (record.public_suffix != PublicSuffix::unknown || subject_.is_public_suffix == nullptr) {
      return record.public_suffix;
    }
    return subject_.is_public_suffix(name) ? PublicSuffix::yes : PublicSuffix::unknown;
  }
  void end(Verdict verdict, std::string reason) {
    outcome_.verdict = verdict;
    outcome_.reason = std::move(reason);
  }

  Subject subject_;
  std::map<std::string, Lookup, std::less<>> known_;
  bool trouble_ = false;  // an alignment that DNS did not let us judge
};

Task<void> Check::run() {
  outcome_.domain = normal(subject_.author_domain);
  if (outcome_.domain.empty()) {
    end(Verdict::none, "there is no author domain to judge");
    co_return;
  }
  const bool found = co_await find_policy();
  if (!found) co_return;
  co_await align();
  if (outcome_.verdict == Verdict::fail && outcome_.record_domain != outcome_.domain) {
    outcome_.published = co_await subdomain_policy();
  } else if (outcome_.record_domain != outcome_.domain) {
    outcome_.published = outcome_.record.subdomain.value_or(outcome_.record.policy);
  }
  outcome_.policy = outcome_.record.testing ? one_below(outcome_.published) : outcome_.published;
}

// Makes known_ know all of `names`; asks for those that are new together.
Task<void> Check::look_up(std::vector<std::string> names) {
  std::erase_if(names, [&](const std::string& name) { return known_.contains(name); });
  std::vector<Question> questions;
  std::vector<std::string> asked;
  for (std::string& name : names) {
    auto question = dns::normalize_name(concat("_dmarc.", name));
    if (!question) {  // too long with the prefix: nothing can be there
      known_[name] = {};
      continue;
    }
    questions.push_back({std::move(*question), dns::Type::txt});
    asked.push_back(std::move(name));
  }
  if (questions.empty()) co_return;
  const Answers answers = co_await ask(std::move(questions));
  for (std::size_t i = 0; i < answers.size(); ++i) known_[asked[i]] = read(answers[i]);
}

// dmarcbis §4.10.2.
Task<Check::Organization> Check::organization_of(std::string start) {
  const std::vector<std::string> targets = walk_targets(start);
  Organization organization{start, "", false};
  co_await look_up({start});
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (i == 1) co_await look_up(targets);
    const std::string& name = targets[i];
    const Lookup& lookup = known_.at(name);
    organization.failed = organization.failed || lookup.failed;
    if (!lookup.record) continue;
    const PublicSuffix suffix = suffix_at(name, *lookup.record);
    if (suffix == PublicSuffix::yes && i > 0) {
      organization.suffix = name;
      // One label below, seen from where the walk began.
      organization.domain = start;
      while (parent_of(organization.domain) != name) {
        organization.domain = std::string(parent_of(organization.domain));
      }
      co_return organization;
    }
    organization.domain = name;  // so far the one with the fewest labels
    if (suffix != PublicSuffix::unknown) co_return organization;
  }
  co_return organization;
}

// dmarcbis §4.10.1.
Task<bool> Check::find_policy() {
  const std::string& author = outcome_.domain;
  co_await look_up({author});
  std::string at = author;
  if (known_.at(author).failed) {
    end(Verdict::temperror, concat("DNS could not tell about _dmarc.", author));
    co_return false;
  }
  if (!known_.at(author).record) {
    const Organization organization = co_await organization_of(author);
    if (organization.failed) {
      end(Verdict::temperror, concat("DNS could not tell about the policy above ", author));
      co_return false;
    }
    outcome_.organizational_domain = organization.domain;
    // The organizational domain's, else that of the public suffix.
    const auto own = known_.find(organization.domain);
    at = own != known_.end() && own->second.record ? organization.domain : organization.suffix;
  }
  const auto found = known_.find(at);
  const std::optional<Record> record = found != known_.end() ? found->second.record : std::nullopt;
  if (!record || !record->applies) {
    end(Verdict::none, concat(author, " has no DMARC policy"));
    co_return false;
  }
  outcome_.record_domain = at;
  outcome_.record = *record;
  outcome_.published = outcome_.record.policy;
  co_return true;
}

Task<void> Check::align() {
  const Record& record = outcome_.record;
  const std::string spf = normal(subject_.spf_domain);
  const bool spf_aligned = co_await is_aligned(spf, record.strict_spf);
  if (spf_aligned) outcome_.aligned_spf = spf;
  for (const std::string& domain : subject_.dkim_domains) {
    const std::string name = normal(domain);
    const bool aligned = co_await is_aligned(name, record.strict_dkim);
    if (!aligned) continue;
    outcome_.aligned_dkim = name;
    break;
  }
  if (!outcome_.aligned_dkim.empty() || spf_aligned) {
    const bool dkim = !outcome_.aligned_dkim.empty();
    end(Verdict::pass, concat(dkim ? "DKIM of " : "SPF of ", dkim ? outcome_.aligned_dkim : spf,
                              " is aligned with ", outcome_.domain));
    co_return;
  }
  bool undecided = trouble_;
  for (const std::string& domain : subject_.undecided) {
    if (undecided) break;
    undecided = co_await is_aligned(normal(domain), record.strict_dkim);
    undecided = undecided || trouble_;
  }
  if (undecided) {
    end(Verdict::temperror,
        concat("DNS could not tell whether anything is aligned with ", outcome_.domain));
  } else {
    end(Verdict::fail, concat("nothing that passed is aligned with ", outcome_.domain));
  }
}

// dmarcbis §4.4, §4.10.2. Empty domains are aligned with nothing.
Task<bool> Check::is_aligned(std::string domain, bool strict) {
  if (domain.empty()) co_return false;
  if (domain == outcome_.domain) co_return true;  // "In this case ... treated as the" same
  if (strict) co_return false;
  const Organization ours = co_await organization_of(outcome_.domain);
  outcome_.organizational_domain = ours.domain;
  // An organizational domain is at or above the name that it is for.
  if (!mailauth::is_within(domain, ours.domain) && !ours.failed) co_return false;
  const Organization theirs = co_await organization_of(domain);
  if (ours.failed || theirs.failed) {
    trouble_ = true;
    co_return false;
  }
  co_return theirs.domain == ours.domain;
}

// sp=, or np= where the author domain does not exist (dmarcbis §3.2.13: NXDOMAIN).
Task<Policy> Check::subdomain_policy() {
  const Record& record = outcome_.record;
  const Policy existing = record.subdomain.value_or(record.policy);
  if (!record.nonexistent || record.nonexistent == existing) co_return existing;
  const dns::Answer answer = co_await ask_one(outcome_.domain, dns::Type::a);
  co_return answer.kind == AnswerKind::no_name ? *record.nonexistent : existing;
}

}  // namespace

Evaluator::Evaluator(Subject subject) : Evaluation(std::make_unique<Check>(std::move(subject))) {}

}  // namespace mail::dmarc
