// For tests: a resolver that answers when it is told to, in whatever order, and keeps deadlines on
// a clock that is told the time. One thread only.
#pragma once

#include <coroutine>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/resolver.h"
#include "codec/dns/table_resolver.h"

namespace mail {

class HeldResolver final : public dns::Resolver {
 public:
  struct Held {
    std::string name;
    MonoTime deadline;
    bool late = false;
    std::coroutine_handle<> waiter{};
  };

  explicit HeldResolver(dns::TableResolver& table) : table_(table) {}

  Task<dns::Answer> ask(std::string name, dns::Type type, MonoTime deadline) override {
    Hold hold{*this, {name, deadline}};
    ++asked_;
    co_await hold;
    if (hold.held.late) {
      dns::Answer answer;
      answer.why = "no answer in time";
      co_return answer;
    }
    co_return co_await table_.ask(std::move(name), type, deadline);
  }

  std::size_t asked() const { return asked_; }
  std::size_t waiting() const { return holds_.size(); }
  bool waits(std::string_view name) const {
    for (const Hold* hold : holds_) {
      if (hold->held.name == name) return true;
    }
    return false;
  }
  // Answers all that wait, but for those of `but`, and what is asked upon that.
  void release(std::string_view but = "") {
    for (bool more = true; more;)
      more = resume_one([&](const Held& held) { return held.name != but; });
  }
  void release_newest() {
    Hold* hold = holds_.back();
    holds_.pop_back();
    hold->held.waiter.resume();
  }
  void pass(MonoTime now) {
    for (bool more = true; more;) {
      more = resume_one([&](Held& held) { return held.late = held.deadline <= now; });
    }
  }

 private:
  struct Hold {
    HeldResolver& resolver;
    Held held;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      held.waiter = caller;
      resolver.holds_.push_back(this);
    }
    void await_resume() const {}
  };
  template <typename Which>
  bool resume_one(const Which& which) {
    for (std::size_t i = 0; i < holds_.size(); ++i) {
      if (!which(holds_[i]->held)) continue;
      Hold* hold = holds_[i];
      holds_.erase(holds_.begin() + static_cast<std::ptrdiff_t>(i));
      hold->held.waiter.resume();
      return true;
    }
    return false;
  }

  dns::TableResolver& table_;
  std::vector<Hold*> holds_;
  std::size_t asked_ = 0;
};

}  // namespace mail
