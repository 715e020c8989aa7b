// A delivery that waits in a queue or is held, as kept on disk; where it waits is in its key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "codec/envelope/options.h"

namespace mail::record {

struct PendingRecipient {
  Recipient recipient;
  std::string reason;       // why it still waits: the next hop's last words, or ours; "" at first
  bool delay_told = false;  // its sender has been told of the delay (RFC 5321 §4.5.4.1)
  bool operator==(const PendingRecipient&) const = default;
};

struct PendingDelivery {
  MessageId message;
  WallTime since;              // when it was accepted: what expiry counts from
  std::string reason;          // why it is held; "" in a queue
  std::uint32_t attempts = 0;  // made so far
  std::string reverse_path;
  std::string added_fields;
  std::vector<PendingRecipient> recipients;
  bool operator==(const PendingDelivery&) const = default;
};
void append_pending(std::string& out, const PendingDelivery& delivery);
Result<PendingDelivery> parse_pending(std::string_view bytes);  // store_corrupt, store_newer

}  // namespace mail::record
