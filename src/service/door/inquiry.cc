#include "service/door/inquiry.h"

#include <algorithm>
#include <coroutine>
#include <map>
#include <utility>

#include "base/executor.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/dns/rdata.h"
#include "service/door/listing.h"

namespace mail::door {
namespace {

constexpr std::size_t kMaxNames = 5;  // of an address, that are looked at

using Kind = dns::Answer::Kind;

bool leads_to(const dns::Answer& answer, const IpAddress& client) {
  return std::ranges::any_of(answer.records, [&](const std::string& rdata) {
    const auto address = client.is_v4() ? dns::parse_a(rdata) : dns::parse_aaaa(rdata);
    return address && *address == client;
  });
}

}  // namespace

struct Inquiry::State {
  State(dns::Resolver& the_resolver, std::shared_ptr<const Settings> the_settings, IpAddress of)
      : resolver(the_resolver), settings(std::move(the_settings)), client(of) {}

  // The frame keeps the state as long as the task runs; whoever waits lives until it is resumed.
  static mail::detail::Detached run(std::shared_ptr<State> state, Task<void> task) {
    ++state->pending;
    co_await std::move(task);
    if (--state->pending == 0 && state->waiter) std::exchange(state->waiter, {}).resume();
  }
  Task<bool> lists(const List& list, std::string asked, std::string never, MonoTime deadline);
  Task<void> ask_list(const List& list, MonoTime deadline);
  Task<void> ask_domain(const List& list, std::string name, MonoTime deadline);
  Task<void> ask_reverse(MonoTime deadline);
  Task<void> ask_helo(std::string name, MonoTime deadline);

  dns::Resolver& resolver;
  const std::shared_ptr<const Settings> settings;
  const IpAddress client;

  std::vector<const List*> listed_by;
  std::map<std::string, std::vector<const List*>, std::less<>> domains;  // that were asked for
  ReverseName reverse_name = ReverseName::unknown;
  HeloName helo_name = HeloName::unknown;
  std::uint32_t helos = 0;  // asked so far

  int pending = 0;
  std::coroutine_handle<> waiter;
};

Task<bool> Inquiry::State::lists(const List& list, std::string asked, std::string never,
                                 MonoTime deadline) {
  const dns::Answer answer = co_await resolver.ask(std::move(asked), dns::Type::a, deadline);
  const bool listed = std::ranges::any_of(answer.records, [&](const std::string& rdata) {
    const auto address = dns::parse_a(rdata);
    return address && counts(list, *address);
  });
  if (!listed) co_return false;
  // A list that was given up may list the whole world (RFC 5782 §5).
  const dns::Answer control = co_await resolver.ask(never, dns::Type::a, deadline);
  if (control.kind != Kind::found) co_return true;
  log::warning("door.list_broken", {{"zone", list.zone},
                                    {"why", concat("it lists what no list may have: ", never)},
                                    {"do", "take it out of [[blocklist]]"}});
  co_return false;
}

Task<void> Inquiry::State::ask_list(const List& list, MonoTime deadline) {
  const bool listed = co_await lists(list, list_name(client, list.zone),
                                     never_listed_name(client, list.zone), deadline);
  if (listed) listed_by.push_back(&list);
}

Task<void> Inquiry::State::ask_domain(const List& list, std::string name, MonoTime deadline) {
  const bool listed =
      co_await lists(list, list_name(name, list.zone), never_listed_name(list.zone), deadline);
  const auto found = domains.find(name);
  if (listed && found != domains.end()) found->second.push_back(&list);
}

Task<void> Inquiry::State::ask_reverse(MonoTime deadline) {
  const dns::Answer names =
      co_await resolver.ask(dns::reverse_name(client), dns::Type::ptr, deadline);
  if (names.kind == Kind::failed) co_return;
  if (names.records.empty()) {
    reverse_name = ReverseName::none;
    co_return;
  }
  bool failed = false;
  const dns::Type type = client.is_v4() ? dns::Type::a : dns::Type::aaaa;
  for (std::size_t i = 0; i < std::min(names.records.size(), kMaxNames); ++i) {
    const auto name = dns::parse_name_rdata(names.records[i]);
    if (!name) continue;
    const dns::Answer back = co_await resolver.ask(*name, type, deadline);
    failed = failed || back.kind == Kind::failed;
    if (leads_to(back, client)) {
      reverse_name = ReverseName::confirmed;
      co_return;
    }
  }
  if (!failed) reverse_name = ReverseName::unconfirmed;
}

Task<void> Inquiry::State::ask_helo(std::string name, MonoTime deadline) {
  const std::uint32_t number = ++helos;
  helo_name = HeloName::unknown;
  const dns::Answer answer = co_await resolver.ask(std::move(name), dns::Type::a, deadline);
  if (number != helos || answer.kind == Kind::failed) co_return;
  helo_name = answer.kind == Kind::no_name ? HeloName::missing : HeloName::found;
}

Inquiry::Inquiry(dns::Resolver& resolver, std::shared_ptr<const Settings> settings,
                 IpAddress client, MonoTime deadline)
    : state_(std::make_shared<State>(resolver, std::move(settings), client)) {
  for (const List& list : state_->settings->lists) {
    if (!list.domains) State::run(state_, state_->ask_list(list, deadline));
  }
  State::run(state_, state_->ask_reverse(deadline));
}

Inquiry::~Inquiry() { state_->waiter = {}; }

void Inquiry::ask_helo(std::string name, MonoTime deadline) {
  State::run(state_, state_->ask_helo(std::move(name), deadline));
}

void Inquiry::ask_domain(const std::string& name, MonoTime deadline) {
  if (!state_->domains.try_emplace(name).second) return;
  for (const List& list : state_->settings->lists) {
    if (list.domains) State::run(state_, state_->ask_domain(list, name, deadline));
  }
}

void Inquiry::forget_domains() { state_->domains.clear(); }

Task<void> Inquiry::ready() {
  struct All {
    State& state;
    bool await_ready() const { return state.pending == 0; }
    void await_suspend(std::coroutine_handle<> caller) const { state.waiter = caller; }
    void await_resume() const {}
  };
  co_await All{*state_};
}

const std::vector<const List*>& Inquiry::listed_by() const { return state_->listed_by; }
std::vector<const List*> Inquiry::listed_by(std::string_view domain) const {
  const auto found = state_->domains.find(domain);
  return found == state_->domains.end() ? std::vector<const List*>{} : found->second;
}
ReverseName Inquiry::reverse_name() const { return state_->reverse_name; }
HeloName Inquiry::helo_name() const { return state_->helo_name; }

}  // namespace mail::door
