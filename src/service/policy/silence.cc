#include "service/policy/silence.h"

#include <vector>

namespace mail {
namespace {

void quieten(Notify& notify, Silence how) {
  const bool failure = how == Silence::successes && notify.wants_failure();
  notify = {.said = true, .success = false, .failure = failure, .delay = false};
}

}  // namespace

void silence(Draft& draft, Silence how) {
  for (Recipient& recipient : draft.recipients) quieten(recipient.notify, how);
  for (Delivery& delivery : draft.deliveries) {
    for (Recipient& recipient : delivery.recipients) quieten(recipient.notify, how);
  }
  std::erase_if(draft.notices, [how](const record::Notice& notice) {
    return how == Silence::everything || notice.kind != record::NoticeKind::failed;
  });
}

}  // namespace mail
