// How senders are written anew when their mail is sent on to others, so that SPF of the next hop
// finds us and not them, and how a notice finds its way back. Assembly binds it (service/signing).
// Threads: any; must not block.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/address/address.h"

namespace mail {

class Forwarding {
 public:
  virtual ~Forwarding() = default;
  // An address at `domain`, which is local, in place of a sender elsewhere; nothing: it is kept.
  virtual std::optional<std::string> rewrite(std::string_view sender,
                                             std::string_view domain) const = 0;
  // The sender that was rewritten to this address, here and not too long ago.
  virtual std::optional<std::string> sender_behind(const Mailbox& recipient) const = 0;
};

}  // namespace mail
