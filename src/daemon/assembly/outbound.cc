#include "daemon/assembly/outbound.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace mail {
namespace {

constexpr std::string_view kSmtpPort = ":25";  // where MX hosts are asked (RFC 5321 §4.5.4.2)

std::optional<IpAddress> address_of(const sockaddr* address) {
  IpAddress out;
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    out.bytes[10] = out.bytes[11] = 0xFF;
    std::memcpy(&out.bytes[12], &v4.sin_addr, 4);
    return out;
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
  return out;
}

std::vector<IpAddress> interface_addresses() {
  std::vector<IpAddress> out;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return out;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (const auto address = address_of(each->ifa_addr)) out.push_back(*address);
  }
  ::freeifaddrs(first);
  return out;
}

}  // namespace

dns::UnboundOptions resolver_options(const DnsSettings& dns) {
  dns::UnboundOptions options;
  if (dns.servers.system) options.servers.emplace_back("system");
  for (const NameServer& server : dns.servers.addresses) {
    const std::string host = server.address.to_string();
    options.servers.push_back(server.address.is_v4() ? concat(host, ':', server.port)
                                                     : concat('[', host, "]:", server.port));
  }
  options.root_hints = dns.root_hints;
  options.trust_anchor = dns.trust_anchor;
  return options;
}

SenderSettings sender_settings(const Settings& settings) {
  SenderSettings out;
  out.hostname = settings.hostname;
  out.dial.patience = settings.outbound.connect_timeout;
  out.messages_per_connection = settings.outbound.messages_per_connection;
  out.ca_file = settings.outbound.ca_file;
  return out;
}

std::shared_ptr<const mx::MxWorld> mx_world(const Settings& settings) {
  mx::MxWorld world;
  world.own_names.push_back(settings.hostname);
  for (const auto& listener : settings.listeners) {
    world.own_names.push_back(listener->hostname);
    const std::string_view address = listener->address;
    if (!address.ends_with(kSmtpPort)) continue;
    std::string_view host = address.substr(0, address.size() - kSmtpPort.size());
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (host == "0.0.0.0" || host == "::") {
      std::ranges::copy(interface_addresses(), std::back_inserter(world.own_addresses));
    } else if (const auto parsed = IpAddress::parse(host)) {
      world.own_addresses.push_back(*parsed);
    }
  }
  world.allow_private = settings.outbound.allow_private.value_or(settings.dns.is_private());
  return std::make_shared<const mx::MxWorld>(std::move(world));
}

ReportSettings report_settings(const Settings& settings) {
  ReportSettings out;
  out.hostname = settings.hostname;
  out.postmaster = "Postmaster";  // of the first domain (RFC 5321 §4.5.1)
  return out;
}

QueueWorld queue_world(const Settings& settings) {
  QueueSettings queue;
  queue.retry_for = settings.outbound.retry_for;
  queue.retry_min = settings.outbound.retry_min;
  queue.retry_max = settings.outbound.retry_max;
  queue.delay_notice_after = settings.outbound.delay_notice_after;
  queue.connections_per_site = settings.outbound.connections_per_site;
  return {std::move(queue), settings.routes, mx_world(settings)};
}

bool sends_by_mx(const Settings& settings) {
  const auto by_mx = [](const auto& row) { return row.second->kind == Route::Kind::mx; };
  return !settings.routes->by_recipient().contains("*") ||
         std::ranges::any_of(settings.routes->by_recipient(), by_mx) ||
         std::ranges::any_of(settings.routes->by_sender(), by_mx);
}

}  // namespace mail
