// Whether a recipient is taken at RCPT: the one place that keeps the server from relaying for
// strangers. Decided at once, from the directory's snapshot. Any thread.
#pragma once

#include "codec/smtp/server_session.h"
#include "service/directory/directory.h"
#include "service/spool/spool.h"
#include "service/store/mail_store.h"

namespace mail {

struct RecipientDecision {
  smtp::RecipientVerdict verdict = smtp::RecipientVerdict::try_later;
  bool always_taken = false;  // no judge is asked (RFC 5321 §4.5.1)
  bool slowly = false;        // the answer is to come late
};

RecipientDecision decide_recipient(const smtp::SmtpListener& listener, const smtp::Client& client,
                                   const smtp::Transaction& transaction, const Mailbox& recipient,
                                   const Directory& directory, const MailStore& store);

}  // namespace mail
