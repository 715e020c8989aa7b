// Whether reports can be sent from where [reports] says.
#include "base/text.h"
#include "codec/address/address.h"
#include "daemon/settings/draft.h"

namespace mail {

void check_feedback(const ConfigDraft& draft, Findings& findings) {
  const std::string& from = draft.feedback.values.from;
  if (from.empty() || !draft.feedback.fine("from")) return;
  const auto mailbox = Mailbox::parse(from);
  if (mailbox && !mailbox->domain.text().empty() && mailbox->is_ascii()) return;
  findings.add(draft.feedback.place("from"), "reports.from",
               {concat("is no address: \"", from, '"'), "", "Write one like dmarc@example.org."});
}

}  // namespace mail
