// Tests only: routes from kinds.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "service/routing/route.h"

namespace mail {

inline std::shared_ptr<const Route> route_of(Route::Kind kind, std::string to) {
  Route route;
  route.kind = kind;
  route.to = std::move(to);
  return std::make_shared<const Route>(std::move(route));
}

inline Routes routes_of(const std::map<std::string, Route::Kind>& by_recipient) {
  std::map<std::string, std::shared_ptr<const Route>> rows;
  for (const auto& [domain, kind] : by_recipient) {
    rows[domain] = route_of(kind, kind == Route::Kind::hold      ? "hold"
                                  : kind == Route::Kind::discard ? "discard"
                                                                 : "mx");
  }
  return {std::move(rows), {}};
}

}  // namespace mail
