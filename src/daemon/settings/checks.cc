// What rows cannot say of their values: whether they make sense together, and outside.
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "codec/address/address.h"
#include "daemon/settings/draft.h"
#include "daemon/settings/endpoint.h"
#include "daemon/settings/files.h"

namespace mail {
namespace {

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

// Extensions that need another one.
void check_extensions(const ListenerDraft& listener, Findings& findings) {
  const smtp::SmtpListener& values = listener.values;
  const auto needs = [&](std::string_view key, bool on, std::string_view needed, bool there,
                         std::string_view why) {
    if (!listener.fine(key) || !listener.fine(needed) || !on || there) return;
    findings.add(listener.place(needed), listener_key(needed),
                 {concat("is off, but ", key, " is on", listener.written(key) ? "" : " by default",
                         ": ", why),
                  "", concat("set ", key, " = false too, or leave ", needed, " on")});
  };
  needs("binarymime", values.binarymime, "chunking", values.chunking,
        "messages that are not text come by BDAT only");  // RFC 3030 §3
  needs("smtputf8", values.smtputf8, "eight_bit_mime", values.eight_bit_mime,
        "headers in UTF-8 are 8-bit");  // RFC 6531 §3.1
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
  check_extensions(listener, findings);
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

// Whoever may send PROXY headers may be anybody.
void check_balancers(const ListenerDraft& listener, Findings& findings) {
  if (!listener.fine("proxy_from")) return;
  for (const IpNetwork& network : listener.values.proxy_from) {
    if (!is_open_relay(network)) continue;
    const std::string text = file_text(write_value(std::vector<IpNetwork>{network}));
    findings.add(listener.place("proxy_from"), listener_key("proxy_from"),
                 {concat(text, " would let strangers say that they are others"), "",
                  "name the load balancers only, like [\"10.0.0.7\"]"});
  }
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

void check_outbound(const ConfigDraft& draft, Findings& findings) {
  const SectionDraft<OutboundSettings>& outbound = draft.outbound;
  if (outbound.fine("ca_file") && !outbound.values.ca_file.empty()) {
    mode_t mode = 0;
    if (Refusal refusal = check_file(outbound.values.ca_file, "in PEM form", mode)) {
      findings.add(outbound.place("ca_file"), "outbound.ca_file", std::move(*refusal));
    }
  }
  if (!outbound.fine("retry_min") || !outbound.fine("retry_max")) return;
  if (outbound.values.retry_min <= outbound.values.retry_max) return;
  const std::string_view key = outbound.written("retry_min") ? "retry_min" : "retry_max";
  findings.add(
      outbound.place(key), concat("outbound.", key),
      {concat("makes retry_min (", file_text(write_value(outbound.values.retry_min)),
              ") longer than retry_max (", file_text(write_value(outbound.values.retry_max)), ")"),
       "", "make retry_min the shorter one"});
}

void check_dns(const ConfigDraft& draft, Findings& findings) {
  const auto check = [&](std::string_view name, const std::string& path) {
    if (path.empty() || !draft.dns.fine(name)) return;
    mode_t mode = 0;
    if (Refusal refusal = check_file(path, "of DNS records", mode)) {
      findings.add(draft.dns.place(name), concat("dns.", name), std::move(*refusal));
    }
  };
  check("root_hints", draft.dns.values.root_hints);
  check("trust_anchor", draft.dns.values.trust_anchor);
  const NameServers& servers = draft.dns.values.servers;
  if (draft.dns.values.root_hints.empty() || !draft.dns.fine("servers")) return;
  if (!servers.system && servers.addresses.empty()) return;
  findings.add(draft.dns.place("root_hints"), "dns.root_hints",
               {"has no effect: servers names whom to ask", "", "remove one of the two"});
}

}  // namespace

void check_tls_files(const SectionDraft<TlsFiles>& tls, bool needed, Findings& findings) {
  if (tls.table == nullptr) return;
  const auto check = [&](std::string_view name, const std::string& path) {
    if (!tls.fine(name)) return;
    mode_t mode = 0;
    Refusal refusal = check_file(path, "in PEM form", mode);
    if (!refusal && name == "key") {
      refusal = check_secrecy(path, mode);
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
  for (const ListenerDraft& listener : draft.listeners) check_balancers(listener, findings);
  check_relay(draft, findings);
  check_limits(draft, findings);
  check_outbound(draft, findings);
  check_signing(draft, findings);
  check_feedback(draft, findings);
  check_dns(draft, findings);
  check_neighbours(draft, findings);
  check_policy(draft, findings);
  const bool tls_needed = std::ranges::any_of(draft.listeners, [](const ListenerDraft& listener) {
    return listener.fine("tls") && listener.values.tls != smtp::TlsMode::none;
  });
  check_tls_files(draft.tls, tls_needed, findings);
}

}  // namespace mail
