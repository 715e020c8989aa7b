// STARTTLS (RFC 3207).
#include "codec/smtp/server_session.h"

namespace mail::smtp {

void ServerSession::on_starttls(std::string_view argument, std::string_view behind) {
  // RFC 3207 §4. Plaintext sent along would be obeyed as if it had arrived encrypted.
  if (!behind.empty()) return refuse_and_close(kInputBehind);
  if (!argument.empty()) return refuse(kBadArguments);
  if (client_.tls) return refuse(kTlsAlready);
  if (listener_->tls != TlsMode::starttls) return refuse(kStartTlsOff);
  if (!tls_available_) return postpone(kTlsNotNow);
  send(kReadyForTls);
  ask(Waiting::tls, UpgradeToTls{});
}

void ServerSession::tls_established(TlsFacts facts) {
  if (waiting_ == Waiting::tls) {
    if (!answered(Waiting::tls)) return;
    // RFC 3207 §4.2, security.md 18: nothing learnt before TLS may survive it.
    end_transaction();
    Client fresh;
    fresh.peer = client_.peer;
    client_ = std::move(fresh);
    phase_ = Phase::connected;
  }
  client_.tls = std::move(facts);
  settle();
}

}  // namespace mail::smtp
