// Sender Policy Framework: check_host() of RFC 7208 §4 as a machine that asks for DNS answers.
//
//   Evaluator spf({.client = ..., .helo = ..., .local_part = ..., .domain = ...});
//   while (!spf.questions().empty()) spf.answer(ask_all(spf.questions()));
//   use(spf.outcome());
//
// Pure: no socket, no clock. A deadline is the driver's: what it does not learn in time it answers
// with `failed`, which becomes temperror. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/resolver.h"
#include "codec/address/ip_address.h"
#include "codec/mailauth/inquiry.h"

namespace mail::spf {

enum class Verdict : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };
std::string_view to_string(Verdict verdict);  // as RFC 8601 §2.7.2 has them

// RFC 7208 §4.6.4. They hold for a whole check, includes and redirects counted in.
inline constexpr int kMaxTerms = 10;
inline constexpr int kMaxVoidLookups = 2;
inline constexpr int kMaxHosts = 10;  // per "mx", and names of a client for "ptr" and %{p}

struct Subject {
  IpAddress client;
  std::string helo;        // as the client gave it
  std::string local_part;  // of the reverse path, unquoted; empty: "postmaster" (RFC 7208 §4.3)
  // In A-labels (RFC 8616 §4). Empty for the null reverse path: then postmaster@HELO is judged
  // (RFC 7208 §2.4).
  std::string domain;
  std::string receiver{};  // our host name, for %{r}
  WallTime now{};          // for %{t}
};

struct Outcome {
  Verdict verdict = Verdict::none;
  std::string domain;     // the one judged, lower case
  std::string mechanism;  // what decided, as in its record: "-all"; empty where none matched
  std::string reason;     // a sentence in printable ASCII, for logs and header fields
  // What the domain's exp= says on a fail: printable ASCII, at most 512 octets. A stranger's words:
  // for the log only, never for a reply (security.md 36).
  std::string explanation;
};

using mailauth::Question;

// Questions are over one at a time only for the addresses of the hosts of an "mx" or of the client:
// at most kMaxHosts.
class Evaluator : public mailauth::Evaluation<Outcome> {
 public:
  explicit Evaluator(Subject subject);
};

}  // namespace mail::spf
