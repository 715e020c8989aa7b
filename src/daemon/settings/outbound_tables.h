// The rows of what leaves: one route, [outbound], [dns]. Part of tables.h, which says how to add
// one.
#pragma once

#include <array>
#include <string_view>

#include "daemon/settings/setting.h"

namespace mail {

inline constexpr auto kRouteSettings = std::to_array<Setting<RouteRow>>({
    {"to",
     &RouteRow::to,
     kRequired,
     {},
     Reload::live,
     "The next hop. \"smtp://HOST\" (port 25), \"smtp://HOST:PORT\"; \"smtps://HOST\" (TLS from "
     "the "
     "first byte, port 465); \"lmtp://HOST:PORT\" or \"lmtp:/PATH\" of a socket; \"mx\": as the "
     "DNS "
     "says; \"local\": never leaves this server; \"hold\": kept until an operator releases it; "
     "\"discard\": taken and thrown away.",
     nullptr,
     {},
     "smtp://relay.example.org"},
    {"tls",
     &RouteRow::tls,
     "automatic",
     {},
     Reload::live,
     "\"none\"; \"opportunistic\": where offered, any certificate; \"require\": or no mail goes; "
     "\"verify\": required, and the certificate must be the host's. \"automatic\" is \"verify\" "
     "for a route with login, or \"none\" where that stays on this machine, else "
     "\"opportunistic\"."},
    {"login",
     &RouteRow::login,
     "",
     {},
     Reload::live,
     "User to log in as. It takes a password_file, a token_command or a token_url too, and TLS "
     "unless the next hop is on loopback."},
    {"password_file",
     &RouteRow::password_file,
     "",
     {},
     Reload::live,
     "File with the password on its first line, readable by its owner alone (0600).",
     [](const RouteRow& with) { return !with.login.empty(); },
     "beside login"},
    {"token_command",
     &RouteRow::token_command,
     "",
     {},
     Reload::live,
     "Program and arguments that print an access token for XOAUTH2; no shell reads them.",
     [](const RouteRow& with) { return !with.login.empty(); },
     "beside login"},
    {"token_url",
     &RouteRow::token_url,
     "",
     {},
     Reload::live,
     "Where a refresh token is changed for an access token (RFC 6749 §6), https only.",
     [](const RouteRow& with) { return !with.login.empty(); },
     "beside login"},
    {"client_id",
     &RouteRow::client_id,
     "",
     {},
     Reload::live,
     "Who we are at token_url.",
     [](const RouteRow& with) { return !with.token_url.empty(); },
     "beside token_url"},
    {"client_secret_file",
     &RouteRow::client_secret_file,
     "",
     {},
     Reload::live,
     "File with our secret at token_url, readable by its owner alone (0600).",
     [](const RouteRow& with) { return !with.token_url.empty(); },
     "beside token_url"},
    {"refresh_token_file",
     &RouteRow::refresh_token_file,
     "",
     {},
     Reload::live,
     "File with the refresh token, readable by its owner alone (0600).",
     [](const RouteRow& with) { return !with.token_url.empty(); },
     "beside token_url"},
    {"source",
     &RouteRow::source,
     "",
     {},
     Reload::live,
     "Address of this machine to connect from. Empty: the system's choice."},
    {"helo",
     &RouteRow::helo,
     "",
     {},
     Reload::live,
     "Name given to the next hop; it should fit source in reverse DNS. Empty: the hostname."},
});

inline constexpr auto kOutboundSettings = std::to_array<Setting<OutboundSettings>>({
    {"retry_for",
     &OutboundSettings::retry_for,
     "5d",
     {60, 2'592'000},
     Reload::live,
     "How long mail is tried before it comes back to its sender; RFC 5321 §4.5.4.1 asks for at "
     "least 4-5 days."},
    {"retry_min",
     &OutboundSettings::retry_min,
     "1m",
     {1, 86'400},
     Reload::live,
     "Wait before the second try; each further one waits twice as long as the one before."},
    {"retry_max",
     &OutboundSettings::retry_max,
     "4h",
     {1, 86'400},
     Reload::live,
     "Longest wait between two tries; not below retry_min."},
    {"delay_notice_after",
     &OutboundSettings::delay_notice_after,
     "4h",
     {60, 2'592'000},
     Reload::live,
     "When a sender of ours, or one who asked for it by NOTIFY=DELAY, is told that mail waits."},
    {"connections_per_site",
     &OutboundSettings::connections_per_site,
     "20",
     {1, 10'000},
     Reload::live,
     "Connections open at once to the hosts that take the mail of a domain."},
    {"messages_per_connection",
     &OutboundSettings::messages_per_connection,
     "1000",
     {1, 1'000'000},
     Reload::restart,
     "Messages sent over one connection before a new one is opened."},
    {"connect_timeout",
     &OutboundSettings::connect_timeout,
     "30s",
     {1, 300},
     Reload::restart,
     "How long one address of a host is given to answer."},
    {"ca_file",
     &OutboundSettings::ca_file,
     "",
     {},
     Reload::restart,
     "File with the authorities that certificates of next hops are verified by, PEM, an absolute "
     "path. Empty: those of the system."},
    {"allow_private",
     &OutboundSettings::allow_private,
     "automatic",
     {},
     Reload::live,
     "Send to MX hosts with private or loopback addresses. \"automatic\" is true where [dns] names "
     "servers or root hints of your own, else false. Routes to a host by name are not held to it."},
});

inline constexpr auto kDnsSettings = std::to_array<Setting<DnsSettings>>({
    {"servers",
     &DnsSettings::servers,
     "",
     {},
     Reload::restart,
     "Whom to ask. []: the servers of the internet themselves, from the root down, validating "
     "DNSSEC; [\"127.0.0.1:5353\"]: these servers; \"system\": those of /etc/resolv.conf."},
    {"root_hints",
     &DnsSettings::root_hints,
     "",
     {},
     Reload::restart,
     "File with the root servers, for a private root. Empty: those of the internet."},
    {"trust_anchor",
     &DnsSettings::trust_anchor,
     "",
     {},
     Reload::restart,
     "File with the DS or DNSKEY records of the root, for a private root. Empty: those of the "
     "internet."},
});

// A route is a string, or a table with these keys. The name stands for any domain.
inline constexpr Section<RouteRow> kRouteSection{
    "routes.DOMAIN", nullptr, kRouteSettings,
    "Where mail goes that is not for local domains. A key is the recipient's domain; \"*\" is the "
    "default for all others. Rows of [routes.from] have the sender's domain for a key and count "
    "after the recipient's, before \"*\". What has no row goes by MX. A value is the next hop as a "
    "string, or a table with these keys:"};
inline constexpr Section<OutboundSettings> kOutboundSection{"outbound", &Settings::outbound,
                                                            kOutboundSettings, "How mail leaves."};
inline constexpr Section<DnsSettings> kDnsSection{
    "dns", &Settings::dns, kDnsSettings, "How names are looked up, by the resolver built in."};

}  // namespace mail
