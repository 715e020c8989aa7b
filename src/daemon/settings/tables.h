// Every setting, declared once (style.md §6). To add one: a member and a row here; a reader of the
// value; a case in tests/config/bad where it can be wrong in a new way.
#pragma once

#include <array>

#include "base/text.h"
#include "daemon/settings/setting.h"
#include "daemon/settings/settings.h"

namespace mail {

inline constexpr auto kGlobalSettings = std::to_array<Setting<Settings>>({
    {"hostname",
     &Settings::hostname,
     kRequired,
     {},
     Reload::restart,
     "Full name of this host, as it is given in the greeting and in Received fields; it should "
     "match reverse DNS. A listener may override it.",
     nullptr,
     {},
     "mx.example.org"},
    {"state",
     &Settings::state,
     "/var/lib/mailwright",
     {},
     Reload::restart,
     "Folder of all that is durable, an absolute path. It is created when it is missing."},
});

inline constexpr auto kListenerSettings = std::to_array<Setting<smtp::SmtpListener>>({
    {"address",
     &smtp::SmtpListener::address,
     kRequired,
     {},
     Reload::live,
     "IP address and port to listen on, like \"0.0.0.0:25\" or \"[::]:25\"; port 0 takes any free "
     "port. A reload opens and closes listeners; unchanged ones keep their sockets.",
     nullptr,
     {},
     "0.0.0.0:25"},
    {"role",
     &smtp::SmtpListener::role,
     kRequired,
     {},
     Reload::live,
     "Whom the listener serves. \"mx\": everybody, recipients of local domains only, no login. "
     "\"submission\": people and programs after login, any recipient. \"relay\": as mx, plus any "
     "recipient from [relay] networks or after login.",
     nullptr,
     {},
     "mx"},
    {"tls",
     &smtp::SmtpListener::tls,
     "starttls",
     {},
     Reload::live,
     "\"starttls\" offers it, \"implicit\" begins with it (port 465), \"none\" does without. All "
     "but \"none\" need [tls]."},
    {"insecure_auth",
     &smtp::SmtpListener::insecure_auth,
     "false",
     {},
     Reload::live,
     "Offer login without TLS. On loopback addresses only.",
     [](const smtp::SmtpListener& with) {
       return with.login_offered() && with.tls != smtp::TlsMode::implicit;
     },
     "on a listener that offers login and does not begin with TLS"},
    {"hostname",
     &smtp::SmtpListener::hostname,
     "",
     {},
     Reload::restart,
     "Name given in the greeting and in Received fields. Empty: the global hostname."},
    {"max_message_size",
     &smtp::SmtpListener::max_message_size,
     "50MiB",
     {(64_KiB).value, (1_GiB).value},
     Reload::live,
     "Largest message taken, header and body; RFC 5321 §4.5.3.1.7 asks for at least 64 KiB."},
    {"max_recipients",
     &smtp::SmtpListener::max_recipients,
     "1000",
     {100, 100'000},
     Reload::live,
     "Recipients per transaction; RFC 5321 §4.5.3.1.8 asks for at least 100."},
    {"max_messages",
     &smtp::SmtpListener::max_messages,
     "100000",
     {1, 999'999},
     Reload::live,
     "Messages begun in one session after which it is ended with 421; MAILMAX of RFC 9422."},
    {"max_recipient_domains",
     &smtp::SmtpListener::max_recipient_domains,
     "100000",
     {1, 100'000},
     Reload::live,
     "Different domains of recipients in one session; those beyond are answered 452. RCPTDOMAINMAX "
     "of RFC 9422."},
    {"limits",
     &smtp::SmtpListener::limits,
     "true",
     {},
     Reload::live,
     "Tell clients max_messages, max_recipients and max_recipient_domains by LIMITS (RFC 9422)."},
    {"max_errors",
     &smtp::SmtpListener::max_errors,
     "20",
     {1, 1000},
     Reload::live,
     "Refused commands after which a session is ended with 421."},
    {"max_junk_commands",
     &smtp::SmtpListener::max_junk_commands,
     "100",
     {10, 10'000},
     Reload::live,
     "Commands that carry no mail (NOOP, RSET, VRFY, ...) after which a session is ended with "
     "421."},
    {"idle_timeout",
     &smtp::SmtpListener::idle_timeout,
     "5m",
     {1, 3600},
     Reload::live,
     "Silence after which a session is ended; RFC 5321 §4.5.3.2.7 asks for at least 5 minutes."},
    {"stressed_timeout",
     &smtp::SmtpListener::stressed_timeout,
     "10s",
     {1, 3600},
     Reload::live,
     "The same while connections are nearly used up; not above idle_timeout."},
    {"bare_lf",
     &smtp::SmtpListener::bare_lf,
     "reject",
     {},
     Reload::live,
     "What a line feed without carriage return in a message does. \"reject\" refuses the message "
     "(RFC 5321 §2.3.8); \"normalize\" stores it as CRLF, for old programs in the own network.",
     [](const smtp::SmtpListener& with) { return with.role == smtp::Role::relay; },
     "on a listener with role = \"relay\""},
    {"chunking",
     &smtp::SmtpListener::chunking,
     "true",
     {},
     Reload::live,
     "Offer CHUNKING (RFC 3030): content in chunks of a size told before, by BDAT."},
    {"binarymime",
     &smtp::SmtpListener::binarymime,
     "true",
     {},
     Reload::live,
     "Offer BINARYMIME (RFC 3030): messages that are kept bit for bit. Not without chunking."},
    {"bdat_bare_lf",
     &smtp::SmtpListener::bdat_bare_lf,
     "normalize",
     {},
     Reload::live,
     "What a line feed without carriage return does in a message of text that comes by BDAT. "
     "\"normalize\" stores it as CRLF; \"reject\" refuses the message.",
     [](const smtp::SmtpListener& with) { return with.chunking; },
     "on a listener with chunking = true"},
    {"vrfy",
     &smtp::SmtpListener::vrfy,
     "false",
     {},
     Reload::live,
     "Answer VRFY truly after login and to clients on loopback; everybody else gets 252."},
    {"expn",
     &smtp::SmtpListener::expn,
     "false",
     {},
     Reload::live,
     "Answer EXPN with the members of an alias after login and to clients on loopback; everybody "
     "else gets 502."},
    {"from_check",
     &smtp::SmtpListener::from_check,
     "true",
     {},
     Reload::live,
     "Refuse messages with several From fields.",
     [](const smtp::SmtpListener& with) { return with.role == smtp::Role::mx; },
     "on a listener with role = \"mx\""},
});

inline constexpr auto kTlsSettings = std::to_array<Setting<TlsFiles>>({
    {"certificate",
     &TlsFiles::certificate,
     kRequired,
     {},
     Reload::live,
     "File with the certificate and its chain, PEM, an absolute path.",
     nullptr,
     {},
     "/etc/mailwright/cert.pem"},
    {"key",
     &TlsFiles::key,
     kRequired,
     {},
     Reload::live,
     "File with the private key, PEM, an absolute path; readable by its owner alone (0600).",
     nullptr,
     {},
     "/etc/mailwright/key.pem"},
});

inline constexpr auto kRelaySettings = std::to_array<Setting<RelaySettings>>({
    {"networks",
     &RelaySettings::networks,
     "",
     {},
     Reload::live,
     "Who may relay through a listener with role = \"relay\" without login, like "
     "[\"127.0.0.0/8\"]; exempt from the per-client limits."},
});

inline constexpr auto kLimitSettings = std::to_array<Setting<LimitSettings>>({
    {"max_connections",
     &LimitSettings::max_connections,
     "10000",
     {10, 1'000'000},
     Reload::live,
     "SMTP connections open at once, all listeners together; more are answered 421."},
    {"connections_per_client",
     &LimitSettings::connections_per_client,
     "50",
     {1, 100'000},
     Reload::live,
     "Connections open at once from one address (IPv6: one /64)."},
    {"connection_rate",
     &LimitSettings::connection_rate,
     "60",
     {1, 1'000'000},
     Reload::live,
     "New connections a minute from one address (IPv6: one /64)."},
    {"message_rate",
     &LimitSettings::message_rate,
     "300",
     {1, 1'000'000},
     Reload::live,
     "Messages a minute from one address (IPv6: one /64) before login."},
    {"recipients_per_hour",
     &LimitSettings::recipients_per_hour,
     "1000",
     {1, 100'000'000},
     Reload::live,
     "Recipients an account may send to at once, and again within the next hour, against stolen "
     "passwords; more are answered 450, and the log says whose they were."},
    {"failed_logins_per_minute",
     &LimitSettings::failed_logins_per_minute,
     "10",
     {1, 1'000'000},
     Reload::live,
     "Failed logins from one address (IPv6: one /64) within a minute, and ten times as many from "
     "its network (/24, IPv6: /48); then logins are answered 421. The same wrong password of the "
     "same user counts once a day, and where somebody logged in within 30 days ten times as many "
     "are allowed."},
    {"failed_logins_per_day",
     &LimitSettings::failed_logins_per_day,
     "50",
     {1, 1'000'000},
     Reload::live,
     "The same within a day."},
});

inline constexpr auto kLogSettings = std::to_array<Setting<LogSettings>>({
    {"level",
     &LogSettings::level,
     "info",
     {},
     Reload::live,
     "Least severe entries written to the operator log."},
});

inline constexpr Section<Settings> kGlobalSection{"", nullptr, kGlobalSettings,
                                                  "These stand above the first section."};
inline constexpr Section<smtp::SmtpListener> kListenerSection{
    "listener", nullptr, kListenerSettings, "One for each address mail is taken on; at least one."};
inline constexpr Section<TlsFiles> kTlsSection{
    "tls", &Settings::tls, kTlsSettings,
    "Needed where a listener uses TLS; may stand where none does."};
inline constexpr Section<RelaySettings> kRelaySection{"relay", &Settings::relay, kRelaySettings,
                                                      "May stand where no listener relays."};
inline constexpr Section<LimitSettings> kLimitSection{
    "limits", &Settings::limits, kLimitSettings,
    "What one client, and all together, may take. 0 never means unlimited."};
inline constexpr Section<LogSettings> kLogSection{"log", &Settings::log, kLogSettings,
                                                  "The operator log, written to standard error."};

// [routes] has domains for keys and so no rows; its texts stand here for explain and the docs.
inline constexpr std::string_view kRoutesHelp =
    "Where mail for domains that are not local goes, by recipient domain; \"*\" is the default. "
    "This version takes \"hold\" (kept until an operator releases it) and \"discard\". A domain "
    "without a route is not relayed to.";

// In the order of the file and the documentation; [routes] follows [relay].
template <typename Visit>
void each_section(Visit&& visit) {
  visit(kGlobalSection);
  visit(kListenerSection);
  visit(kTlsSection);
  visit(kRelaySection);
  visit(kLimitSection);
  visit(kLogSection);
}

// Keys that later versions bring: refused like any other that is not known, but not as a typing
// error.
inline constexpr auto kLaterKeys = std::to_array<std::string_view>({
    "outbound",
    "dns",
    "http",
    "listener.mode",
    "routes.from",
    "history",
});

// "listener.role"; "hostname" for the global ones.
template <typename T>
std::string key_of(const Section<T>& section, std::string_view name) {
  return section.name.empty() ? std::string(name) : concat(section.name, ".", name);
}

}  // namespace mail
