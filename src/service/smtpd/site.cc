#include "service/smtpd/site.h"

#include <utility>

#include "service/smtpd/admission.h"

namespace mail {
Site::Site(net::IoThread& thread, Services& services, ClientTable& clients)
    : thread_(thread), services_(services), clients_(clients), pauses_(thread) {}

void Site::take(net::Stream stream, std::shared_ptr<const ServedListener> settings) {
  const auto address = IpAddress::parse(stream.peer_address());
  if (!address || stopping_) return;
  const smtp::Peer peer = peer_of(*address, stream.peer_port(), *settings);
  // Behind a balancer it is known later whose connection it is, and then it is counted.
  const bool by_proxy = comes_by_proxy(*address, *settings);
  if (!by_proxy && !admit(peer, keys_of(*address), *settings, stream, services_, clients_)) {
    return;
  }
  tasks_.spawn(serve(std::move(stream), std::move(settings), peer, by_proxy));
}

Task<void> Site::serve(net::Stream stream, std::shared_ptr<const ServedListener> settings,
                       smtp::Peer peer, bool by_proxy) {
  {
    Connection connection(thread_, std::move(stream), std::move(settings), peer, by_proxy,
                          services_, clients_, pauses_);
    link(connection);
    co_await connection.run();
    unlink(connection);
  }
  if (stopping_) look_if_idle();  // posted: this task still counts
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
  pauses_.end_all();
  look_if_idle();
}

// Behind all that was posted before, and never twice: who is told idle may destroy us.
void Site::look_if_idle() {
  if (std::exchange(look_posted_, true)) return;
  thread_.post([this] { report_if_idle(); });
}

void Site::cut_all() {
  for (Connection* each = first_; each != nullptr; each = each->next) each->cut();
}

void Site::report_if_idle() {
  look_posted_ = false;
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
