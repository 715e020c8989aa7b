// The configuration as values: read whole from a TOML file, checked whole, then immutable.
// Settings are shared by pointer; a session keeps those it began with, a reload makes new ones.
// load_settings() collects every problem of the file, so that one look at the answer is enough to
// mend it.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "codec/address/ip_address.h"
#include "codec/smtp/listener.h"
#include "daemon/settings/feedback_settings.h"
#include "daemon/settings/neighbour_settings.h"
#include "daemon/settings/policy_settings.h"
#include "daemon/settings/signing_settings.h"
#include "platform/toml/toml.h"
#include "service/routing/route.h"

namespace mail {

struct TlsFiles {
  std::string certificate;  // PEM, the chain; both empty: there is no [tls]
  std::string key;          // PEM
  bool present() const { return !certificate.empty(); }
};

struct RelaySettings {
  std::vector<IpNetwork> networks;
};

// security.md §3: per-client limits spare [relay] networks and sessions after login.
struct LimitSettings {
  std::uint32_t max_connections = 0;
  std::uint32_t connections_per_client = 0;
  std::uint32_t connection_rate = 0;  // per minute
  std::uint32_t message_rate = 0;     // per minute
  std::uint32_t connections_per_network = 0;
  std::uint32_t network_connection_rate = 0;  // per minute
  std::uint32_t network_message_rate = 0;     // per minute
  std::uint32_t sender_message_rate = 0;      // per minute
  std::uint32_t recipient_message_rate = 0;   // per minute
  std::uint32_t unknown_recipient_rate = 0;   // per minute
  std::uint32_t recipients_per_hour = 0;
  std::uint32_t failed_logins_per_minute = 0;
  std::uint32_t failed_logins_per_day = 0;
};

// How a connection to a next hop is protected, as [routes] says it.
enum class RouteTls : std::uint8_t { automatic, none, opportunistic, require, verify };

// One route as the file writes it; settings_from() makes a Route of it.
struct RouteRow {
  std::string to;
  RouteTls tls = RouteTls::automatic;
  std::string login;
  std::string password_file;
  std::vector<std::string> token_command;
  std::string token_url;
  std::string client_id;
  std::string client_secret_file;
  std::string refresh_token_file;
  std::string source;
  std::string helo;
};

// security.md 13, 14, 34, 35: when mail is tried again, and how much of it at once.
struct OutboundSettings {
  std::chrono::seconds retry_for{0};
  std::chrono::seconds retry_min{0};
  std::chrono::seconds retry_max{0};
  std::chrono::seconds delay_notice_after{0};
  std::uint32_t connections_per_site = 0;
  std::uint32_t messages_per_connection = 0;
  std::chrono::seconds connect_timeout{0};
  std::string ca_file;                // empty: the system's authorities
  std::optional<bool> allow_private;  // nothing: as the DNS is private or not
};

// Whom to ask: nobody in particular (own recursion), the system's resolvers, or these.
struct NameServer {
  IpAddress address;
  std::uint16_t port = 53;
  bool operator==(const NameServer&) const = default;
};
struct NameServers {
  bool system = false;
  std::vector<NameServer> addresses;
};
struct DnsSettings {
  NameServers servers;
  std::string root_hints;
  std::string trust_anchor;
  bool is_private() const { return !servers.addresses.empty() || !root_hints.empty(); }
};

struct LogSettings {
  log::Level level = log::Level::info;
};

struct Settings {
  std::string hostname;
  std::string state;  // absolute
  std::vector<std::shared_ptr<const smtp::SmtpListener>> listeners;
  TlsFiles tls;
  RelaySettings relay;
  LimitSettings limits;
  LogSettings log;
  std::shared_ptr<const Routes> routes = std::make_shared<const Routes>();
  toml::Table route_rows;  // the same as the file writes them, to be shown
  OutboundSettings outbound;
  SigningSettings signing;
  FeedbackSettings feedback;
  ForwardingSettings forwarding;
  DnsSettings dns;
  std::vector<NeighbourRow> milters;
  NeighbourRow clamd;
  NeighbourRow rspamd;
  PolicySettings policy;
  std::vector<BlocklistRow> blocklists;
  GreylistSettings greylist;
};

// One thing wrong with a configuration, for its author.
struct Problem {
  std::string file;          // as it was named to load_settings()
  std::uint32_t line = 0;    // 0: the file as a whole
  std::uint32_t column = 0;  //
  std::string key;           // "listener.role"; empty where no key is to blame
  std::string what;          // "is not a known key"
  std::string meant;         // did you mean ...; may be empty
  std::string remedy;        // what to do
};
using Problems = std::vector<Problem>;

// Several lines, each ending in LF: place, key and fault; did you mean; remedy.
std::string to_string(const Problem& problem);
std::string to_string(const Problems& problems);

// In the order of the file. Reads the file and looks at the files it names; changes nothing.
std::expected<std::shared_ptr<const Settings>, Problems> load_settings(const std::string& path);
// The same from text; `file` is for the problems only.
std::expected<std::shared_ptr<const Settings>, Problems> parse_settings(std::string_view text,
                                                                        const std::string& file);

// For a reload: restart-only keys whose value changed, as "state" or "listener.hostname
// (0.0.0.0:25)"; and the settings to run with until the restart: `loaded`, but with the values of
// `running` for those keys.
std::vector<std::string> changed_restart_only(const Settings& running, const Settings& loaded);
std::shared_ptr<const Settings> until_restart(const Settings& running, const Settings& loaded);

}  // namespace mail
