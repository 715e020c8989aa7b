#include "service/report/due_notice.h"

namespace mail::report {

bool is_due(record::NoticeKind kind, const Notify& notify, std::string_view reverse_path,
            bool sender_is_local) {
  // RFC 3461 §4.5: no notice about a notice, whatever was asked (RFC 5321 §6.1).
  if (reverse_path.empty()) return false;
  switch (kind) {
    case record::NoticeKind::failed:
      return notify.wants_failure();  // §5.2.6
    case record::NoticeKind::delayed:
      // §5.2.5: with NOTIFY only where it says DELAY; without it, only people of our own, who can
      // be expected to care (security.md 21).
      return notify.said ? notify.delay : sender_is_local;
    case record::NoticeKind::delivered:  // §5.2.3
    case record::NoticeKind::relayed:    // §5.2.2
    case record::NoticeKind::expanded:   // §5.2.7.3
      return notify.success;
  }
  return false;
}

}  // namespace mail::report
