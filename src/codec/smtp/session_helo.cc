// HELO and EHLO (RFC 5321 §4.1.1.1). Their replies have no enhanced code (RFC 2034 §4).
#include "base/text.h"
#include "codec/envelope/date_time.h"
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
  const std::size_t begin = out_.size();
  const SmtpListener& with = *listener_;
  append(out_, "250-", with.hostname, "\r\n");
  if (with.pipelining) out_.append("250-PIPELINING\r\n");
  if (with.size) append(out_, "250-SIZE ", with.max_message_size, "\r\n");
  if (with.eight_bit_mime) out_.append("250-8BITMIME\r\n");
  // RFC 3207 §4.2: not offered again under TLS.
  if (listener_->tls == TlsMode::starttls && !client_.tls && tls_available_) {
    out_.append("250-STARTTLS\r\n");
  }
  // security.md 40: under TLS only; nor again after a login, which AUTH would refuse.
  if (login_now() && client_.login.empty()) {
    append(out_, "250-AUTH ", sasl::kOffered, cram_md5_ ? " " : "", cram_md5_ ? sasl::kCramMd5 : "",
           "\r\n");
  }
  // RFC 5321 §3.5.2: who offers EXPN says so.
  if (listener_->offers_vrfy() && may_look_up()) out_.append("250-VRFY\r\n");
  if (listener_->offers_expn() && may_look_up()) out_.append("250-EXPN\r\n");
  if (listener_->offers_limits()) {  // RFC 9422 §3
    append(out_, "250-LIMITS MAILMAX=", listener_->max_messages,
           " RCPTMAX=", listener_->max_recipients,
           " RCPTDOMAINMAX=", listener_->max_recipient_domains, "\r\n");
  }
  if (with.offers_chunking()) out_.append("250-CHUNKING\r\n");
  append_parameter_keywords();
  if (with.enhanced_status_codes) out_.append("250-ENHANCEDSTATUSCODES\r\n");
  const std::size_t last = out_.rfind("\r\n250-", out_.size() - 3);
  const bool alone = last == std::string::npos || last < begin;
  out_[(alone ? begin : last + 2) + 3] = ' ';
}

// What is offered is known at MAIL and RCPT, and nothing else.
Parameters ServerSession::offered() const {
  const SmtpListener& with = *listener_;
  const bool submission = with.role == Role::submission;
  Parameters known;
  known.size = with.size;
  known.eight_bit_mime = with.eight_bit_mime;
  known.body = with.eight_bit_mime;
  // RFC 4954 §5: whoever advertises AUTH takes the parameter from anybody; nobody is believed.
  known.auth = login_possible();
  if (with.end_to_end()) return known;  // security.md 22
  known.binarymime = with.binarymime;
  known.body = with.eight_bit_mime || with.binarymime;
  known.smtputf8 = with.smtputf8;
  known.dsn = with.dsn;
  known.requiretls = with.requiretls && client_.tls.has_value();  // RFC 8689 §2
  known.futurerelease = with.futurerelease && submission;         // RFC 4865 §4.2 (2)
  known.deliverby = with.deliverby && submission;
  known.mt_priority = with.mt_priority && submission;
  return known;
}

void ServerSession::append_parameter_keywords() {
  const Parameters known = offered();
  if (known.binarymime) out_.append("250-BINARYMIME\r\n");
  if (known.dsn) out_.append("250-DSN\r\n");
  if (known.smtputf8) out_.append("250-SMTPUTF8\r\n");
  if (known.requiretls) out_.append("250-REQUIRETLS\r\n");
  if (known.futurerelease) {  // RFC 4865 §3
    append(out_, "250-FUTURERELEASE ", listener_->max_hold.count(), " ");
    append_date_time(out_, wall_now() + listener_->max_hold);
    out_.append("\r\n");
  }
  if (known.deliverby) out_.append("250-DELIVERBY\r\n");
  if (known.mt_priority) out_.append("250-MT-PRIORITY\r\n");
}

}  // namespace mail::smtp
