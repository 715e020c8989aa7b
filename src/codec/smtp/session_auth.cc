// AUTH (RFC 4954); which reply when: security.md 40 and 41.
#include "base/base64.h"
#include "base/text.h"
#include "codec/smtp/server_session.h"

namespace mail::smtp {

bool ServerSession::login_possible() const {
  return listener_->login_offered() &&
         (listener_->tls != TlsMode::none || listener_->insecure_auth);
}

bool ServerSession::login_now() const {
  return login_possible() && (client_.tls || listener_->insecure_auth);
}

void ServerSession::on_auth(std::string_view argument) {
  if (!login_possible()) return refuse(kAuthOff);
  if (phase_ == Phase::connected) return refuse(kHelloFirst);
  if (!client_.login.empty()) return refuse(kLoggedInAlready);
  if (phase_ != Phase::greeted) return refuse(kNoLoginNow);
  const auto auth = parse_auth(argument);
  if (!auth) return refuse(kBadArguments);
  const auto mechanism = sasl::find_mechanism(auth->mechanism);
  if (!mechanism || !login_now()) return refuse(kMechanismUnknown);
  if (*mechanism == sasl::Mechanism::cram_md5) {
    if (!cram_md5_) return refuse(kMechanismUnknown);
    if (auth->initial) return refuse(kNoInitialResponse);  // RFC 4954 §4: the server speaks first
  }
  if (sasl::is_challenge_response(*mechanism)) return begin_challenging(*mechanism, auth->initial);
  sasl::Exchange& exchange = exchange_.emplace(*mechanism);
  const std::optional<std::string_view> encoded = auth->initial;
  if (!encoded) return on_auth_step(exchange.start(std::nullopt));
  // RFC 4954 §4: "=" is a response of no octets.
  auto initial = base64_decode(*encoded == "=" ? "" : *encoded);
  if (!initial) {
    end_login();
    return refuse(kBadBase64);
  }
  on_auth_step(exchange.start(*initial));
  sasl::wipe(*initial);
}

void ServerSession::begin_challenging(sasl::Mechanism mechanism,
                                      std::optional<std::string_view> encoded) {
  std::optional<std::string> initial;
  if (encoded) {
    auto decoded = base64_decode(*encoded == "=" ? "" : *encoded);
    if (!decoded) return refuse(kBadBase64);
    initial = *std::move(decoded);
  }
  challenging_ = mechanism;
  phase_ = Phase::login;
  ask(Waiting::login, AskSaslStep{mechanism, std::move(initial), true});
}

void ServerSession::on_auth_response(std::string_view line) {
  MAIL_ASSERT(exchange_.has_value() || challenging_.has_value());  // phase login
  if (line == "*") {
    end_login();
    return refuse(kLoginCancelled);
  }
  auto response = base64_decode(line);
  if (!response) {
    end_login();
    return refuse(kBadBase64);
  }
  if (challenging_) {
    return ask(Waiting::login, AskSaslStep{*challenging_, *std::move(response), false});
  }
  on_auth_step(exchange_->respond(*response));
  sasl::wipe(*response);
}

void ServerSession::on_auth_step(Result<sasl::Step> step) {
  if (!step) {
    end_login();
    return refuse(step.error().code == Errc::not_allowed ? kLoginWrong : kBadBase64);
  }
  if (const auto* challenge = std::get_if<sasl::Challenge>(&*step)) {
    phase_ = Phase::login;
    return append_challenge(out_, base64_encode(challenge->text));
  }
  auto& found = std::get<sasl::Credentials>(*step);
  end_login();
  ask(Waiting::login, AskLogin{std::move(found.user), std::move(found.password)});
}

// The exchange is over, however it went.
void ServerSession::end_login() {
  exchange_.reset();
  challenging_.reset();
  phase_ = Phase::greeted;
}

void ServerSession::answer(const SaslChallenge& challenge) {
  if (!answered(Waiting::login)) return;
  append_challenge(out_, base64_encode(challenge.text));
  settle();
}

void ServerSession::answer(LoginVerdict verdict, std::string account) {
  if (!answered(Waiting::login)) return;
  end_login();
  switch (verdict) {
    case LoginVerdict::accept:
      MAIL_ASSERT(!account.empty());
      client_.login = std::move(account);
      send(kLoggedIn);
      break;
    case LoginVerdict::wrong:
      refuse(kLoginWrong);
      break;
    case LoginVerdict::busy:
      postpone(kLoginNotNow);
      break;
    case LoginVerdict::malformed:
      refuse(kBadBase64);
      break;
    case LoginVerdict::throttled:
      refuse_and_close(kTooManyLogins);
      break;
  }
  settle();
}

}  // namespace mail::smtp
