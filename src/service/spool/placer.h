// Where recipients go now, for mail that waited or that we write ourselves: the same decisions as
// at the final dot (service/routing/placer.h).
// Threads: any; directory and routes are those of the moment.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "service/directory/control_store.h"
#include "service/routing/placer.h"
#include "service/routing/route.h"

namespace mail {

class SpoolPlacer final : public Placer, public DraftPlacer {
 public:
  // `control` outlives it.
  SpoolPlacer(ControlStore& control, std::shared_ptr<const Routes> routes)
      : control_(control), routes_(std::move(routes)) {}
  void reload(std::shared_ptr<const Routes> routes);

  bool is_local(std::string_view domain) const override;
  Placement place(const record::PendingDelivery& delivery, WallTime now) const override;
  std::optional<Placement::Refusal> address(Draft& draft,
                                            const Recipient& recipient) const override;

 private:
  std::shared_ptr<const Routes> routes() const;

  ControlStore& control_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Routes> routes_;  // guarded by mutex_
};

}  // namespace mail
