// HELO and EHLO (RFC 5321 §4.1.1.1). Their replies have no enhanced code (RFC 2034 §4).
#include "base/text.h"
#include "codec/smtp/server_session.h"

namespace mail::smtp {

void ServerSession::on_helo(std::string_view argument, bool extended) {
  const auto name = parse_helo(argument);
  if (!name) return refuse(kHeloSyntax);
  if (is_junk()) return;
  end_transaction();  // RFC 5321 §4.1.4: EHLO in the middle resets
  client_.helo = *name;
  client_.esmtp = extended;
  phase_ = Phase::greeted;
  if (!extended) return append_helo_reply(out_, listener_->hostname);
  append_ehlo_reply();
}

void ServerSession::append_ehlo_reply() {
  append(out_, "250-", listener_->hostname, "\r\n250-PIPELINING\r\n250-SIZE ",
         listener_->max_message_size, "\r\n250-8BITMIME\r\n");
  // RFC 3207 §4.2: not offered again under TLS.
  if (listener_->tls == TlsMode::starttls && !client_.tls && tls_available_) {
    out_.append("250-STARTTLS\r\n");
  }
  // security.md 40: under TLS only; nor again after a login, which AUTH would refuse.
  if (login_now() && client_.login.empty()) {
    append(out_, "250-AUTH ", sasl::kOffered, "\r\n");
  }
  // RFC 5321 §3.5.2: who offers EXPN says so.
  if (listener_->vrfy && may_look_up()) out_.append("250-VRFY\r\n");
  if (listener_->expn && may_look_up()) out_.append("250-EXPN\r\n");
  if (listener_->limits) {  // RFC 9422 §3
    append(out_, "250-LIMITS MAILMAX=", listener_->max_messages,
           " RCPTMAX=", listener_->max_recipients,
           " RCPTDOMAINMAX=", listener_->max_recipient_domains, "\r\n");
  }
  if (listener_->chunking) out_.append("250-CHUNKING\r\n");
  if (listener_->binarymime) out_.append("250-BINARYMIME\r\n");
  out_.append("250 ENHANCEDSTATUSCODES\r\n");
}

}  // namespace mail::smtp
