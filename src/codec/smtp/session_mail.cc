// MAIL (RFC 5321 §4.1.1.2) with the parameters of parameters.cc; what they mean together.
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
    case SyntaxFault::priority:
      return kBadPriority;
    case SyntaxFault::not_ascii:
      return kSenderNotAscii;
  }
  return kBadArguments;
}
}  // namespace

void ServerSession::on_mail(std::string_view argument) {
  if (phase_ == Phase::connected) return refuse(kHelloFirst);
  if (phase_ != Phase::greeted) return refuse(kSenderTwice);
  auto mail = parse_mail(argument, offered(), idn_);
  if (!mail) return refuse(reply_to(mail.error()));
  if (!take_times(*mail)) return refuse(kBadTimes);
  if (mail->size.value_or(0) > listener_->max_message_size) return refuse(kTooLarge);
  // RFC 9422 §4.1: all count, whatever becomes of them.
  if (++messages_ > listener_->max_messages) return refuse_and_close(kEnoughMessages);
  chunk_failed_ = false;
  transaction_.reverse_path = std::move(mail->path);
  transaction_.options = std::move(mail->options);
  transaction_.declared_size = mail->size;
  ask(Waiting::sender, AskSender{transaction_.reverse_path});
}

// From spans to points in time, before another second has passed. False: they can not be.
bool ServerSession::take_times(MailFrom& mail) const {
  MailOptions& options = mail.options;
  const WallTime now = wall_now();
  if (mail.hold) {
    const auto* span = std::get_if<std::chrono::seconds>(&*mail.hold);
    const WallTime until = span != nullptr ? now + *span : std::get<WallTime>(*mail.hold);
    if (until > now + listener_->max_hold) return false;  // RFC 4865 §4.2 (7), (8)
    options.hold_until = until;
  }
  if (mail.by) {
    options.deliver_by = DeliverBy{now + mail.by->time, mail.by->mode, mail.by->trace};
    // RFC 4865 §5.2.2: held until after it has to be there.
    if (options.hold_until && *options.hold_until > options.deliver_by->until) return false;
  }
  return true;
}

// RFC 6710 §4.1: nobody is raised above others who has no right to it.
bool ServerSession::lower_priority() {
  if (transaction_.options.priority <= 0 || client_.peer.may_relay) return false;
  transaction_.options.priority = 0;
  return true;
}

void ServerSession::answer(SenderVerdict verdict, const PolicyWords& words) {
  if (!answered(Waiting::sender)) return;
  if (verdict != SenderVerdict::accept) end_transaction();
  switch (verdict) {
    case SenderVerdict::accept:
      phase_ = Phase::mail;
      send(lower_priority() ? kPriorityLowered : kSenderTaken);
      break;
    case SenderVerdict::not_owned:
      refuse(kSenderNotOwned);
      break;
    case SenderVerdict::refused:
      refuse_by_policy(kSenderRefused, words);
      break;
    case SenderVerdict::storage_full:
      postpone(kStorageFull);
      break;
    case SenderVerdict::try_later:
      if (!is_junk()) postpone_by_policy(kTryLater, words);
      break;
    case SenderVerdict::too_fast:
      postpone(kSenderTooFast);
      break;
    case SenderVerdict::too_many:
      refuse_and_close(kTooManyMessages);
      break;
  }
  settle();
}

}  // namespace mail::smtp
