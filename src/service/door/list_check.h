// Whether the DNS lists of the settings are there, by the entries that every list has for this
// (RFC 5782 §5): a wrong name, a list that was given up, or one that does not serve this server
// would otherwise never be noticed. Says so in the log, once for each list.
#pragma once

#include "base/clock.h"
#include "base/resolver.h"
#include "base/task.h"
#include "service/door/door_settings.h"

namespace mail::door {

// All of it outlives the task.
Task<void> check_lists(dns::Resolver& resolver, const Settings& settings, const Clock& clock);

}  // namespace mail::door
