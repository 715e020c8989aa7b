// SASL mechanisms as pure exchanges: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login-00).
// Protocols differ in how they frame challenges and responses; here both are plain bytes, after
// base64. Pure; an exchange holds at most one user name. Whether credentials are right is for
// others to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace mail::sasl {

enum class Mechanism : std::uint8_t { plain, login };

inline constexpr std::string_view kOffered = "PLAIN LOGIN";  // as in EHLO's AUTH line

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
  explicit Exchange(Mechanism mechanism) : mechanism_(mechanism) {}

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
