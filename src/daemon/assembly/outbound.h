// The settings of what leaves, as the parts that send take them. Pure, but for the machine's
// addresses.
#pragma once

#include <memory>

#include "daemon/settings/settings.h"
#include "platform/resolver/options.h"
#include "service/mx/mx.h"
#include "service/outbound/slot.h"
#include "service/queue/queue.h"
#include "service/report/reporter.h"

namespace mail {

dns::UnboundOptions resolver_options(const DnsSettings& dns);
SenderSettings sender_settings(const Settings& settings);
// Who we are in MX records: our names, and the addresses on which we listen on port 25.
std::shared_ptr<const mx::MxWorld> mx_world(const Settings& settings);
ReportSettings report_settings(const Settings& settings);
QueueWorld queue_world(const Settings& settings);
// Whether any mail leaves by MX, so that DNS and port 25 matter.
bool sends_by_mx(const Settings& settings);

}  // namespace mail
