#include "service/spool/placer.h"

#include <utility>
#include <variant>

#include "base/text.h"
#include "service/spool/expansion.h"

namespace mail {
namespace {

// What the expansion of one recipient found, under the name it waited by; several under their own.
void take_over(Draft found, const Recipient& waited, Placement& placement) {
  const bool several =
      found.deliveries.size() > 1 || found.deliveries.front().recipients.size() > 1;
  Expanded expanded{waited.address, {}};
  for (Delivery& delivery : found.deliveries) {
    if (!several) delivery.recipients.front() = waited;
    for (const Recipient& each : delivery.recipients) {
      expanded.members.push_back(each);
      if (const auto* bounced = std::get_if<Bounced>(&delivery.target)) {
        placement.refused.push_back({each.address, "5.1.2", bounced->reason});
      }
    }
    if (std::holds_alternative<Bounced>(delivery.target)) continue;
    placement.deliveries.push_back(std::move(delivery));
  }
  if (several) placement.expanded.push_back(std::move(expanded));
}

// The mailbox of a recipient that somebody can get mail for, or why not.
std::variant<Mailbox, Placement::Refusal> reachable(const Directory& directory,
                                                    const std::string& address) {
  Result<Mailbox> mailbox = Mailbox::parse(address);
  if (!mailbox) return Placement::Refusal{address, "5.1.3", "the address can not be read"};
  if (directory.resolve(*mailbox).kind == Resolution::Kind::unknown_user) {
    return Placement::Refusal{address, "5.1.1", concat("there is no ", address, " here any more")};
  }
  return std::move(*mailbox);
}

}  // namespace

void SpoolPlacer::reload(std::shared_ptr<const Routes> routes) {
  const std::lock_guard lock(mutex_);
  routes_ = std::move(routes);
}

std::shared_ptr<const Routes> SpoolPlacer::routes() const {
  const std::lock_guard lock(mutex_);
  return routes_;
}

bool SpoolPlacer::is_local(std::string_view domain) const {
  const Result<Domain> parsed = Domain::parse(domain);
  return parsed && control_.snapshot()->is_local(*parsed);
}

Placement SpoolPlacer::place(const record::PendingDelivery& delivery, WallTime now) const {
  const std::shared_ptr<const Directory> directory = control_.snapshot();
  const std::shared_ptr<const Routes> to = routes();
  Placement placement;
  for (const record::PendingRecipient& pending : delivery.recipients) {
    const Recipient& waited = pending.recipient;
    auto found = reachable(*directory, waited.address);
    if (auto* refusal = std::get_if<Placement::Refusal>(&found)) {
      placement.refused.push_back(std::move(*refusal));
      continue;
    }
    Draft draft;
    draft.id = delivery.message;
    draft.received_at = now;
    draft.reverse_path = delivery.reverse_path;
    draft.events.emplace_back();
    Expansion expansion(*directory, *to, nullptr, draft);
    expansion.add(std::get<Mailbox>(found), waited, {});
    take_over(std::move(draft), waited, placement);
  }
  return placement;
}

std::optional<Placement::Refusal> SpoolPlacer::address(Draft& draft,
                                                       const Recipient& recipient) const {
  const std::shared_ptr<const Directory> directory = control_.snapshot();
  const std::shared_ptr<const Routes> to = routes();
  auto found = reachable(*directory, recipient.address);
  if (auto* refusal = std::get_if<Placement::Refusal>(&found)) return std::move(*refusal);
  Expansion expansion(*directory, *to, nullptr, draft);
  expansion.add(std::get<Mailbox>(found), recipient, {});
  return std::nullopt;
}

}  // namespace mail
