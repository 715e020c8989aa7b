// DomainKeys Identified Mail (RFC 6376, 8301, 8463): verifying and signing, while the message
// streams. Constant memory in the size of the body.
//
//   Verifier dkim(header_block, now, crypto);        // its questions may be asked at once
//   dkim.body(piece); ... dkim.end();                // what stands behind the empty line
//   while (!dkim.questions().empty()) dkim.answer(ask_all(dkim.questions()));
//   use(dkim.outcome());                             // after end() and the last answer
//
// Pure: no socket, no clock. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/idn.h"
#include "base/result.h"
#include "codec/mailauth/inquiry.h"
#include "codec/mailauth/verification.h"

namespace mail::dkim {

using mailauth::Question;

enum class Verdict : std::uint8_t { none, pass, fail, policy, neutral, temperror, permerror };
std::string_view to_string(Verdict verdict);  // as RFC 8601 §2.7.1 has them

inline constexpr std::size_t kMaxSignatures = 10;  // verified; those behind are not looked at

struct SignatureResult {
  Verdict verdict = Verdict::none;
  std::string domain;     // d=, lower case, A-labels
  std::string selector;   // s=
  std::string identity;   // i=, as given; empty where not
  std::string algorithm;  // a=
  std::string b_prefix;   // the first eight characters of b=, for header.b (RFC 6008)
  bool testing = false;   // the key says t=y
  std::string reason;     // a sentence in printable ASCII; empty on a pass
};

struct Outcome {
  std::vector<SignatureResult> signatures;  // in the order of the header; empty: none
};

class Verifier : public mailauth::Verification<Outcome> {
 public:
  // `header_block`: all fields, with or without the empty line; CRLF line ends; copied where it is
  // needed later. `crypto` outlives the verifier. `idn`: reads the U-labels of names
  // (RFC 8616 §5); null: there are none.
  Verifier(std::string_view header_block, WallTime now, const crypto::Crypto& crypto,
           const Idn* idn = nullptr);
};

// The hash of a body in relaxed canonical form (RFC 6376 §3.4.4), which is what we sign with.
class BodyHasher {
 public:
  explicit BodyHasher(const crypto::Crypto& crypto);
  BodyHasher(BodyHasher&&) noexcept;
  BodyHasher& operator=(BodyHasher&&) noexcept;
  ~BodyHasher();
  void update(std::string_view piece);
  std::string finish();  // raw SHA-256; once, and last

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct SigningKey {
  std::string domain;  // A-labels
  std::string selector;
  std::shared_ptr<const crypto::PrivateKey> key;
};

// A DKIM-Signature field, relaxed/relaxed, whole and ending in CRLF: to stand before the header it
// signs. Oversigns what security.md 37 names; never l= or x=. Fails where the key does.
Result<std::string> sign(std::string_view header_block, std::string_view body_hash,
                         const SigningKey& key, WallTime now, const crypto::Crypto& crypto);

}  // namespace mail::dkim
