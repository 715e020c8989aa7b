// What `config dump --json` and `config explain --json` print. Pure.
#pragma once

#include <string>
#include <string_view>

#include "daemon/settings/commands.h"

namespace mail::ctl {

// The tree of a configuration: tables become objects, in their order. One line.
std::string json_of(const toml::Table& tree);

// What config_explain() tells, as an array of objects; a key that is not known fails as there. The
// routes have no row of their own: their key is "routes.DOMAIN".
CommandText explain_json(std::string_view key);

}  // namespace mail::ctl
