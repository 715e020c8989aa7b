// DMARC for one author domain (draft-ietf-dmarc-dmarcbis-41 §4.10, §5.3): finds the policy by the
// tree walk and says whether what SPF and DKIM authenticated is aligned with the domain.
// Pure; used as spf::Evaluator is. Which domains a From field has, and what several of them come to
// (security.md §3), is for the caller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/resolver.h"
#include "codec/mailauth/dmarc_record.h"
#include "codec/mailauth/inquiry.h"

namespace mail::dmarc {

using mailauth::Question;

enum class Verdict : std::uint8_t { none, pass, fail, temperror };  // RFC 7489 §11.2
std::string_view to_string(Verdict verdict);

// Domains in A-labels.
struct Subject {
  std::string author_domain;
  std::string spf_domain{};                 // where SPF said pass; else empty
  std::vector<std::string> dkim_domains{};  // d= of the signatures that passed
  // d= and SPF domains whose check ended in temperror: where nothing else is aligned and one of
  // these would be, so does DMARC. Alignment is judged as for DKIM.
  std::vector<std::string> undecided{};
  // Whether a name is a public suffix; may be null. A record there counts as psd=y unless it says
  // otherwise: the owners of all names below one do not vouch for each other, though the suffix may
  // know nothing of that tag yet.
  bool (*is_public_suffix)(std::string_view name) = nullptr;
};

struct Outcome {
  Verdict verdict = Verdict::none;
  std::string domain;                 // the author domain, lower case
  std::string organizational_domain;  // empty where nobody had to look for it
  std::string record_domain;          // that published the record
  Record record;                      // meaningful where record_domain is not empty
  Policy published = Policy::none;    // p, sp or np, whichever holds for this domain
  Policy policy = Policy::none;       // the same after t=y
  std::string aligned_spf;            // the domain that makes it pass
  std::string aligned_dkim;
  std::string reason;  // a sentence in printable ASCII
};

// At most eight questions per walk (dmarcbis §4.10), those above the first name all at once.
class Evaluator : public mailauth::Evaluation<Outcome> {
 public:
  explicit Evaluator(Subject subject);
};

}  // namespace mail::dmarc
