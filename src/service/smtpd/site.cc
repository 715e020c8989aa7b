#include "service/smtpd/site.h"

#include <algorithm>

#include "base/log.h"
#include "codec/smtp/replies.h"

namespace mail {
namespace {

bool is_in(const std::vector<IpNetwork>* networks, const IpAddress& address) {
  return networks != nullptr &&
         std::any_of(networks->begin(), networks->end(),
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
    case ClientTable::Admission::client_full:
      return "connections_per_client";
    case ClientTable::Admission::client_too_fast:
      return "connection_rate";
    case ClientTable::Admission::admitted:
      break;
  }
  return "none";
}

}  // namespace

Site::Site(net::IoThread& thread, Services& services, ClientTable& clients)
    : thread_(thread), services_(services), clients_(clients) {}

void Site::take(net::Stream stream, std::shared_ptr<const ServedListener> settings) {
  const auto address = IpAddress::parse(stream.peer_address());
  if (!address || stopping_) return;
  smtp::Peer peer{*address, stream.peer_port(), is_in(settings->relay_networks.get(), *address)};
  if (!services_.store.healthy()) return refuse(stream, *settings->listener);  // security.md 10
  std::string key = ClientTable::key_of(peer.address);
  const ClientTable::Admission admission = clients_.admit(
      key, peer.may_relay, settings->limits, services_.limits, services_.clock.mono_now());
  if (admission != ClientTable::Admission::admitted) {
    log::info("smtpd.refused", {{"client", key}, {"limit", to_string(admission)}});
    return refuse(stream, *settings->listener);
  }
  tasks_.spawn(serve(std::move(stream), std::move(settings), peer, std::move(key)));
}

Task<void> Site::serve(net::Stream stream, std::shared_ptr<const ServedListener> settings,
                       smtp::Peer peer, std::string client_key) {
  {
    Connection connection(std::move(stream), std::move(settings), peer, client_key, services_,
                          clients_);
    link(connection);
    co_await connection.run();
    unlink(connection);
  }
  clients_.leave(client_key);
  log::debug("smtpd.session_closed", {{"client", client_key}});
  if (stopping_) {  // this task still counts: look when it has ended
    thread_.post([this] { report_if_idle(); });
  }
}

void Site::link(Connection& connection) {
  connection.next = first_;
  if (first_ != nullptr) first_->previous = &connection;
  first_ = &connection;
}

void Site::unlink(Connection& connection) {
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  (connection.previous != nullptr ? connection.previous->next : first_) = connection.next;
}

void Site::begin_stop() {
  stopping_ = true;
  for (Connection* each = first_; each != nullptr; each = each->next) each->shut_down();
  report_if_idle();
}

void Site::cut_all() {
  for (Connection* each = first_; each != nullptr; each = each->next) each->cut();
}

void Site::report_if_idle() {
  if (tasks_.size() != 0) return;
  const std::lock_guard lock(mutex_);
  idle_ = true;
  changed_.notify_all();
}

bool Site::wait_idle(Milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return idle_; });
}

}  // namespace mail
