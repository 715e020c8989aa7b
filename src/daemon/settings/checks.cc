// What rows cannot say of their values: whether they make sense together, and outside.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "codec/address/address.h"
#include "daemon/settings/draft.h"

namespace mail {
namespace {

// "0.0.0.0:25", "[::]:25".
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  std::string text() const {
    const std::string host = address.to_string();
    return address.is_v4() ? concat(host, ":", port) : concat("[", host, "]:", port);
  }
  bool is_any() const {
    const std::size_t from = address.is_v4() ? 12 : 0;
    return std::all_of(address.bytes.begin() + from, address.bytes.end(),
                       [](std::uint8_t octet) { return octet == 0; });
  }
};

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != host.contains(':')) return std::nullopt;
  const auto address = IpAddress::parse(host);
  const auto port = parse_number(text.substr(colon + 1));
  if (!address || !port || *port > 65'535) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

// For what others write: "25", ":25", "*:25", "localhost:25", "::1:25".
std::string nearest_endpoint(std::string_view text) {
  if (parse_number(text)) return nearest_endpoint(concat(":", text));
  const std::size_t colon = text.rfind(':');
  const std::string_view host = colon == std::string_view::npos ? text : text.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? "25" : text.substr(colon + 1);
  const bool any = host.empty() || host == "*";
  const std::string meant = any                   ? concat("0.0.0.0:", port)
                            : host == "localhost" ? concat("127.0.0.1:", port)
                            : IpAddress::parse(text) && !text.contains(':')
                                ? concat(text, ":25")
                                : concat("[", host, "]:", port);
  return parse_endpoint(meant) ? toml::quoted(meant) : std::string();
}

// RFC 5321 §2.3.5: a host is named by its fully qualified domain name.
Refusal check_hostname(const std::string& name) {
  const std::string remedy = "write the full name of this host, like \"mx.example.org\"";
  if (name.empty()) return Complaint{"is empty", "", remedy};
  const auto domain = Domain::parse(name);
  if (!domain || domain->is_literal() || IpAddress::parse(name)) {
    return Complaint{concat(toml::quoted(name), " is not a host name"), "", remedy};
  }
  if (!name.contains('.')) {
    return Complaint{concat(toml::quoted(name), " is not a full host name: it has no dot"), "",
                     remedy};
  }
  return std::nullopt;
}

void check_global(ConfigDraft& draft, Findings& findings) {
  SectionDraft<Settings>& global = draft.global;
  if (global.fine("hostname")) {
    if (Refusal refusal = check_hostname(global.values.hostname)) {
      findings.add(global.place("hostname"), "hostname", std::move(*refusal));
    }
  }
  if (!global.fine("state")) return;
  const std::string& state = global.values.state;
  if (!state.starts_with('/')) {
    return findings.add(global.place("state"), "state",
                        {concat(toml::quoted(state), " is not an absolute path"), "",
                         "begin it with \"/\": the service is started in any folder"});
  }
  struct stat status{};
  if (::stat(state.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
    findings.add(global.place("state"), "state",
                 {concat(toml::quoted(state), " is not a folder"), "",
                  "name a folder; it is created when it is missing"});
  }
}

std::string listener_key(std::string_view name) { return concat("listener.", name); }

// The address, which becomes its shortest form so that a reload knows the listener again.
std::optional<Endpoint> check_address(ListenerDraft& listener, Findings& findings) {
  if (!listener.fine("address")) return std::nullopt;
  std::string& address = listener.values.address;
  const auto endpoint = parse_endpoint(address);
  if (endpoint) {
    address = endpoint->text();
    return endpoint;
  }
  findings.add(listener.place("address"), listener_key("address"),
               {concat(toml::quoted(address), " is not an IP address and a port"),
                nearest_endpoint(address), "write it like \"0.0.0.0:25\" or \"[::]:25\""});
  return std::nullopt;
}

void check_login(const ListenerDraft& listener, const std::optional<Endpoint>& endpoint,
                 Findings& findings) {
  if (!listener.fine("insecure_auth") || !listener.fine("role") || !listener.fine("tls")) return;
  const smtp::SmtpListener& values = listener.values;
  // security.md 40: passwords cross a network under TLS only.
  if (values.insecure_auth && endpoint && !endpoint->address.is_loopback()) {
    findings.add(
        listener.place("insecure_auth"), listener_key("insecure_auth"),
        {concat("would take passwords unencrypted from the network at ", values.address), "",
         "use tls = \"starttls\" or \"implicit\" instead, or listen on 127.0.0.1 or "
         "[::1]"});
  }
  if (values.role == smtp::Role::submission && values.tls == smtp::TlsMode::none &&
      !values.insecure_auth) {
    findings.add(listener.place("tls"), listener_key("tls"),
                 {"is \"none\", so nobody could ever log in and send", "",
                  "use \"starttls\" or \"implicit\"; on loopback, insecure_auth = true"});
  }
}

void check_listener(ListenerDraft& listener, const std::optional<Endpoint>& endpoint,
                    const ConfigDraft& draft, Findings& findings) {
  const smtp::SmtpListener& values = listener.values;
  if (listener.fine("hostname") && !values.hostname.empty()) {
    if (Refusal refusal = check_hostname(values.hostname)) {
      findings.add(listener.place("hostname"), listener_key("hostname"), std::move(*refusal));
    }
  }
  check_login(listener, endpoint, findings);
  const bool needs_tls = values.tls != smtp::TlsMode::none && listener.fine("tls");
  if (needs_tls && draft.tls.table == nullptr && draft.tls.refused.empty()) {
    const bool written = listener.written("tls");
    findings.add(listener.place("tls"), listener_key("tls"),
                 {concat("is ", file_text(write_value(values.tls)), written ? "" : " by default",
                         ", but there is no [tls]"),
                  "", "add [tls] with certificate and key, or set tls = \"none\""});
  }
  if (listener.fine("chunking") && listener.fine("binarymime") && values.binarymime &&
      !values.chunking) {  // RFC 3030 §3
    findings.add(
        listener.place("chunking"), listener_key("chunking"),
        {concat("is off, but binarymime is on", listener.written("binarymime") ? "" : " by default",
                ": messages that are not text come by BDAT only"),
         "", "set binarymime = false too, or leave chunking on"});
  }
  if (listener.fine("idle_timeout") && listener.fine("stressed_timeout") &&
      values.stressed_timeout > values.idle_timeout) {
    const bool written = listener.written("stressed_timeout");
    const std::string_view key = written ? "stressed_timeout" : "idle_timeout";
    findings.add(
        listener.place(key), listener_key(key),
        {concat("makes stressed_timeout (", file_text(write_value(values.stressed_timeout)),
                ") longer than idle_timeout (", file_text(write_value(values.idle_timeout)), ")"),
         "", "under stress sessions are ended sooner: make stressed_timeout the shorter one"});
  }
}

// Port 0 takes a free port each time and meets nobody.
bool collide(const Endpoint& a, const Endpoint& b) {
  if (a.port != b.port || a.port == 0 || a.address.is_v4() != b.address.is_v4()) return false;
  return a.address == b.address || a.is_any() || b.is_any();
}

void check_listeners(ConfigDraft& draft, Findings& findings) {
  std::vector<std::pair<Endpoint, toml::Position>> taken;
  for (ListenerDraft& listener : draft.listeners) {
    const auto endpoint = check_address(listener, findings);
    check_listener(listener, endpoint, draft, findings);
    if (!endpoint) continue;
    const toml::Position place = listener.place("address");
    for (const auto& [other, where] : taken) {
      if (!collide(*endpoint, other)) continue;
      findings.add(place, listener_key("address"),
                   {concat(toml::quoted(endpoint->text()), " is taken by the listener on ",
                           toml::quoted(other.text()), " (line ", where.line, ")"),
                    "", "give each listener an address or port of its own"});
      break;
    }
    taken.emplace_back(*endpoint, place);
  }
}

bool in_private_v6(const IpNetwork& network) {
  const std::uint8_t first = network.address.bytes[0];
  const bool unique_local = (first & 0xFE) == 0xFC && network.prefix >= 7;  // RFC 4193 §3.1
  const bool link_local = first == 0xFE && (network.address.bytes[1] & 0xC0) == 0x80 &&
                          network.prefix >= 10;  // RFC 4291 §2.5.6
  return unique_local || link_local;
}

// A network so wide that relaying for it is relaying for strangers. IPv4 lies inside ::/64 too:
// both families are compared in one 16-byte form.
bool is_open_relay(const IpNetwork& network) {
  static const IpAddress kAnyV4 = *IpAddress::parse("127.0.0.1");
  if (network.prefix >= 96 && network.address.is_v4()) return network.prefix < 96 + 8;
  return network.contains(kAnyV4) || (network.prefix < 16 && !in_private_v6(network));
}

void check_relay(const ConfigDraft& draft, Findings& findings) {
  if (!draft.relay.fine("networks")) return;
  for (const IpNetwork& network : draft.relay.values.networks) {
    if (!is_open_relay(network)) continue;
    const std::string text = file_text(write_value(std::vector<IpNetwork>{network}));
    findings.add(draft.relay.place("networks"), "relay.networks",
                 {concat(text, " would make an open relay: it holds hosts of strangers"), "",
                  "name the own networks only, like [\"127.0.0.0/8\", \"10.0.0.0/8\"]"});
  }
}

void check_limits(const ConfigDraft& draft, Findings& findings) {
  const SectionDraft<LimitSettings>& limits = draft.limits;
  if (!limits.fine("connections_per_client") || !limits.fine("max_connections")) return;
  if (limits.values.connections_per_client <= limits.values.max_connections) return;
  const std::string_view key =
      limits.written("connections_per_client") ? "connections_per_client" : "max_connections";
  findings.add(limits.place(key), concat("limits.", key),
               {concat("leaves connections_per_client (", limits.values.connections_per_client,
                       ") without effect: max_connections is ", limits.values.max_connections),
                "", "make connections_per_client the smaller one"});
}

// A path to be read at start. Nothing: it is a file, with this mode.
Refusal check_file(const std::string& path, mode_t& mode) {
  if (!path.starts_with('/')) {
    return Complaint{concat(toml::quoted(path), " is not an absolute path"), "",
                     "begin it with \"/\": the service is started in any folder"};
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return Complaint{concat(toml::quoted(path), missing ? " does not exist" : " cannot be read: ",
                            missing ? "" : std::strerror(errno)),
                     "",
                     missing ? "create the file or correct the path"
                             : "let the user the service runs as reach it"};
  }
  if (!S_ISREG(status.st_mode)) {
    return Complaint{concat(toml::quoted(path), " is not a file"), "", "name a file in PEM form"};
  }
  mode = status.st_mode;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return Complaint{concat(toml::quoted(path), " cannot be read: ", std::strerror(errno)), "",
                     "let the user the service runs as read it"};
  }
  ::close(file);
  return std::nullopt;
}

// 0640 for a mode, as ls and chmod speak of it.
std::string octal(mode_t mode) {
  std::string out = "0";
  for (int shift = 6; shift >= 0; shift -= 3) {
    out.push_back(static_cast<char>('0' + ((mode >> shift) & 7)));
  }
  return out;
}

}  // namespace

void check_tls_files(const SectionDraft<TlsFiles>& tls, bool needed, Findings& findings) {
  if (tls.table == nullptr) return;
  const auto check = [&](std::string_view name, const std::string& path) {
    if (!tls.fine(name)) return;
    mode_t mode = 0;
    Refusal refusal = check_file(path, mode);
    // security.md 58, by the mode and not by trying: root may read everything.
    if (!refusal && name == "key" && (mode & (S_IRWXG | S_IRWXO)) != 0) {
      refusal = Complaint{
          concat(toml::quoted(path), " is open to group or others (mode ", octal(mode), ")"), "",
          concat("chmod 600 ", path)};
    } else if (!needed && mode == 0 && path.starts_with('/')) {
      return;  // [tls] may stand where no listener uses it, without its files
    }
    if (refusal) findings.add(tls.place(name), concat("tls.", name), std::move(*refusal));
  };
  check("certificate", tls.values.certificate);
  check("key", tls.values.key);
}

void check_all(ConfigDraft& draft, Findings& findings) {
  check_global(draft, findings);
  check_listeners(draft, findings);
  check_relay(draft, findings);
  check_limits(draft, findings);
  const bool tls_needed = std::ranges::any_of(draft.listeners, [](const ListenerDraft& listener) {
    return listener.fine("tls") && listener.values.tls != smtp::TlsMode::none;
  });
  check_tls_files(draft.tls, tls_needed, findings);
}

}  // namespace mail
