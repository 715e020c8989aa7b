#include "service/end_to_end/next_hops.h"

#include <chrono>
#include <utility>

namespace mail {
namespace {

constexpr std::chrono::seconds kDnsPatience{20};
// Of a domain, those that are tried while the client waits (RFC 5321 §4.5.3.2.3: five minutes).
constexpr std::size_t kMaxHostsTried = 3;

NextHops::Found found_by(mx::MxAnswer answer, std::shared_ptr<const Route> route) {
  NextHops::Found found;
  if (answer.kind != mx::MxAnswer::Kind::found) {
    if (answer.kind == mx::MxAnswer::Kind::permanent) {
      found.refusal = smtp::refusal(answer.enhanced, answer.why);
    }
    found.why = std::move(answer.why);
    return found;
  }
  auto destination = std::make_shared<Destination>();
  destination->name = answer.hosts.front().name;
  destination->route = std::move(route);
  for (mx::MxHost& host : answer.hosts) {
    if (destination->hosts.size() == kMaxHostsTried) break;
    destination->hosts.push_back({std::move(host.name), std::move(host.addresses), host.secure});
  }
  found.destination = std::move(destination);
  return found;
}

}  // namespace

NextHops::NextHops(dns::Resolver& resolver, Random& random, const Clock& clock,
                   std::shared_ptr<const mx::MxWorld> world)
    : resolver_(resolver), random_(random), clock_(clock), world_(std::move(world)) {}

void NextHops::reload(std::shared_ptr<const mx::MxWorld> world) {
  const std::lock_guard lock(mutex_);
  world_ = std::move(world);
}

std::shared_ptr<const mx::MxWorld> NextHops::world() const {
  const std::lock_guard lock(mutex_);
  return world_;
}

Task<NextHops::Found> NextHops::find(std::shared_ptr<const Route> route, Domain domain) {
  const MonoTime deadline = clock_.mono_now() + kDnsPatience;
  if (!route->unix_path.empty()) {
    Found found;
    const std::string name = route->unix_path.string();
    found.destination = std::make_shared<Destination>(Destination{std::move(route), {}, name});
    co_return found;
  }
  if (route->kind != Route::Kind::mx) {
    mx::MxAnswer answer = co_await mx::find_host(resolver_, route->host, deadline);
    co_return found_by(std::move(answer), std::move(route));
  }
  const std::shared_ptr<const mx::MxWorld> world = this->world();  // a reload may replace it
  mx::MxAnswer answer =
      co_await mx::find_hosts(resolver_, std::move(domain), deadline, random_, *world);
  co_return found_by(std::move(answer), std::move(route));
}

}  // namespace mail
