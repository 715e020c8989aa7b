// SASL mechanisms of a server: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login-00) as pure
// exchanges, CRAM-MD5 (RFC 2195) and SCRAM-SHA-256 (RFC 7677) by name: they need randomness and
// keys, so service/auth makes each of their steps. Protocols differ in how they frame challenges
// and responses; here both are plain bytes, after base64. Pure; an exchange holds at most one user
// name. Whether credentials are right is for others to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace mail::sasl {

enum class Mechanism : std::uint8_t { plain, login, cram_md5, scram_sha_256 };

// As in EHLO's AUTH line. CRAM-MD5 only where somebody has a credential for it.
inline constexpr std::string_view kOffered = "SCRAM-SHA-256 PLAIN LOGIN";
inline constexpr std::string_view kCramMd5 = "CRAM-MD5";

// Whether its steps are asked of others; an Exchange is for the rest.
constexpr bool is_challenge_response(Mechanism mechanism) {
  return mechanism == Mechanism::cram_md5 || mechanism == Mechanism::scram_sha_256;
}

std::optional<Mechanism> find_mechanism(std::string_view name);  // any case

struct Challenge {
  std::string_view text;  // static
};
struct Credentials {
  std::string user;
  std::string password;  // wipe() it after use
};
using Step = std::variant<Challenge, Credentials>;

class Exchange {
 public:
  explicit Exchange(Mechanism mechanism);  // not of challenge and response

  // `initial`: the initial response, if there was one ("" is one too). Both fail with bad_syntax
  // for a response that is malformed, with not_allowed for one that asks to act as somebody else;
  // the exchange is over then, as it is when Credentials come out.
  Result<Step> start(std::optional<std::string_view> initial);
  Result<Step> respond(std::string_view response);

 private:
  Mechanism mechanism_;
  std::optional<std::string> user_;  // LOGIN, between its two responses
};

// Overwrites and empties; the compiler can not drop it (security.md 7).
void wipe(std::string& secret);

}  // namespace mail::sasl
