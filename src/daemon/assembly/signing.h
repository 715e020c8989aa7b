// Signing and forwarding, assembled from the settings.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/resolver.h"
#include "base/result.h"
#include "daemon/settings/settings.h"
#include "service/directory/control_store.h"
#include "service/signing/key_keeper.h"

namespace mail {

signing::KeeperSettings keeper_settings(const Settings& settings);

// All references outlive what is made. Errors name the file and the remedy.
Result<std::unique_ptr<signing::KeyKeeper>> open_keeper(const Settings& settings,
                                                        ControlStore& control,
                                                        dns::Resolver& resolver,
                                                        const Clock& clock);
// From here on the directory writes senders anew, unless the settings say no.
Result<void> set_up_forwarding(const Settings& settings, ControlStore& control, const Clock& clock);

}  // namespace mail
