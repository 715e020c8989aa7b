#include "service/smtpd/admission.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "codec/smtp/replies.h"

namespace mail {
namespace {

bool is_in(const std::vector<IpNetwork>& networks, const IpAddress& address) {
  return std::ranges::any_of(networks,
                             [&](const IpNetwork& network) { return network.contains(address); });
}

// Best effort: the client is not worth waiting for.
void refuse(net::Stream& stream, const smtp::SmtpListener& listener) {
  if (listener.tls == smtp::TlsMode::implicit) return;  // it would not understand plain text
  (void)stream.write_some(smtp::busy_greeting(listener.hostname)).has_value();
  stream.finish_writing();
}

std::string_view to_string(ClientTable::Admission admission) {
  switch (admission) {
    case ClientTable::Admission::server_full:
      return "max_connections";
    case ClientTable::Admission::no_memory:
      return "memory";
    case ClientTable::Admission::client_full:
      return "connections_per_client";
    case ClientTable::Admission::client_too_fast:
      return "connection_rate";
    case ClientTable::Admission::network_full:
      return "connections_per_network";
    case ClientTable::Admission::network_too_fast:
      return "network_connection_rate";
    case ClientTable::Admission::admitted:
      break;
  }
  return "none";
}

}  // namespace

smtp::Peer peer_of(const IpAddress& address, std::uint16_t port, const ServedListener& settings) {
  const bool may_relay =
      settings.relay_networks != nullptr && is_in(*settings.relay_networks, address);
  return {address, port, may_relay};
}

bool comes_by_proxy(const IpAddress& address, const ServedListener& settings) {
  return is_in(settings.listener->proxy_from, address);
}

bool admit(const smtp::Peer& peer, const ClientKeys& keys, const ServedListener& settings,
           net::Stream& stream, Services& services, ClientTable& clients) {
  if (!services.store.healthy()) {  // security.md 10
    refuse(stream, *settings.listener);
    return false;
  }
  const ClientTable::Admission admission = clients.admit(
      keys, peer.may_relay, settings.limits, services.limits, services.clock.mono_now());
  if (admission == ClientTable::Admission::admitted) return true;
  log::info("smtpd.refused", {{"client", keys.client}, {"limit", to_string(admission)}});
  refuse(stream, *settings.listener);
  return false;
}

}  // namespace mail
