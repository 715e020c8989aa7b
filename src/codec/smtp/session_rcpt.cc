// RCPT (RFC 5321 §4.1.1.3) with the parameters of DSN (RFC 3461). Who is taken, others say.
#include <functional>

#include "codec/smtp/server_session.h"

namespace mail::smtp {

void ServerSession::on_rcpt(std::string_view argument) {
  if (phase_ != Phase::mail && phase_ != Phase::recipients) {
    return refuse(phase_ == Phase::connected ? kHelloFirst
                  : phase_ == Phase::chunks  ? kRecipientAfterChunk
                                             : kMailFirst);
  }
  auto rcpt = parse_rcpt(argument, offered(), transaction_.options.smtputf8, idn_);
  if (!rcpt) {
    switch (rcpt.error()) {
      case SyntaxFault::path:
        return refuse(kBadRecipient);
      case SyntaxFault::unknown_parameter:
        return refuse(kUnknownParameter);
      case SyntaxFault::parameter:
        return refuse(kBadParameter);
      case SyntaxFault::not_ascii:
        return refuse(kRecipientNotAscii);
      case SyntaxFault::priority:  // MAIL alone has it
      case SyntaxFault::arguments:
        return refuse(kBadArguments);
    }
  }
  // No error of the client's: it sends the rest in another transaction (RFC 5321 §4.5.3.1.10).
  if (transaction_.recipients.size() >= listener_->max_recipients) return send(kTooManyRecipients);
  asked_domain_ = std::hash<std::string_view>{}(rcpt->mailbox.domain.text());
  if (domains_.size() >= listener_->max_recipient_domains && !domains_.contains(asked_domain_)) {
    return send(kTooManyDomains);
  }
  asked_ = TakenRecipient(rcpt->mailbox);
  asked_.notify = rcpt->notify;
  asked_.original = std::move(rcpt->original);
  ask(Waiting::recipient, AskRecipient{std::move(rcpt->mailbox)});
}

void ServerSession::take_recipient() {
  domains_.insert(asked_domain_);
  transaction_.recipients.push_back(std::move(asked_));
  phase_ = Phase::recipients;
}

void ServerSession::answer(RecipientVerdict verdict, const PolicyWords& words) {
  if (!answered(Waiting::recipient)) return;
  switch (verdict) {
    case RecipientVerdict::accept:
      take_recipient();
      send(kRecipientTaken);
      break;
    case RecipientVerdict::unknown_user:
      refuse(kUnknownUser);
      break;
    case RecipientVerdict::relay_denied:
      refuse(kRelayDenied);
      break;
    case RecipientVerdict::refused:
      refuse_by_policy(kRecipientRefused, words);
      break;
    case RecipientVerdict::mailbox_full:
      send(kMailboxFull);
      break;
    case RecipientVerdict::try_later:
      postpone_by_policy(kTryLater, words);
      break;
    case RecipientVerdict::too_many:
      send(kAccountUsedUp);
      break;
    case RecipientVerdict::flooded:
      send(kMailboxFlooded);
      break;
    case RecipientVerdict::harvesting:
      refuse(kHarvesting);  // an error of the client's, and counted
      break;
    case RecipientVerdict::elsewhere:
      send(kGoesElsewhere);
      break;
    case RecipientVerdict::hop_unreachable:
      send(kHopUnreachable);
      break;
    case RecipientVerdict::too_large:
      refuse(kTooLarge);
      break;
  }
  asked_ = {};
  settle();
}

}  // namespace mail::smtp
