// Tests only: challenge and response as the world of the dialogues plays them, always with the same
// challenges, so that the right responses can be written down (tests/dialogs/README.md).
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "codec/sasl/sasl.h"
#include "codec/smtp/server_session.h"

namespace mail::smtp {

class SaslWorld {
 public:
  // A LoginVerdict of accept is about jerry@yahoo.test.
  std::variant<SaslChallenge, LoginVerdict> step(const AskSaslStep& ask) {
    if (ask.first) step_ = 0;
    if (ask.mechanism == sasl::Mechanism::cram_md5) return cram_md5(ask);
    if (!ask.response) return SaslChallenge{};
    return scram(*ask.response);
  }

 private:
  using Next = std::variant<SaslChallenge, LoginVerdict>;

  static Next cram_md5(const AskSaslStep& ask) {
    if (!ask.response) return SaslChallenge{"<1896.697170952@mx.yahoo.test>"};
    if (!ask.response->contains(' ')) return LoginVerdict::malformed;
    return *ask.response == "jerry@yahoo.test 34783b8a736c88defd5d7fc5363f5056"
               ? LoginVerdict::accept
               : LoginVerdict::wrong;
  }

  // With the nonces and the salt of RFC 7677 §3.
  Next scram(std::string_view message) {
    switch (step_++) {
      case 0:
        if (!message.starts_with("n,")) return LoginVerdict::malformed;
        if (message.starts_with("n,a=tom")) return LoginVerdict::wrong;
        return SaslChallenge{
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096"};
      case 1:
        if (!message.starts_with("c=")) return LoginVerdict::malformed;
        if (!message.ends_with(",p=3hEYBJoHhBCii5qydJbCSzRHkHVyfjx7N18mOIDei9U="))
          return LoginVerdict::wrong;
        return SaslChallenge{"v=y8JGb2PinjiSRmstM52sYhrVsOWkPxZrVtCKS31rMZw="};
      default:
        return message.empty() ? LoginVerdict::accept : LoginVerdict::malformed;
    }
  }

  int step_ = 0;
};

}  // namespace mail::smtp
