// MAIL (RFC 5321 §4.1.1.2) with SIZE (RFC 1870), BODY (RFC 6152, 3030), AUTH (RFC 4954 §5).
#include "codec/smtp/server_session.h"

namespace mail::smtp {

namespace {
Reply reply_to(SyntaxFault fault) {
  switch (fault) {
    case SyntaxFault::arguments:
      return kBadArguments;
    case SyntaxFault::path:
      return kBadSender;
    case SyntaxFault::unknown_parameter:
      return kUnknownParameter;
    case SyntaxFault::parameter:
      return kBadParameter;
  }
  return kBadArguments;
}
}  // namespace

void ServerSession::on_mail(std::string_view argument) {
  if (phase_ == Phase::connected) return refuse(kHelloFirst);
  if (phase_ != Phase::greeted) return refuse(kSenderTwice);
  auto mail = parse_mail(argument);
  if (!mail) return refuse(reply_to(mail.error()));
  // RFC 4954 §5: whoever advertises AUTH takes the parameter from anybody; nobody is believed.
  if (mail->auth && !login_possible()) return refuse(kUnknownParameter);
  if (mail->body == BodyType::binary_mime && !listener_->binarymime) {
    return refuse(kUnknownParameter);
  }
  if (mail->size.value_or(0) > listener_->max_message_size) return refuse(kTooLarge);
  // RFC 9422 §4.1: all count, whatever becomes of them.
  if (++messages_ > listener_->max_messages) return refuse_and_close(kEnoughMessages);
  chunk_failed_ = false;
  transaction_.reverse_path = std::move(mail->path);
  transaction_.body = mail->body;
  transaction_.declared_size = mail->size;
  ask(Waiting::sender, AskSender{transaction_.reverse_path});
}

void ServerSession::answer(SenderVerdict verdict) {
  if (!answered(Waiting::sender)) return;
  if (verdict != SenderVerdict::accept) end_transaction();
  switch (verdict) {
    case SenderVerdict::accept:
      phase_ = Phase::mail;
      send(kSenderTaken);
      break;
    case SenderVerdict::not_owned:
      refuse(kSenderNotOwned);
      break;
    case SenderVerdict::refused:
      refuse(kSenderRefused);
      break;
    case SenderVerdict::storage_full:
      postpone(kStorageFull);
      break;
    case SenderVerdict::try_later:
      postpone(kTryLater);
      break;
    case SenderVerdict::too_many:
      refuse_and_close(kTooManyMessages);
      break;
  }
  settle();
}

}  // namespace mail::smtp
