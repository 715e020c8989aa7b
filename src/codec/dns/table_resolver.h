// A resolver for tests: it answers from a table given in code, and counts what it is asked.
//
//   TableResolver dns;
//   dns.mx("yahoo.test", 10, "mx1.yahoo.test").a("mx1.yahoo.test", "203.0.113.1");
//   dns.fail("slow.test", Type::mx);
//
// A name in the table without the type asked has no_data, a name that is not in it no_name. CNAMEs
// are followed. One thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/resolver.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"

namespace mail::dns {

class TableResolver final : public Resolver {
 public:
  using Seconds = std::chrono::seconds;

  TableResolver& add(std::string_view name, Type type, std::string rdata) {
    Answer& answer = answer_of(name, type);
    answer.kind = Answer::Kind::found;
    answer.records.push_back(std::move(rdata));
    answer.ttl = Seconds(300);
    return *this;
  }
  TableResolver& a(std::string_view name, std::string_view address) {
    return add(name, Type::a, encode_address(IpAddress::parse(address).value()));
  }
  TableResolver& aaaa(std::string_view name, std::string_view address) {
    return add(name, Type::aaaa, encode_address(IpAddress::parse(address).value()));
  }
  TableResolver& mx(std::string_view name, std::uint16_t preference, std::string_view host) {
    return add(name, Type::mx, encode_mx({preference, std::string(host)}));
  }
  TableResolver& txt(std::string_view name, std::string_view text) {
    return add(name, Type::txt, encode_txt(text));
  }
  TableResolver& ptr(std::string_view name, std::string_view target) {
    return add(name, Type::ptr, to_wire(target).value());
  }
  TableResolver& tlsa(std::string_view name, const Tlsa& tlsa) {
    return add(name, Type::tlsa, encode_tlsa(tlsa));
  }
  // All types of `name` are looked up at `target`.
  TableResolver& cname(std::string_view name, std::string_view target) {
    return add(name, Type::cname, to_wire(target).value());
  }
  // The name is there, without any record that is asked for.
  TableResolver& empty(std::string_view name) {
    names_[key_of(name)];
    return *this;
  }
  TableResolver& fail(std::string_view name, Type type, std::string_view why = "SERVFAIL") {
    answer_of(name, type) = failed(key_of(name), why);
    return *this;
  }
  TableResolver& bogus(std::string_view name, Type type) {
    Answer& answer = answer_of(name, type) = failed(key_of(name), "bogus");
    answer.bogus = true;
    return *this;
  }
  // From now on DNSSEC signs what is known of `name`, also that a type is not there.
  TableResolver& secure(std::string_view name) {
    secure_.insert(key_of(name));
    return *this;
  }
  TableResolver& ttl(std::string_view name, Type type, Seconds ttl) {
    answer_of(name, type).ttl = ttl;
    return *this;
  }
  TableResolver& erase(std::string_view name) {
    names_.erase(key_of(name));
    return *this;
  }
  // Answers come in a later turn of the asking executor, as those of a real resolver do.
  TableResolver& answer_later() {
    later_ = true;
    return *this;
  }

  std::size_t questions() const { return asked_.size(); }
  std::size_t questions(std::string_view name, Type type) const {
    return static_cast<std::size_t>(std::ranges::count(asked_, Asked{key_of(name), type}));
  }

  Task<Answer> ask(std::string name, Type type, MonoTime) override {
    asked_.push_back({key_of(name), type});
    if (later_) co_await NextTurn{};
    co_return look_up(key_of(name), type);
  }

 private:
  using Asked = std::pair<std::string, Type>;
  struct NextTurn {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> caller) const {
      Executor::current()->post([caller] { caller.resume(); });
    }
    void await_resume() const {}
  };

  static std::string key_of(std::string_view name) { return normalize_name(name).value(); }
  Answer& answer_of(std::string_view name, Type type) { return names_[key_of(name)][type]; }
  bool is_secure(const std::string& name) const { return secure_.contains(name); }

  Answer look_up(std::string name, Type type) const {
    bool secure = true;
    for (int hops = 0; hops < 8; ++hops) {
      secure = secure && is_secure(name);
      const auto found = names_.find(name);
      if (found == names_.end()) return nothing(Answer::Kind::no_name, name, secure);
      const auto& types = found->second;
      if (const auto row = types.find(type); row != types.end()) {
        Answer answer = row->second;
        answer.canonical_name = name;
        answer.secure = secure && answer.kind == Answer::Kind::found;
        return answer;
      }
      const auto alias = types.find(Type::cname);
      if (alias == types.end()) return nothing(Answer::Kind::no_data, name, secure);
      if (alias->second.kind != Answer::Kind::found) return alias->second;
      name = key_of(parse_name_rdata(alias->second.records.front()).value());
    }
    return failed(name, "a loop of CNAMEs");
  }
  static Answer nothing(Answer::Kind kind, const std::string& name, bool secure) {
    Answer answer;
    answer.kind = kind;
    answer.secure = secure;
    answer.canonical_name = name;
    answer.ttl = Seconds(60);
    return answer;
  }
  static Answer failed(const std::string& name, std::string_view why) {
    Answer answer;
    answer.canonical_name = name;
    answer.why = why;
    return answer;
  }

  std::map<std::string, std::map<Type, Answer>> names_;
  std::set<std::string> secure_;
  std::vector<Asked> asked_;
  bool later_ = false;
};

}  // namespace mail::dns
