// One exchange of SCRAM-SHA-256 (RFC 7677) or CRAM-MD5 (RFC 2195) with a client, throttled like
// every other login (security.md 41, 42). Strangers get the challenges that an account would give.
// Each wrong proof counts: of a password that is never seen nobody can tell that it is the old one
// again. Serves one exchange, on one thread at a time; costs microseconds, but for the database's
// when the use of an app password is noted.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.h"
#include "codec/sasl/sasl.h"
#include "platform/gsasl/scram.h"
#include "service/auth/authenticator.h"

namespace mail {

class ChallengeLogin {
 public:
  ChallengeLogin(Authenticator& authenticator, sasl::Mechanism mechanism, Login login,
                 std::string hostname);

  struct Next {
    std::optional<std::string> challenge;  // nothing: it is over
    Authenticator::Answer answer{};
  };
  // To AUTH with its initial response, or nothing; then to each response. Both after base64.
  Task<Next> respond(std::optional<std::string> response);

 private:
  Next challenge_cram_md5();
  Next check_cram_md5(std::string_view response);
  Next step_scram(const std::string& message);
  gsasl::ScramKeys find_keys(std::string_view given);
  Next wrong(std::string_view proof);
  bool admitted() const;
  bool is_there_still() const;
  LoginThrottle::Attempt attempt(std::string_view proof) const;

  Authenticator& authenticator_;
  const sasl::Mechanism mechanism_;
  Login login_;  // its user: once he is known
  const std::string hostname_;
  std::string challenge_;  // of CRAM-MD5
  std::optional<gsasl::ScramServer> scram_;
  bool greeted_ = false;  // SCRAM: the client's first message was there
  bool proved_ = false;   // SCRAM: he only has to acknowledge our proof
  std::string account_;   // whom the keys belong to; "": nobody
  AccountId id_{};
  std::string app_password_;
};

}  // namespace mail
