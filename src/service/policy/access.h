// Who may send what to whom: the relay rules (design §7, table of roles; never an open relay).
// Pure decisions over the directory's snapshot; any thread.
#pragma once

#include "codec/smtp/server_session.h"
#include "codec/smtp/verdicts.h"
#include "service/directory/directory.h"

namespace mail {

// Whether a client may use this sender: bound to its login where it has one (RFC 6409 §6.1).
smtp::SenderVerdict may_send_as(const smtp::SmtpListener& listener, const smtp::Client& client,
                                const ReversePath& sender, const Directory& directory);

// Whether this client may reach a recipient that is not local: by login, or from [relay] networks
// on a `relay` listener. An address form that hides another hop (%, !, quoted @, literal) is not
// local.
bool may_relay(const smtp::SmtpListener& listener, const smtp::Client& client);

// Whether a recipient has such a form. Where one names no account of its own it is answered as
// relaying (550 5.7.1), so that no catch-all takes it.
bool hides_another_hop(const Mailbox& recipient);

}  // namespace mail
