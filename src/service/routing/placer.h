// Where recipients go now, asked by the queue when a delivery that waited was filed for another
// world: its domain is local by now, its route says `local`, or an operator releases it.
// Assembly binds it to directory, routes and local delivery.
// Threads: called on the queue's thread; must not block.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/record/pending.h"
#include "service/store/draft.h"

namespace mail {

struct Placement {
  struct Refusal {
    std::string recipient;  // as in the delivery
    std::string enhanced;   // "5.1.1"
    std::string why;        // a sentence
  };
  std::vector<Delivery> deliveries;  // with their reverse path and added fields
  std::vector<Refusal> refused;
};

class Placer {
 public:
  virtual ~Placer() = default;
  virtual bool is_local(std::string_view domain) const = 0;
  // Each recipient of `delivery` stands in the answer exactly once. Due now, where it is queued.
  virtual Placement place(const record::PendingDelivery& delivery, WallTime now) const = 0;
};

}  // namespace mail
