#include "daemon/settings/route_target.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "codec/address/address.h"
#include "daemon/settings/endpoint.h"
#include "daemon/settings/files.h"

namespace mail {
namespace {

constexpr std::string_view kTargets =
    "write \"smtp://HOST\", \"smtps://HOST\", \"lmtp://HOST:PORT\", \"lmtp:/PATH\", \"mx\", "
    "\"local\", \"hold\" or \"discard\"";

struct Word {
  std::string_view name;
  Route::Kind kind;
};
constexpr auto kWords = std::to_array<Word>({{"mx", Route::Kind::mx},
                                             {"local", Route::Kind::local},
                                             {"hold", Route::Kind::hold},
                                             {"discard", Route::Kind::discard}});

struct Scheme {
  std::string_view name;
  Route::Kind kind;
  std::uint16_t port;  // 0: must be written
  bool implicit_tls;
};
constexpr auto kSchemes = std::to_array<Scheme>({{"smtp://", Route::Kind::smtp, 25, false},
                                                 {"smtps://", Route::Kind::smtp, 465, true},
                                                 {"lmtp://", Route::Kind::lmtp, 0, false}});
constexpr std::string_view kUnixScheme = "lmtp:";

std::string nearest_target(std::string_view to) {
  const std::string word = to_lower(to);
  const std::string_view near = nearest(word, {"mx", "local", "hold", "discard"});
  if (!near.empty()) return toml::quoted(near);
  // "smtp:host", "host:25", "smtp:/host".
  std::string_view host = word;
  std::string_view scheme = "smtp://";
  for (const Scheme& known : kSchemes) {
    const std::string_view name = known.name.substr(0, known.name.size() - 2);
    if (!host.starts_with(name)) continue;
    scheme = known.name;
    host.remove_prefix(name.size());
    while (host.starts_with('/')) host.remove_prefix(1);
    break;
  }
  const bool likely = host.contains('.') || host.contains(':');
  return likely && parse_host_and_port(host) ? toml::quoted(concat(scheme, host)) : std::string();
}

Refusal read_host(const Scheme& scheme, std::string_view rest, RouteRow& row, Route& route) {
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const auto place = parse_host_and_port(rest);
  if (!place) {
    return Complaint{concat(toml::quoted(row.to), " names no host"), "",
                     concat("write it like \"", scheme.name, "smarthost.example.org",
                            scheme.port == 0 ? ":24\"" : "\"")};
  }
  if (!place->port && scheme.port == 0) {
    return Complaint{concat(toml::quoted(row.to), " has no port, and LMTP has none of its own"),
                     toml::quoted(concat(scheme.name, host_text(place->host), ":24")),
                     "write the port the server listens on"};
  }
  route.kind = scheme.kind;
  route.host = place->host;
  route.port = place->port.value_or(scheme.port);
  row.to = concat(scheme.name, host_text(route.host), ":", route.port);
  return std::nullopt;
}

Refusal read_target(RouteRow& row, Route& route) {
  for (const Word& word : kWords) {
    if (row.to != word.name) continue;
    route.kind = word.kind;
    return std::nullopt;
  }
  for (const Scheme& scheme : kSchemes) {
    if (!istarts_with(row.to, scheme.name)) continue;
    const std::string rest = row.to.substr(scheme.name.size());
    return read_host(scheme, rest, row, route);
  }
  if (istarts_with(row.to, kUnixScheme) && row.to.substr(kUnixScheme.size()).starts_with('/')) {
    route.kind = Route::Kind::lmtp;
    route.unix_path = row.to.substr(kUnixScheme.size());
    row.to = concat(kUnixScheme, route.unix_path.string());
    // sun_path of unix(7) holds that much, its final NUL included.
    if (row.to.size() - kUnixScheme.size() < 108) return std::nullopt;
    return Complaint{"names a socket with a path of more than 107 octets", "",
                     "give the socket a shorter path: the system takes no longer one"};
  }
  return Complaint{concat("cannot be ", toml::quoted(row.to)), nearest_target(row.to),
                   std::string(kTargets)};
}

bool on_this_machine(const Route& route) {
  return !route.unix_path.empty() || HostAndPort{route.host, std::nullopt}.is_loopback();
}

std::optional<RouteFault> set_tls(const RouteRow& row, bool implicit, Route& route) {
  RouteTls tls = row.tls;
  if (tls == RouteTls::automatic) {
    tls = RouteTls::opportunistic;
    if (route.login) tls = on_this_machine(route) ? RouteTls::none : RouteTls::verify;
    if (!route.unix_path.empty()) tls = RouteTls::none;
  } else if (!route.unix_path.empty() && tls != RouteTls::none) {
    return RouteFault{"tls", {"makes no sense on a socket of this machine", "", "remove it"}};
  } else if (implicit && (tls == RouteTls::none || tls == RouteTls::opportunistic)) {
    return RouteFault{"tls",
                      {"contradicts smtps://, which begins with TLS", "",
                       "write \"require\" or \"verify\", or go to smtp:// instead"}};
  }
  route.verify = tls == RouteTls::verify;
  route.tls = implicit                         ? smtp::HopTls::implicit
              : tls == RouteTls::none          ? smtp::HopTls::none
              : tls == RouteTls::opportunistic ? smtp::HopTls::opportunistic
                                               : smtp::HopTls::require;
  const bool protected_by_tls =
      route.tls == smtp::HopTls::implicit || route.tls == smtp::HopTls::require;
  if (route.login && !protected_by_tls && !on_this_machine(route)) {
    return RouteFault{"tls",
                      {"would let the password go unencrypted over the network", "\"verify\"",
                       "require TLS where there is a login; only a hop on loopback does without"}};
  }
  if (route.kind == Route::Kind::mx && route.verify) {
    return RouteFault{"tls",
                      {"cannot be \"verify\" by MX: hosts named by the DNS alone prove nothing",
                       "\"require\"", "verify a next hop that is named here, like smtp://HOST"}};
  }
  return std::nullopt;
}

std::optional<RouteFault> read_secret_of(std::string_view key, const std::string& path,
                                         std::string& secret) {
  if (path.empty()) return std::nullopt;
  if (Refusal refusal = read_secret(path, secret)) return RouteFault{key, std::move(*refusal)};
  return std::nullopt;
}

std::optional<RouteFault> check_token(const RouteRow& row) {
  if (!row.token_command.empty() && !row.token_command.front().starts_with('/')) {
    return RouteFault{"token_command",
                      {concat(toml::quoted(row.token_command.front()), " is not an absolute path"),
                       "", "name the program with its full path: no shell looks for it"}};
  }
  if (row.token_url.empty()) return std::nullopt;
  if (!istarts_with(row.token_url, "https://")) {
    return RouteFault{"token_url",
                      {concat(toml::quoted(row.token_url), " does not begin with https://"), "",
                       "tokens are asked for under TLS only"}};
  }
  if (row.client_id.empty() || row.refresh_token_file.empty()) {
    return RouteFault{"token_url",
                      {"needs client_id and refresh_token_file beside it", "",
                       "add both; they come with the registration of an OAuth client"}};
  }
  return std::nullopt;
}

std::optional<RouteFault> set_login(const RouteRow& row, Route& route) {
  if (row.login.empty()) return std::nullopt;
  const int ways = (row.password_file.empty() ? 0 : 1) + (row.token_command.empty() ? 0 : 1) +
                   (row.token_url.empty() ? 0 : 1);
  if (ways != 1) {
    return RouteFault{"login",
                      {ways == 0 ? "has no password" : "has more than one kind of password", "",
                       "write one of password_file, token_command and token_url beside it"}};
  }
  if (auto fault = check_token(row)) return fault;
  RouteLogin login;
  login.user = row.login;
  login.token_command = row.token_command;
  login.token_url = row.token_url;
  login.client_id = row.client_id;
  if (auto fault = read_secret_of("password_file", row.password_file, login.password)) return fault;
  if (auto fault =
          read_secret_of("client_secret_file", row.client_secret_file, login.client_secret)) {
    return fault;
  }
  if (auto fault =
          read_secret_of("refresh_token_file", row.refresh_token_file, login.refresh_token)) {
    return fault;
  }
  route.login = std::move(login);
  return std::nullopt;
}

std::optional<RouteFault> set_names(const RouteRow& row, Route& route) {
  if (!row.source.empty()) {
    const auto address = IpAddress::parse(row.source);
    if (!address) {
      return RouteFault{"source",
                        {concat(toml::quoted(row.source), " is not an IP address"), "",
                         "write an address of this machine, like \"192.0.2.7\""}};
    }
    route.source = address->to_string();
  }
  if (!row.helo.empty()) {
    const auto domain = Domain::parse(row.helo);
    if (!domain || IpAddress::parse(row.helo)) {
      return RouteFault{"helo",
                        {concat(toml::quoted(row.helo), " is not a host name"), "",
                         "write a full name, like \"out7.example.org\""}};
    }
    route.helo = domain->text();
  }
  return std::nullopt;
}

// What only a hop over the network has.
std::string_view first_without_effect(const RouteRow& row) {
  if (row.tls != RouteTls::automatic) return "tls";
  if (!row.login.empty()) return "login";
  if (!row.source.empty()) return "source";
  if (!row.helo.empty()) return "helo";
  return "";
}

}  // namespace

std::optional<RouteFault> make_route(RouteRow& row, Route& route) {
  if (Refusal refusal = read_target(row, route)) return RouteFault{"to", std::move(*refusal)};
  route.to = row.to;
  const bool by_network = route.kind == Route::Kind::smtp || route.kind == Route::Kind::lmtp;
  if (!by_network && route.kind != Route::Kind::mx) {
    const std::string_view useless = first_without_effect(row);
    if (useless.empty()) return std::nullopt;
    return RouteFault{useless,
                      {concat("has no effect: to is ", toml::quoted(row.to)), "",
                       "remove it: it works only with a next hop"}};
  }
  if (!by_network && !row.login.empty()) {
    return RouteFault{"login",
                      {"has no effect by MX: nobody has an account at every host of the world", "",
                       "name the next hop, like smtp://HOST, or remove the login"}};
  }
  if (!route.unix_path.empty() && !row.source.empty()) {
    return RouteFault{"source", {"has no effect: to is a socket of this machine", "", "remove it"}};
  }
  if (auto fault = set_login(row, route)) return fault;
  if (auto fault = set_tls(row, row.to.starts_with("smtps:"), route)) return fault;
  return set_names(row, route);
}

}  // namespace mail
