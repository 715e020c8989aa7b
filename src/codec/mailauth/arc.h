// Authenticated Received Chain (RFC 8617): validating a chain and adding a set to it. Used as
// dkim::Verifier is. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/idn.h"
#include "base/result.h"
#include "codec/mailauth/dkim.h"
#include "codec/mailauth/inquiry.h"
#include "codec/mailauth/verification.h"

namespace mail::arc {

using mailauth::Question;

enum class Verdict : std::uint8_t { none, pass, fail, temperror };
std::string_view to_string(Verdict verdict);

inline constexpr std::size_t kMaxSets = 50;  // RFC 8617 §4.2.1

// One set that stands, for those who trust its sealer.
struct Set {
  std::uint32_t instance = 0;
  std::string sealer;                  // d= of the ARC-Seal, lower case
  std::string authentication_results;  // the value of its AAR behind "i=n;", unfolded
};

struct Outcome {
  Verdict verdict = Verdict::none;
  std::vector<Set> sets;          // on a pass: by instance, 1 first
  std::uint32_t instances = 0;    // the highest instance found, also where the chain fails
  std::uint32_t oldest_pass = 0;  // RFC 8617 §5.2: 0 where every AMS validates
  bool may_be_sealed = true;      // false: cv=fail stands already, or there is no room (§5.1.2)
  std::string reason;             // a sentence in printable ASCII
};

class Verifier : public mailauth::Verification<Outcome> {
 public:
  Verifier(std::string_view header_block, WallTime now, const crypto::Crypto& crypto,
           const Idn* idn = nullptr);
};

// The three fields of the next set (AS, AMS, AAR in this order), whole, each ending in CRLF: to
// stand before the header they were made over. `results`: what stands behind the colon of an
// Authentication-Results field, authserv-id first. Fails where the key does, or where the chain may
// not be sealed.
Result<std::string> seal(std::string_view header_block, std::string_view body_hash,
                         const Outcome& chain, std::string_view results,
                         const dkim::SigningKey& key, WallTime now, const crypto::Crypto& crypto);

}  // namespace mail::arc
