// Final delivery into a mailbox (RFC 5321 §4.4): what the message gains on the way there.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "service/store/draft.h"

namespace mail {

// `recipient` is the address it is delivered for; it is named in Delivered-To (RFC 9228).
Delivery deliver_to_mailbox(AccountId account, std::string recipient,
                            std::string_view reverse_path);

}  // namespace mail
