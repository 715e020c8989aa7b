// Where recipients go now, asked by the queue when a delivery that waited was filed for another
// world (its domain is local by now, its route says `local`, or an operator releases it), and by
// whoever writes mail of our own. Assembly binds it to directory, routes and local delivery.
// Threads: any; must not block.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/record/pending.h"
#include "service/store/draft.h"
#include "service/store/outcome.h"

namespace mail {

struct Placement {
  struct Refusal {
    std::string recipient;  // as in the delivery
    std::string enhanced;   // "5.1.1"
    std::string why;        // a sentence
  };
  std::vector<Delivery> deliveries;  // with their reverse path and added fields
  std::vector<Refusal> refused;
  std::vector<Expanded> expanded;  // whose members stand in the two instead of them
};

class Placer {
 public:
  virtual ~Placer() = default;
  virtual bool is_local(std::string_view domain) const = 0;
  // Each recipient of `delivery`, or each member of what it has become, stands in the answer
  // exactly once. Due now, where it is queued.
  virtual Placement place(const record::PendingDelivery& delivery, WallTime now) const = 0;
};

// For mail of our own: it goes where mail from outside to the same address would.
class DraftPlacer {
 public:
  virtual ~DraftPlacer() = default;
  virtual bool is_local(std::string_view domain) const = 0;
  // Adds the recipient with its deliveries, and the event `expanded` where it is several, to a
  // draft whose first event is `received`. A refusal: nobody can get it, and nothing was added.
  virtual std::optional<Placement::Refusal> address(Draft& draft,
                                                    const Recipient& recipient) const = 0;
};

}  // namespace mail
