#include "service/policy/access.h"

namespace mail {

using smtp::Role;
using smtp::SenderVerdict;

SenderVerdict may_send_as(const smtp::SmtpListener& listener, const smtp::Client& client,
                          const ReversePath& sender, const Directory& directory) {
  if (client.login.empty()) {
    return listener.login_required() ? SenderVerdict::refused : SenderVerdict::accept;
  }
  // Read receipts and the like leave with the null path by rule (RFC 8098 §3).
  if (!sender.mailbox) return SenderVerdict::accept;
  return directory.may_send_as(client.login, *sender.mailbox) ? SenderVerdict::accept
                                                              : SenderVerdict::not_owned;
}

bool may_relay(const smtp::SmtpListener& listener, const smtp::Client& client) {
  switch (listener.role) {
    case Role::mx:
      return false;
    case Role::submission:
      return !client.login.empty();
    case Role::relay:
      return !client.login.empty() || client.peer.may_relay;
  }
  return false;
}

bool hides_another_hop(const Mailbox& recipient) {
  return recipient.domain.is_literal() ||
         recipient.local_part.find_first_of("%!@") != std::string::npos;
}

}  // namespace mail
