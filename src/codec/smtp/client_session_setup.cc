// From the greeting to the point where mail may go: EHLO, STARTTLS, AUTH.
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "codec/sasl/sasl.h"
#include "codec/smtp/client_session.h"

namespace mail::smtp {

// RFC 5321 §3.1: 554 (or RFC 7504's 521) instead of 220 says that no mail is taken here.
void ClientSession::on_greeting(const ServerReply& reply) {
  if (reply.kind() != 2) return give_up(judge(Stage::greeting, reply));
  say_hello();
}

void ClientSession::say_hello() {
  extensions_ = {};  // RFC 3207 §4.2: nothing learnt before TLS may survive it
  stage_ = Stage::hello;
  if (!parse_helo(settings_->hostname)) {
    return give_up(our_verdict(Verdict::Kind::deferred, Verdict::Cause::unfit, "4.3.5",
                               "the host name for EHLO has a blank or control character"));
  }
  const bool lmtp = settings_->protocol == HopProtocol::lmtp;
  const std::string_view verb = lmtp ? "LHLO " : esmtp_ ? "EHLO " : "HELO ";
  command(concat(verb, settings_->hostname), Stage::hello);
}

void ClientSession::on_hello(const ServerReply& reply) {
  if (reply.kind() == 2) {
    if (esmtp_) extensions_ = parse_extensions(reply);
    return after_hello();
  }
  // RFC 5321 §4.1.1.1: a server that does not know EHLO is asked with HELO. Under LMTP there is no
  // HELO (RFC 2033 §4.1).
  const bool may_fall_back = esmtp_ && settings_->protocol == HopProtocol::smtp;
  if (reply.kind() != 5 || !may_fall_back) return give_up(judge(Stage::hello, reply));
  esmtp_ = false;
  say_hello();
}

void ClientSession::after_hello() {
  const bool wanted = settings_->tls == HopTls::opportunistic || settings_->tls == HopTls::require;
  if (encrypted_ || !wanted) return go_on();
  if (extensions_.starttls) return command("STARTTLS", Stage::starttls);
  if (settings_->tls == HopTls::require) return refuse_clear("the server does not offer it");
  go_on();
}

void ClientSession::on_starttls(const ServerReply& reply) {
  if (reply.kind() == 2) {
    wait_for(Stage::handshake, settings_->timeouts.handshake);
    return act(client::StartTls{});
  }
  if (settings_->tls == HopTls::require) {
    return refuse_clear(concat("the server said ", reply.text()));
  }
  go_on();  // RFC 3207 §4.1: the client decides
}

// Security.md 29: required TLS is never replaced by plaintext; mail waits until it can be had.
void ClientSession::refuse_clear(std::string_view why) {
  stage_ = Stage::starttls;
  give_up(our_verdict(Verdict::Kind::deferred, Verdict::Cause::tls, "4.7.4", why));
}

void ClientSession::tls_established(MonoTime now) {
  MAIL_ASSERT(stage() == Stage::handshake);
  now_ = now;
  encrypted_ = true;
  if (settings_->tls == HopTls::implicit) return expect(Stage::greeting);
  say_hello();
}

void ClientSession::tls_failed(std::string_view detail) {
  MAIL_ASSERT(stage() == Stage::handshake);
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::tls, "4.7.5", detail),
       settings_->tls == HopTls::opportunistic);
}

void ClientSession::go_on() {
  const std::optional<HopLogin>& login = settings_->login;
  if (login) return log_in(*login);
  become_ready();
}

void ClientSession::log_in(const HopLogin& login) {
  const auto refuse = [this](std::string_view why) {
    stage_ = Stage::login;
    give_up(our_verdict(Verdict::Kind::deferred, Verdict::Cause::login, "4.7.0", why));
  };
  if (!encrypted_ && !settings_->login_in_clear) {
    return refuse("the password may go under TLS only");
  }
  if (extensions_.auth_plain) {
    // RFC 4616 §2: NUL separates the parts, so none may hold one.
    if (concat(login.user, login.password).find('\0') != std::string::npos) {
      return refuse("the user or password holds a NUL");
    }
    std::string response = concat('\0', login.user, '\0', login.password);
    command(concat("AUTH PLAIN ", base64_encode(response)), Stage::login, true);
    return sasl::wipe(response);
  }
  if (!extensions_.auth_login) return refuse("the server offers neither PLAIN nor LOGIN here");
  login_step_ = 1;
  command("AUTH LOGIN", Stage::login);
}

// draft-murchison-sasl-login: two challenges, whatever they say, then the end.
void ClientSession::on_login(const ServerReply& reply) {
  if (reply.kind() >= 4) return give_up(judge(Stage::login, reply));
  const bool asks = login_step_ == 1 || login_step_ == 2;
  if ((reply.kind() == 3) != asks) return on_unexpected(reply);
  if (!asks) return become_ready();
  const std::optional<HopLogin>& login = settings_->login;
  MAIL_ASSERT(login.has_value());  // log_in() began this exchange
  command(base64_encode(login_step_ == 1 ? login->user : login->password), Stage::login, true);
  ++login_step_;
}

void ClientSession::become_ready() {
  stage_ = Stage::ready;
  deadline_ = MonoTime::max();
  act(client::Ready{});
}

}  // namespace mail::smtp
