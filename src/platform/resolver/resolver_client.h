// For tests: a resolver and the executor that its answers come to.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "platform/resolver/unbound_resolver.h"

namespace mail::dns {

using namespace std::chrono_literals;

inline MonoTime in(std::chrono::milliseconds time) { return MonoTime::clock::now() + time; }
inline constexpr auto kLong = 20s;  // no test waits so long where all is well

// One resolver and the executor that its answers come to.
class Client {
 public:
  explicit Client(const UnboundOptions& options) {
    Result<std::unique_ptr<UnboundResolver>> resolver = UnboundResolver::open(options);
    if (!resolver) std::fprintf(stderr, "%s\n", resolver.error().detail.c_str());
    MAIL_ASSERT(resolver.has_value());
    resolver_ = std::move(*resolver);
  }
  Answer ask(std::string name, Type type = Type::a, std::chrono::milliseconds time = kLong) {
    return block_on(loop_, resolver_->ask(std::move(name), type, in(time)));
  }
  // Asks without waiting; the answer is in `out` some time later, see wait_for().
  void start(std::string name, std::optional<Answer>& out, std::chrono::milliseconds time = kLong) {
    Executor::set_current(&loop_);
    mail::detail::store_result(resolver_->ask(std::move(name), Type::a, in(time)), &out);
    Executor::set_current(nullptr);
  }
  void wait_for(const std::function<bool()>& done) {
    Executor::set_current(&loop_);
    loop_.run_until(done);
    Executor::set_current(nullptr);
  }
  Probe probe(std::chrono::milliseconds time = kLong) {
    return block_on(loop_, resolver_->probe(in(time)));
  }
  void hurry(std::chrono::milliseconds within) { resolver_->hurry(within); }
  void stop() { resolver_->stop(); }

 private:
  LoopExecutor loop_;
  std::unique_ptr<UnboundResolver> resolver_;
};

inline UnboundOptions recursion(std::string root_hints, std::string trust_anchor) {
  return {{}, std::move(root_hints), std::move(trust_anchor)};
}
inline UnboundOptions forward_to(std::vector<std::string> servers) {
  return {std::move(servers), "", ""};
}

}  // namespace mail::dns
