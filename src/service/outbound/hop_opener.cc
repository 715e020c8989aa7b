#include "service/outbound/hop_opener.h"

#include <chrono>
#include <utility>
#include <vector>

#include "base/log.h"

namespace mail {
namespace {

using smtp::Verdict;

smtp::HopTls tls_of(const Route& route) {
  if (!route.unix_path.empty() && route.tls == smtp::HopTls::opportunistic) {
    return smtp::HopTls::none;
  }
  const bool may_be_clear =
      route.tls == smtp::HopTls::opportunistic || route.tls == smtp::HopTls::none;
  return route.verify && may_be_clear ? smtp::HopTls::require : route.tls;
}

std::shared_ptr<const smtp::ClientSettings> session_settings(const SenderSettings& settings,
                                                             const Route& route, smtp::HopTls tls) {
  auto out = std::make_shared<smtp::ClientSettings>();
  out->hostname = route.helo.empty() ? settings.hostname : route.helo;
  out->protocol =
      route.kind == Route::Kind::lmtp ? smtp::HopProtocol::lmtp : smtp::HopProtocol::smtp;
  out->tls = tls;
  out->login = route.login.has_value();
  // Asked for by name; or nobody can listen on a socket of the file system.
  out->login_in_clear = route.tls == smtp::HopTls::none || !route.unix_path.empty();
  out->timeouts = settings.timeouts;
  return out;
}

Verdict unreachable(const Error& error) {
  const bool silent = error.code == Errc::deadline_exceeded;
  return {Verdict::Kind::deferred,
          silent ? Verdict::Cause::silence : Verdict::Cause::closed,
          smtp::Stage::connect,
          0,
          "4.4.1",
          error.detail};
}

}  // namespace

void HopOpener::cancel() {
  cancelled_ = true;
  if (dial_ != nullptr) dial_->cancel();
}

void HopOpener::cut() {
  cancel();
  if (connection_ != nullptr) connection_->cut();
}

Task<std::optional<Obstacle>> HopOpener::open(std::shared_ptr<const Destination> destination,
                                              bool strict) {
  connection_.reset();
  if (cancelled_) {
    co_return Obstacle{unreachable({Errc::closed, "the server is stopping"}), {}};
  }
  co_return co_await try_hosts(*destination, strict);
}

// RFC 5321 §5.1: the next host when one is not reached or does not take mail at all.
Task<std::optional<Obstacle>> HopOpener::try_hosts(const Destination& destination, bool strict) {
  if (!destination.route->unix_path.empty()) {
    co_return co_await try_host(destination.route, HopHost{}, strict);
  }
  std::optional<Obstacle> last =
      Obstacle{unreachable({Errc::unavailable, "the site has no host"}), ConnectionFacts{}};
  std::optional<Obstacle> unfit;  // security.md 30: this host answered, and lacks what is required
  for (const HopHost& host : destination.hosts) {
    last = co_await try_host(destination.route, host, strict);
    if (!last || cancelled_) co_return last;
    log::debug("outbound.host_failed",
               {{"site", destination.name}, {"host", host.name}, {"reason", last->verdict.text}});
    if (last->verdict.kind == Verdict::Kind::rejected) unfit = last;
  }
  co_return unfit ? unfit : last;
}

Task<std::optional<Obstacle>> HopOpener::try_host(std::shared_ptr<const Route> route,
                                                  const HopHost& host, bool strict) {
  ConnectionFacts facts;
  const smtp::HopTls tls = tls_of(*route);
  std::optional<smtp::client::Failed> failed = co_await set_up(route, host, tls, facts);
  if (failed && failed->retry_in_clear && !strict && !cancelled_) {  // security.md 28
    log::info("outbound.tls_failed", {{"host", host.name}, {"reason", failed->verdict.text}});
    facts = {};
    failed = co_await set_up(route, host, smtp::HopTls::none, facts);
  }
  if (failed) {
    // Whatever one host says before it has heard of a message, the message may go later.
    failed->verdict.kind = Verdict::Kind::deferred;
    co_return Obstacle{std::move(failed->verdict), std::move(facts)};
  }
  std::optional<Verdict> unfit = strict ? connection_->unfit_for_secrecy() : std::nullopt;
  if (!unfit) co_return std::nullopt;
  Obstacle obstacle{std::move(*unfit), connection_->facts()};
  co_await connection_->quit();
  connection_.reset();
  co_return obstacle;
}

Task<std::optional<smtp::client::Failed>> HopOpener::set_up(std::shared_ptr<const Route> route,
                                                            const HopHost& host, smtp::HopTls tls,
                                                            ConnectionFacts& facts) {
  facts.host = host.name;
  if (!route->unix_path.empty()) facts.address = route->unix_path.string();
  const MonoTime began = now();
  auto stream = co_await dial(*route, host);
  facts.connect = std::chrono::duration_cast<Milliseconds>(now() - began);
  if (!stream) co_return smtp::client::Failed{unreachable(stream.error()), false};
  facts.source = net::local_address(*stream);
  if (route->unix_path.empty()) {
    facts.address = net::Address{stream->peer_address(), stream->peer_port()}.text();
  }
  auto settings = session_settings(settings_, *route, tls);
  connection_ = std::make_unique<HopConnection>(services_, std::move(route), std::move(settings),
                                                std::move(*stream), facts, host.secure);
  auto failed = co_await connection_->begin();
  if (failed) {
    facts = connection_->facts();
    connection_.reset();
  }
  co_return failed;
}

Task<Result<net::Stream>> HopOpener::dial(const Route& route, const HopHost& host) {
  if (!route.unix_path.empty()) {
    co_return co_await net::connect_unix(services_.thread, route.unix_path,
                                         now() + settings_.dial.patience);
  }
  std::vector<net::Address> addresses;
  for (const IpAddress& address : host.addresses) {
    addresses.push_back({address.to_string(), route.port});
  }
  net::DialOptions options = settings_.dial;
  options.source = route.source;
  net::Dial dial(services_.thread, std::move(addresses), std::move(options));
  dial_ = &dial;
  auto stream = co_await dial.run();
  dial_ = nullptr;
  co_return stream;
}

}  // namespace mail
