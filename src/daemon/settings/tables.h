// Every setting, declared once (style.md §6). To add one: a member and a row here; a reader of the
// value; a case in tests/config/bad where it can be wrong in a new way.
#pragma once

#include <array>

#include "base/text.h"
#include "daemon/settings/feedback_tables.h"
#include "daemon/settings/neighbour_tables.h"
#include "daemon/settings/outbound_tables.h"
#include "daemon/settings/policy_tables.h"
#include "daemon/settings/setting.h"
#include "daemon/settings/settings.h"
#include "daemon/settings/signing_tables.h"

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

constexpr bool is_submission(const smtp::SmtpListener& with) {
  return with.role == smtp::Role::submission;
}

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
    {"mode",
     &smtp::SmtpListener::mode,
     "store-and-forward",
     {},
     Reload::live,
     "\"store-and-forward\" keeps mail and sends it on from its queue. \"end-to-end\" sends it on "
     "while "
     "the client waits: the next server's answers are the client's, nothing is queued and nothing "
     "bounces; such a listener takes no mail for local domains and offers only SIZE, 8BITMIME, "
     "PIPELINING, ENHANCEDSTATUSCODES, STARTTLS and AUTH.",
     [](const smtp::SmtpListener& with) { return with.role != smtp::Role::mx; },
     "on a listener with role = \"submission\" or \"relay\""},
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
    {"pipelining",
     &smtp::SmtpListener::pipelining,
     "true",
     {},
     Reload::live,
     "Offer PIPELINING (RFC 2920): commands in groups."},
    {"size",
     &smtp::SmtpListener::size,
     "true",
     {},
     Reload::live,
     "Offer SIZE (RFC 1870). max_message_size holds all the same."},
    {"eight_bit_mime",
     &smtp::SmtpListener::eight_bit_mime,
     "true",
     {},
     Reload::live,
     "Offer 8BITMIME (RFC 6152)."},
    {"enhanced_status_codes",
     &smtp::SmtpListener::enhanced_status_codes,
     "true",
     {},
     Reload::live,
     "Offer ENHANCEDSTATUSCODES (RFC 2034), and use them in replies."},
    {"dsn",
     &smtp::SmtpListener::dsn,
     "true",
     {},
     Reload::live,
     "Offer DSN (RFC 3461): senders say which notices they want, and of what."},
    {"smtputf8",
     &smtp::SmtpListener::smtputf8,
     "true",
     {},
     Reload::live,
     "Offer SMTPUTF8 (RFC 6531): addresses and headers in UTF-8. Not without eight_bit_mime."},
    {"requiretls",
     &smtp::SmtpListener::requiretls,
     "true",
     {},
     Reload::live,
     "Offer REQUIRETLS (RFC 8689) under TLS: such mail goes on under verified TLS or comes back."},
    {"futurerelease",
     &smtp::SmtpListener::futurerelease,
     "true",
     {},
     Reload::live,
     "Offer FUTURERELEASE (RFC 4865): mail that is held until a time its sender names.",
     is_submission,
     "on a listener with role = \"submission\""},
    {"max_hold",
     &smtp::SmtpListener::max_hold,
     "30d",
     {60, 365 * 86'400},
     Reload::live,
     "Longest time mail is held so.",
     [](const smtp::SmtpListener& with) { return is_submission(with) && with.futurerelease; },
     "on a listener with role = \"submission\" and futurerelease = true"},
    {"deliverby",
     &smtp::SmtpListener::deliverby,
     "true",
     {},
     Reload::live,
     "Offer DELIVERBY (RFC 2852): mail that has to be there by a time, or its sender is told.",
     is_submission,
     "on a listener with role = \"submission\""},
    {"mt_priority",
     &smtp::SmtpListener::mt_priority,
     "true",
     {},
     Reload::live,
     "Offer MT-PRIORITY (RFC 6710). Above 0 only to clients in [relay] networks; others get 0.",
     is_submission,
     "on a listener with role = \"submission\""},
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
    {"proxy_from",
     &smtp::SmtpListener::proxy_from,
     "",
     {},
     Reload::live,
     "Load balancers that begin each connection with a PROXY header (version 1 or 2), like "
     "[\"192.0.2.0/24\"]; the client it names is the client from then on. Others are served as "
     "themselves, and may not say so."},
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
    {"trace_client",
     &smtp::SmtpListener::trace_client,
     "masked",
     {},
     Reload::live,
     "What Received says of the client. \"masked\" leaves out its address and name; the event in "
     "the log has them. \"full\" writes them, as mail from elsewhere has it.",
     is_submission,
     "on a listener with role = \"submission\""},
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
    {"connections_per_network",
     &LimitSettings::connections_per_network,
     "500",
     {1, 100'000},
     Reload::live,
     "Connections open at once from one network (/24, IPv6: /48)."},
    {"network_connection_rate",
     &LimitSettings::network_connection_rate,
     "600",
     {1, 1'000'000},
     Reload::live,
     "New connections a minute from one network (/24, IPv6: /48)."},
    {"network_message_rate",
     &LimitSettings::network_message_rate,
     "3000",
     {1, 1'000'000},
     Reload::live,
     "Messages a minute from one network (/24, IPv6: /48) before login."},
    {"sender_message_rate",
     &LimitSettings::sender_message_rate,
     "300",
     {1, 1'000'000},
     Reload::live,
     "Messages a minute from one sender address by strangers on listeners with role = \"mx\"; more "
     "are answered 450."},
    {"recipient_message_rate",
     &LimitSettings::recipient_message_rate,
     "120",
     {1, 1'000'000},
     Reload::live,
     "Messages a minute for one recipient from such clients. Answers come slowly when half of it "
     "is "
     "used up; more are answered 450."},
    {"unknown_recipient_rate",
     &LimitSettings::unknown_recipient_rate,
     "30",
     {1, 1'000'000},
     Reload::live,
     "Recipients that do not exist, a minute, that such a client (IPv6: a /64) may try. Answers "
     "come "
     "slowly when half of it is used up; then its recipients are answered 450, whether they exist "
     "or "
     "not."},
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

// In the order of the file and the documentation; [routes] follows [relay].
template <typename Visit>
void each_section(Visit&& visit) {
  visit(kGlobalSection);
  visit(kListenerSection);
  visit(kTlsSection);
  visit(kRelaySection);
  visit(kOutboundSection);
  visit(kSigningSection);
  visit(kFeedbackSection);
  visit(kForwardingSection);
  visit(kDnsSection);
  visit(kPolicySection);
  visit(kBlocklistSection);
  visit(kGreylistSection);
  visit(kMilterSection);
  visit(kClamdSection);
  visit(kRspamdSection);
  visit(kLimitSection);
  visit(kLogSection);
}

// Keys that later versions bring: refused like any other that is not known, but not as a typing
// error.
inline constexpr auto kLaterKeys = std::to_array<std::string_view>({
    "http",
    "history",
});

// "listener.role"; "hostname" for the global ones.
template <typename T>
std::string key_of(const Section<T>& section, std::string_view name) {
  return section.name.empty() ? std::string(name) : concat(section.name, ".", name);
}

}  // namespace mail
