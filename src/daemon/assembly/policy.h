// From the settings of who is let in to what service/door works with.
#pragma once

#include <memory>

#include "daemon/settings/settings.h"
#include "service/door/door_settings.h"

namespace mail {

std::shared_ptr<const door::Settings> door_settings(const Settings& settings);

}  // namespace mail
