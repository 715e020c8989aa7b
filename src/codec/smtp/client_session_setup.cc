// From the greeting to the point where mail may go: EHLO, STARTTLS.
#include <utility>

#include "base/text.h"
#include "codec/smtp/client_session.h"
#include "codec/smtp/command.h"

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
  if (trust_.encrypted || !wanted) return go_on();
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

void ClientSession::tls_established(bool verified, MonoTime now) {
  MAIL_ASSERT(stage() == Stage::handshake);
  now_ = now;
  trust_ = {.encrypted = true, .verified = verified};
  if (settings_->tls == HopTls::implicit) return expect(Stage::greeting);
  say_hello();
}

void ClientSession::tls_failed(std::string_view detail) {
  MAIL_ASSERT(stage() == Stage::handshake);
  lose(our_verdict(Verdict::Kind::deferred, Verdict::Cause::tls, "4.7.5", detail),
       settings_->tls == HopTls::opportunistic);
}

void ClientSession::go_on() {
  if (settings_->login) return ask_login();
  become_ready();
}

void ClientSession::become_ready() {
  stage_ = Stage::ready;
  deadline_ = MonoTime::max();
  act(client::Ready{});
}

}  // namespace mail::smtp
