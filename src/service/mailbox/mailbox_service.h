// Mailboxes as an operator sees them: what `mailwright mailbox list|show|delete` need.
// Any I/O thread; tasks resume there. Errors carry a sentence for the operator: not_found (account,
// folder or message), too_large, and those of MailStore.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/task.h"
#include "codec/record/mailbox.h"
#include "service/directory/control_store.h"
#include "service/store/mail_store.h"

namespace mail {

struct ShownMessage {
  record::MailboxEntry entry;
  std::string bytes;  // as a mail client gets them: the delivery's fields, then the content
};

class MailboxService {
 public:
  // Both outlive the service. A message of more than `max_message` octets is not shown.
  MailboxService(MailStore& store, const ControlStore& control, ByteCount max_message = 64_MiB)
      : store_(store), control_(control), max_message_(max_message) {}

  // `address` names an account. An account that never had mail has an empty INBOX.
  Task<Result<std::vector<record::MailboxInfo>>> folders(std::string address);
  Task<Result<std::vector<record::MailboxEntry>>> list(std::string address,
                                                       std::string folder = "INBOX");
  Task<Result<ShownMessage>> show(std::string address, Uid uid, std::string folder = "INBOX");
  Task<Result<void>> remove(std::string address, Uid uid, std::string folder = "INBOX");

 private:
  Result<AccountId> account_of(const std::string& address) const;
  // "INBOX" in any case (RFC 9051 §5.1). Nothing: it is the INBOX, which the first mail makes.
  Task<Result<std::optional<MailboxId>>> find_folder(const std::string& address,
                                                     const std::string& folder);
  struct Place {
    MailboxId mailbox;
    record::MailboxEntry entry;
  };
  Task<Result<Place>> find_entry(const std::string& address, Uid uid, const std::string& folder);

  MailStore& store_;
  const ControlStore& control_;
  ByteCount max_message_;
};

}  // namespace mail
