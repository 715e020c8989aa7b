#include "service/auth/challenge_login.h"

#include <array>
#include <utility>

#include "base/random.h"
#include "base/text.h"
#include "platform/tls/digest.h"
#include "service/auth/credentials.h"

namespace mail {
namespace {

using Next = ChallengeLogin::Next;

constexpr std::size_t kMaxName = 255;

Next over(LoginResult result) { return {std::nullopt, {result, {}}}; }

}  // namespace

ChallengeLogin::ChallengeLogin(Authenticator& authenticator, sasl::Mechanism mechanism, Login login,
                               std::string hostname)
    : authenticator_(authenticator),
      mechanism_(mechanism),
      login_(std::move(login)),
      hostname_(std::move(hostname)) {
  if (mechanism_ == sasl::Mechanism::scram_sha_256) {
    scram_.emplace([this](std::string_view user) { return find_keys(user); });
  }
}

LoginThrottle::Attempt ChallengeLogin::attempt(std::string_view proof) const {
  return authenticator_.throttle_.attempt(login_.from, login_.user, proof);
}

bool ChallengeLogin::admitted() const {
  return authenticator_.throttle_.admits(attempt({}), login_.limits);
}

Next ChallengeLogin::wrong(std::string_view proof) {
  authenticator_.throttle_.failed(attempt(proof));
  return over(LoginResult::wrong);
}

Task<Next> ChallengeLogin::respond(std::optional<std::string> response) {
  const bool cram = mechanism_ == sasl::Mechanism::cram_md5;
  Next next;
  if (!response) {
    next = cram ? challenge_cram_md5() : Next{std::string(), {}};  // RFC 4954 §4: SCRAM's is empty
  } else {
    next = cram ? check_cram_md5(*response) : step_scram(*response);
  }
  if (!next.challenge && next.answer.result == LoginResult::accept) {
    next.answer.account = account_;
    authenticator_.throttle_.succeeded(attempt({}));
    if (!app_password_.empty()) co_await authenticator_.note_used(id_, app_password_);
  }
  co_return next;
}

// RFC 2195 §2: in the form of a message id, and never the same.
Next ChallengeLogin::challenge_cram_md5() {
  SystemRandom random;
  const auto now = authenticator_.clock_.wall_now().time_since_epoch().count();
  challenge_ = concat('<', random_hex(random, 16), '.', now, '@', hostname_, '>');
  return {challenge_, {}};
}

Next ChallengeLogin::check_cram_md5(std::string_view response) {
  const std::size_t space = response.rfind(' ');
  const bool formed = space != std::string_view::npos && space > 0 && space <= kMaxName &&
                      response.size() == space + 33 && !response.contains('\0');
  if (!formed || challenge_.empty()) return over(LoginResult::malformed);
  login_.user = folded_login_name(response.substr(0, space));
  if (!admitted()) return over(LoginResult::throttled);
  const std::shared_ptr<const Directory> directory = authenticator_.control_.snapshot();
  const LoginName name = find_login_name(*directory, login_.user);
  const bool possible =
      name.account != nullptr && !name.names_app && !name.account->cram_md5.empty();
  static const std::string decoy = tls::hmac_md5_state("nobody's");
  const auto digest =
      tls::hmac_md5_from(possible ? name.account->cram_md5 : decoy, std::exchange(challenge_, {}));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string wanted;
  for (const std::uint8_t octet : digest.value_or(std::array<std::uint8_t, 16>{})) {
    wanted += kDigits[octet >> 4];
    wanted += kDigits[octet & 15];
  }
  const bool right = tls::equal_in_constant_time(wanted, response.substr(space + 1));
  if (!right || !possible || !digest) return wrong(response);
  account_ = name.account->address;
  return over(LoginResult::accept);
}

gsasl::ScramKeys ChallengeLogin::find_keys(std::string_view given) {
  const std::string user = folded_login_name(given);
  const std::shared_ptr<const Directory> directory = authenticator_.control_.snapshot();
  const LoginName name = find_login_name(*directory, user);
  gsasl::ScramKeys decoy = decoy_scram_keys(authenticator_.control_.login_secret(), user);
  if (name.account == nullptr || (name.names_app && name.app == nullptr)) return decoy;
  if (name.app != nullptr && !may(name.app->rights, login_.purpose)) return decoy;
  Result<gsasl::ScramKeys> keys =
      gsasl::parse_scram_keys(name.app != nullptr ? name.app->scram : name.account->scram);
  if (!keys) return decoy;  // an imported hash whose password was never seen
  account_ = name.account->address;
  id_ = name.account->id;
  if (name.app != nullptr) app_password_ = name.app->name;
  return *std::move(keys);
}

// A client may take its time between two steps, and the account be disabled meanwhile.
bool ChallengeLogin::is_there_still() const {
  const std::shared_ptr<const Directory> directory = authenticator_.control_.snapshot();
  const LoginName name = find_login_name(*directory, login_.user);
  return name.account != nullptr && (!name.names_app || name.app != nullptr);
}

Next ChallengeLogin::step_scram(const std::string& message) {
  if (proved_) {  // RFC 4954 §4: our proof was a challenge, to be answered with nothing
    return over(message.empty() ? LoginResult::accept : LoginResult::malformed);
  }
  MAIL_ASSERT(scram_.has_value());  // of this mechanism
  Result<std::string> said = scram_->step(message);
  login_.user = folded_login_name(scram_->user());
  if (said && login_.user.size() > kMaxName) return over(LoginResult::malformed);
  if (!said) {
    switch (said.error().code) {
      case Errc::not_allowed:
        return wrong(message);
      case Errc::bad_syntax:
        return over(LoginResult::malformed);
      default:
        return over(LoginResult::busy);
    }
  }
  if (!std::exchange(greeted_, true)) {
    if (!admitted()) return over(LoginResult::throttled);
  } else if (account_.empty() || !is_there_still()) {
    return wrong(message);
  } else {
    proved_ = true;
  }
  return {*std::move(said), {}};
}

}  // namespace mail
