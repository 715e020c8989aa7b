// Internal to daemon/settings: a route of the file made whole, or what is wrong with it.
// Reads the files with the secrets it names.
#pragma once

#include <string_view>
#include <utility>

#include "daemon/settings/settings.h"
#include "daemon/settings/values.h"

namespace mail {

// What is wrong, and the key that is to blame: "to", "login", ...
using RouteFault = std::pair<std::string_view, Complaint>;

// `to` becomes its one spelling: "smtp://127.0.0.1:25".
std::optional<RouteFault> make_route(RouteRow& row, Route& route);

}  // namespace mail
