// The rows of the programs beside us that judge mail. Part of tables.h, which says how to add one.
#pragma once

#include <array>

#include "daemon/settings/setting.h"

namespace mail {

inline constexpr Setting<NeighbourRow> kNeighbourTimeout{
    "timeout",
    &NeighbourRow::timeout,
    "30s",
    {1, 600},
    Reload::restart,
    "How long it may take for each thing it is asked. The client waits meanwhile; after five waits "
    "in vain in a row it is taken for away at once, and asked again by one message every 30 s."};
inline constexpr Setting<NeighbourRow> kNeighbourOnFailure{
    "on_failure",
    &NeighbourRow::on_failure,
    "tempfail",
    {},
    Reload::restart,
    "What becomes of mail when it is away, too slow, or not to be understood. \"tempfail\": 451, "
    "the "
    "sender tries again; \"accept\": taken without it, and tagged."};
inline constexpr Setting<NeighbourRow> kNeighbourConnections{
    "connections",
    &NeighbourRow::connections,
    "100",
    {1, 10'000},
    Reload::restart,
    "Connections to it at once; mail that finds none free is treated as on_failure says."};

inline constexpr auto kRspamdSettings = std::to_array<Setting<NeighbourRow>>({
    {"address",
     &NeighbourRow::address,
     "",
     {},
     Reload::restart,
     "Of its normal worker, usually \"127.0.0.1:11333\"; or the absolute path of its socket. "
     "Empty: "
     "it is not asked."},
    {"roles",
     &NeighbourRow::roles,
     "",
     {},
     Reload::restart,
     "Roles of the listeners whose mail it is asked about. []: \"mx\" alone."},
    kNeighbourTimeout,
    kNeighbourOnFailure,
    kNeighbourConnections,
    {"max_size",
     &NeighbourRow::max_size,
     "50MiB",
     {64 << 10, 1ULL << 40},
     Reload::restart,
     "Larger mail is taken without it and tagged; not above the max_message of rspamd."},
});

inline constexpr auto kClamdSettings = std::to_array<Setting<NeighbourRow>>({
    {"address",
     &NeighbourRow::address,
     "",
     {},
     Reload::restart,
     "Its address and port, or the absolute path of its socket, usually "
     "\"/run/clamav/clamd.ctl\". Empty: it is not asked."},
    {"roles",
     &NeighbourRow::roles,
     "",
     {},
     Reload::restart,
     "Roles of the listeners whose mail it is asked about. []: all."},
    kNeighbourTimeout,
    kNeighbourOnFailure,
    kNeighbourConnections,
    {"max_size",
     &NeighbourRow::max_size,
     "25MiB",
     {64 << 10, 4095ULL << 20},
     Reload::restart,
     "Larger mail is taken without it and tagged; not above the StreamMaxLength of clamd."},
});

inline constexpr auto kMilterSettings = std::to_array<Setting<NeighbourRow>>({
    {"address",
     &NeighbourRow::address,
     kRequired,
     {},
     Reload::restart,
     "Where the filter listens: address and port, or the absolute path of its socket.",
     nullptr,
     {},
     "127.0.0.1:8891"},
    {"roles",
     &NeighbourRow::roles,
     "",
     {},
     Reload::restart,
     "Roles of the listeners whose mail it hears. []: all."},
    kNeighbourTimeout,
    kNeighbourOnFailure,
    {"connections",
     &NeighbourRow::connections,
     "500",
     {1, 10'000},
     Reload::restart,
     "Connections to it at once, one for each SMTP connection on which mail has begun; mail that "
     "finds none free is treated as on_failure says."},
});

// There may be several: Settings::milters.
inline constexpr Section<NeighbourRow> kMilterSection{
    "milter", nullptr, kMilterSettings,
    "One for each mail filter (milter, protocol version 6), asked in this order: opendkim, "
    "opendmarc, clamav-milter and others. A filter may refuse, hold, discard, and change the "
    "header; the body and the recipients never."};
inline constexpr Section<NeighbourRow> kClamdSection{
    "clamd", &Settings::clamd, kClamdSettings,
    "The virus scanner clamd: mail in which it finds something is refused."};
inline constexpr Section<NeighbourRow> kRspamdSection{
    "rspamd", &Settings::rspamd, kRspamdSettings,
    "The spam filter rspamd: its action is obeyed, its score counts among the signals."};

}  // namespace mail
