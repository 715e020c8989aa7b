#include "service/store/enqueued.h"

#include <utility>
#include <variant>

#include "service/store/ledger.h"

namespace mail {

std::optional<Enqueued> enqueued_by(Draft& draft) {
  std::optional<Enqueued> out;
  for (std::uint32_t number = 0; number < draft.deliveries.size(); ++number) {
    Delivery& delivery = draft.deliveries[number];
    auto* route = std::get_if<ToRoute>(&delivery.target);
    if (route == nullptr) continue;
    if (!out) {
      out.emplace();
      out->message = draft.id;
      out->reverse_path = draft.reverse_path;
      out->options = draft.options;
      out->size = draft.size;
      out->header_size = draft.header_size;
    }
    out->deliveries.push_back(
        {{std::move(route->queue), route->due, draft.id, number}, pending_of(draft, delivery)});
  }
  if (!out) return out;
  if (draft.staged_chunks == 0) {
    out->content = std::make_shared<const std::string>(std::move(draft.content));
  } else {
    out->body = body_of(draft);
  }
  return out;
}

}  // namespace mail
