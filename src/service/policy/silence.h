// Whose senders are told less than they asked for, since nobody knows that they are the senders
// (security.md 20, 21; RFC 3461 §5.2.3). Pure.
#pragma once

#include "service/store/draft.h"

namespace mail {

enum class Silence : std::uint8_t {
  successes,   // no delivered, relayed, expanded or delayed; failures are told
  everything,  // as NOTIFY=NEVER
};

// For every recipient, given and after expansion, and for notices that are due already.
void silence(Draft& draft, Silence how);

}  // namespace mail
