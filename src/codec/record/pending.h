// A delivery that waits in a queue or is held, as kept on disk; where it waits is in its key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace mail::record {

struct PendingDelivery {
  MessageId message;
  WallTime since;      // when it was accepted: what expiry counts from
  std::string reason;  // why it is held; "" in a queue
  std::string reverse_path;
  std::string added_fields;
  std::vector<std::string> recipients;
  bool operator==(const PendingDelivery&) const = default;
};
void append_pending(std::string& out, const PendingDelivery& delivery);
Result<PendingDelivery> parse_pending(std::string_view bytes);  // store_corrupt, store_newer

}  // namespace mail::record
