#include "daemon/assembly/probe.h"

#include <array>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "service/mx/mx.h"

namespace mail {
namespace {

constexpr Milliseconds kDnsPatience{10'000};
constexpr Milliseconds kCallPatience{15'000};
// Some hosts that always listen on port 25; a connection is made and closed, nothing is said.
constexpr auto kAlwaysThere = std::to_array<std::string_view>({"gmail.com", "outlook.com"});

}  // namespace

Probe::Probe(dns::UnboundResolver& resolver, const Clock& clock, bool port25)
    : resolver_(resolver), port25_(port25), thread_(clock) {
  thread_.start("mw-probe");
  thread_.post([this] { tasks_.spawn(run()); });
}

Probe::~Probe() {
  thread_.post([this] {
    stopping_ = true;
    if (dial_ != nullptr) dial_->cancel();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
  lock.unlock();
  thread_.stop();
  thread_.join();
}

Task<void> Probe::run() {
  const dns::Probe answer = co_await resolver_.probe(thread_.clock().mono_now() + kDnsPatience);
  if (stopping_) {
    // Nobody asks any more.
  } else if (!answer.works) {
    log::warning("serve.dns_trouble", {{"why", answer.sentence}});
  } else {
    log::info("serve.dns",
              {{"validates", answer.validates ? "yes" : "no"}, {"says", answer.sentence}});
    if (port25_) co_await try_port25(thread_.clock().mono_now() + kCallPatience);
  }
  // The thread ends only after this task did: what is posted runs behind it.
  thread_.post([this] {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  });
}

Task<void> Probe::try_port25(MonoTime deadline) {
  SystemRandom random;
  const mx::MxWorld world;
  std::string why;
  for (const std::string_view name : kAlwaysThere) {
    const Result<Domain> domain = Domain::parse(name);
    const mx::MxAnswer answer =
        co_await mx::find_hosts(resolver_, *domain, deadline, random, world);
    if (answer.kind != mx::MxAnswer::Kind::found) continue;
    std::vector<net::Address> addresses;
    for (const IpAddress& address : answer.hosts.front().addresses) {
      addresses.push_back({address.to_string(), 25});
    }
    if (stopping_) co_return;
    net::DialOptions options;
    options.patience = kCallPatience / 2;
    dial_ = std::make_unique<net::Dial>(thread_, std::move(addresses), std::move(options));
    const Result<net::Stream> stream = co_await dial_->run();
    dial_.reset();
    if (stream || stopping_) co_return;
    why = concat(answer.hosts.front().name, ": ", stream.error().detail);
  }
  if (why.empty()) co_return;
  log::warning("serve.port25_blocked",
               {{"why", why},
                {"remedy",
                 "outgoing port 25 does not lead out of this network: ask its operator to "
                 "open it, or route mail to a smarthost on port 587 or 465"}});
}

}  // namespace mail
