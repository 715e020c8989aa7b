// The settings of who is let in, declared once; part of tables.h.
#pragma once

#include <array>

#include "daemon/settings/setting.h"
#include "daemon/settings/settings.h"

namespace mail {

inline constexpr auto kPolicySettings = std::to_array<Setting<PolicySettings>>({
    {"mode",
     &PolicySettings::mode,
     "balanced",
     {},
     Reload::live,
     "What becomes of mail from strangers that fails. \"observe\": it is only written down "
     "(Authentication-Results, events, log). \"junk\": it goes to the folder Junk. \"balanced\": a "
     "failed DMARC policy of reject is refused when a second signal agrees (a blocklist, the "
     "score, "
     "or neither SPF nor ARC of a trusted forwarder vouches), else it goes to Junk. \"enforce\": "
     "it "
     "is refused. With the last two a high score is refused too."},
    {"observe",
     &PolicySettings::observe,
     "",
     {},
     Reload::live,
     "Recipient domains with mode \"observe\", whatever mode is. A message to several recipients "
     "is "
     "refused only where the modes of all of them say so."},
    {"junk", &PolicySettings::junk, "", {}, Reload::live, "Recipient domains with mode \"junk\"."},
    {"balanced",
     &PolicySettings::balanced,
     "",
     {},
     Reload::live,
     "Recipient domains with mode \"balanced\"."},
    {"enforce",
     &PolicySettings::enforce,
     "",
     {},
     Reload::live,
     "Recipient domains with mode \"enforce\"."},
    {"junk_score",
     &PolicySettings::junk_score,
     "5",
     {1, 1000},
     Reload::live,
     "Points from which mail goes to Junk. Points come from blocklists, from clients without a "
     "proper name in the DNS (1-2), from an odd HELO (1-4), from SPF that fails (1-2), from a "
     "missing From (2) and from scanners."},
    {"reject_score",
     &PolicySettings::reject_score,
     "10",
     {1, 1000},
     Reload::live,
     "Points from which mail is refused, at RCPT where they are known by then. Not below "
     "junk_score."},
    {"trusted_forwarders",
     &PolicySettings::trusted_forwarders,
     "",
     {},
     Reload::live,
     "Domains of mailing lists and forwarders whose ARC seals are believed: what passed DMARC on "
     "its "
     "way to them did not fail here."},
    {"judge_loopback",
     &PolicySettings::judge_loopback,
     "false",
     {},
     Reload::live,
     "Judge clients on loopback addresses like strangers. Clients in [relay] networks never are."},
});

inline constexpr auto kBlocklistSettings = std::to_array<Setting<BlocklistRow>>({
    {"zone",
     &BlocklistRow::zone,
     kRequired,
     {},
     Reload::live,
     "Domain of the list, as its operator gives it; its terms of use are yours to keep.",
     nullptr,
     {},
     "bl.example.org"},
    {"weight",
     &BlocklistRow::weight,
     "5",
     {1, 1000},
     Reload::live,
     "Points for being listed: 5 makes Junk, 10 a refusal, if [policy] does not say otherwise."},
    {"allow",
     &BlocklistRow::allow,
     "false",
     {},
     Reload::live,
     "An allowlist: its points speak for the client."},
    {"domains",
     &BlocklistRow::domains,
     "false",
     {},
     Reload::live,
     "A list of domain names instead of addresses (RFC 5782 §2.2): it is asked about those "
     "in HELO, MAIL and From, and counts once."},
    {"answers",
     &BlocklistRow::answers,
     "",
     {},
     Reload::live,
     "Answers that count, like [\"127.0.0.2\", \"127.0.0.4/30\"]. []: all of 127.0.0.0/8 but "
     "127.255.255.0/24, which lists use for errors. Others never count."},
    {"reply",
     &BlocklistRow::reply,
     "",
     {},
     Reload::live,
     "What a client refused for it is told; {address} stands for its address, {domain} for the "
     "name that a list of domains has. Empty: that it is listed."},
});

inline constexpr auto kGreylistSettings = std::to_array<Setting<GreylistSettings>>({
    {"enabled",
     &GreylistSettings::enabled,
     "false",
     {},
     Reload::live,
     "Ask strangers to come back with the first mail of a domain from their network (451 4.7.1). "
     "Mail that passes DMARC and clients on an allowlist do not wait."},
    {"delay",
     &GreylistSettings::delay,
     "5m",
     {1, 86'400},
     Reload::live,
     "How long they wait at least."},
    {"keep",
     &GreylistSettings::keep,
     "35d",
     {3'600, 365 * 86'400},
     Reload::live,
     "How long who came back stays known after the last mail, also across a restart."},
});

inline constexpr Section<PolicySettings> kPolicySection{
    "policy", &Settings::policy, kPolicySettings,
    "How mail from strangers is judged on listeners with role = \"mx\"."};
// Rows of [[blocklist]] stand in Settings::blocklists.
inline constexpr Section<BlocklistRow> kBlocklistSection{
    "blocklist", nullptr, kBlocklistSettings,
    "One for each DNS list (RFC 5782) that is asked about clients; none by default."};
inline constexpr Section<GreylistSettings> kGreylistSection{
    "greylist", &Settings::greylist, kGreylistSettings, "Greylisting; it learns who comes back."};

}  // namespace mail
