// AUTH (RFC 4954), with whatever mechanism the driver has for what is offered.
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "codec/sasl/sasl.h"
#include "codec/smtp/client_session.h"

namespace mail::smtp {

namespace {

constexpr int kMaxSteps = 10;  // the longest exchange there is has four

// RFC 4954 §4: an empty response is "=" on the AUTH line and an empty line later.
std::string encode(std::string response, std::string_view empty) {
  std::string out = response.empty() ? std::string(empty) : base64_encode(response);
  sasl::wipe(response);
  return out;
}

}  // namespace

void ClientSession::ask_login() {
  wait_for(Stage::login, settings_->timeouts.command);
  if (!trust_.encrypted && !settings_->login_in_clear) {
    return refuse_login("the password may go under TLS only");
  }
  if (extensions_.mechanisms.empty()) return refuse_login("the server offers no login here");
  act(client::AskLogin{extensions_.mechanisms});
}

void ClientSession::login(std::unique_ptr<sasl::ClientMechanism> mechanism, std::string_view why,
                          MonoTime now) {
  if (stage() != Stage::login) return;  // lost meanwhile
  now_ = now;
  if (mechanism == nullptr) return refuse_login(why);
  mechanism_ = std::move(mechanism);
  std::string line = concat("AUTH ", mechanism_->name());
  const bool first = mechanism_->sends_first();
  if (first) {
    Result<std::string> response = mechanism_->step("");
    if (!response) return refuse_login(response.error().detail);
    append(line, ' ', encode(std::move(*response), "="));
  }
  command(std::move(line), Stage::login, first);
}

void ClientSession::on_login(const ServerReply& reply) {
  if (!login_given_up_.empty()) {
    if (reply.kind() < 4) return on_unexpected(reply);
    return refuse_login(std::exchange(login_given_up_, {}));
  }
  if (reply.kind() >= 4) {
    mechanism_.reset();
    return give_up(judge(Stage::login, reply));
  }
  if (reply.kind() == 2) {
    // A server that has not proved what it must (SCRAM) is not the one we know.
    if (!std::exchange(mechanism_, nullptr)->is_complete()) {
      return refuse_login("the server ended the login before its end");
    }
    return become_ready();
  }
  const auto challenge = base64_decode(trim(words_of(reply.lines.front())));
  if (!challenge || ++login_steps_ > kMaxSteps) {
    return cancel_login("the server's challenge makes no sense");
  }
  Result<std::string> response = mechanism_->step(*challenge);
  if (!response) return cancel_login(response.error().detail);
  command(encode(std::move(*response), ""), Stage::login, true);
}

// RFC 4954 §4: "*" ends an exchange, which the server confirms by 501.
void ClientSession::cancel_login(std::string_view why) {
  mechanism_.reset();
  login_given_up_ = why.empty() ? std::string_view("the login was given up") : why;
  command("*", Stage::login);
}

void ClientSession::refuse_login(std::string_view why) {
  give_up(our_verdict(Verdict::Kind::deferred, Verdict::Cause::login, "4.7.0", why));
}

}  // namespace mail::smtp
