// The rows of [reports]. Part of tables.h, which says how to add one.
#pragma once

#include <array>

#include "daemon/settings/setting.h"

namespace mail {

inline constexpr auto kFeedbackSettings = std::to_array<Setting<FeedbackSettings>>({
    {"aggregate",
     &FeedbackSettings::aggregate,
     "true",
     {},
     Reload::restart,
     "Tell other domains once a day how mail in their name fared here, where their DMARC record "
     "asks for it (rua)."},
    {"from",
     &FeedbackSettings::from,
     "",
     {},
     Reload::restart,
     "Sender of these reports, an address that somebody reads. Empty: postmaster@hostname. They "
     "are signed where its domain is hosted here.",
     [](const FeedbackSettings& with) { return with.aggregate; },
     "with aggregate = true"},
});

inline constexpr Section<FeedbackSettings> kFeedbackSection{
    "reports", &Settings::feedback, kFeedbackSettings,
    "DMARC reports. Those that others send to postmaster, abuse, dmarc, dmarc-reports, tlsrpt or "
    "tls-reports at a domain here are read as they come: `mailwright report list`."};

}  // namespace mail
