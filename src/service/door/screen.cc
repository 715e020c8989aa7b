#include "service/door/screen.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/dns/name.h"
#include "codec/mailauth/findings.h"
#include "service/door/inquiry.h"
#include "service/door/listing.h"

namespace mail::door {
namespace {

// Weights are points of 5 for Junk and 10 for a refusal, unless the settings say others.
constexpr double kNoReverseName = 2;
constexpr double kUnconfirmedName = 1;
constexpr double kHeloIsUs = 4;
constexpr double kHeloIsNoName = 1;
constexpr double kHeloMissing = 1;

class ScreenHearing final : public Hearing {
 public:
  ScreenHearing(const Tools& tools, const Case& of, std::shared_ptr<const Settings> settings)
      : tools_(tools),
        case_(of),
        settings_(std::move(settings)),
        inquiry_(tools.examiner.resolver, settings_, of.client.peer.address, deadline()),
        asks_for_domains_(std::ranges::any_of(settings_->lists, &List::domains)) {}

  Task<Verdict> sender(const ReversePath& path) override {
    forget();
    const std::string& helo = case_.client.helo;
    const bool is_name = helo.contains('.') && dns::is_host_name(helo);
    if (helo != asked_helo_ && is_name) inquiry_.ask_helo(helo, deadline());
    asked_helo_ = helo;
    if (is_name) look_for(to_lower(helo));
    if (path.mailbox && !path.mailbox->domain.empty()) look_for(path.mailbox->domain.text());
    co_return Accept{};
  }
  Task<void> header(std::string_view block) override {
    if (!asks_for_domains_) co_return;
    const auto authors = mailauth::author_domains(block, tools_.examiner.idn);
    for (const std::string& domain : authors.domains) look_for(domain);
  }
  Task<Verdict> recipient(const Mailbox&) override {
    co_await tell();
    co_return Accept{};
  }
  Task<Verdict> message(Draft&) override {
    co_await tell();
    co_return Accept{};
  }
  void end_transaction() override { forget(); }

 private:
  MonoTime deadline() const { return tools_.clock().mono_now() + kReplyPatience; }

  void forget() {
    told_ = false;
    names_.clear();
    named_by_.clear();
    inquiry_.forget_domains();
  }
  void look_for(const std::string& domain) {
    if (!asks_for_domains_) return;
    inquiry_.ask_domain(domain, deadline());
    names_.push_back(domain);
  }

  Task<void> tell() {
    co_await inquiry_.ready();
    if (!std::exchange(told_, true)) tell_of_client();
    // A list has one voice, however many of the names it has.
    for (const std::string& name : names_) {
      for (const List* list : inquiry_.listed_by(name)) {
        if (std::ranges::find(named_by_, list) != named_by_.end()) continue;
        named_by_.push_back(list);
        say(*list, name);
      }
    }
  }
  void say(const List& list, std::string_view domain) const {
    case_.evidence.signals.push_back({concat(list.allow ? kAllowlisted : kBlocklisted, list.zone),
                                      list.allow ? -list.weight : list.weight,
                                      reply_of(list, case_.client.peer.address, domain)});
  }
  void tell_of_client() const {
    std::vector<Signal>& signals = case_.evidence.signals;
    const IpAddress& client = case_.client.peer.address;
    for (const List* list : inquiry_.listed_by()) say(*list, {});
    if (inquiry_.reverse_name() == ReverseName::none) {
      signals.push_back({"no reverse name", kNoReverseName,
                         concat("Your address ", client.to_string(), " has no name in the DNS")});
    } else if (inquiry_.reverse_name() == ReverseName::unconfirmed) {
      signals.push_back(
          {"reverse name unconfirmed", kUnconfirmedName,
           concat("The name of your address ", client.to_string(), " does not lead back to it")});
    }
    Signal helo = helo_signal(case_.client.helo, client, case_.listener.hostname);
    if (helo.weight == 0 && inquiry_.helo_name() == HeloName::missing) {
      helo = {"helo unknown", kHeloMissing, "The DNS does not know the name you say in HELO"};
    }
    if (helo.weight != 0) signals.push_back(std::move(helo));
  }

  const Tools& tools_;
  const Case& case_;
  const std::shared_ptr<const Settings> settings_;
  Inquiry inquiry_;
  const bool asks_for_domains_;
  std::string asked_helo_;
  // Of this transaction:
  bool told_ = false;
  std::vector<std::string> names_;     // that are looked for in lists
  std::vector<const List*> named_by_;  // and those that have one of them
};

}  // namespace

std::unique_ptr<Hearing> Screen::open(const Case& of) {
  auto settings = tools_.settings.get();
  if (!is_judged(of, *settings)) return nullptr;
  return std::make_unique<ScreenHearing>(tools_, of, std::move(settings));
}

Signal helo_signal(std::string_view helo, const IpAddress& client, std::string_view ours) {
  if (helo.starts_with('[')) {
    const auto literal = IpAddress::parse_literal(helo);
    if (literal && *literal == client) return {};  // RFC 5321 §4.1.3
    return {"helo literal", kHeloIsNoName, "The address you say in HELO is not yours"};
  }
  if (iequals(helo, ours)) return {"helo ours", kHeloIsUs, "You say our own name in HELO"};
  if (!helo.contains('.') || IpAddress::parse(helo)) {
    return {"helo no name", kHeloIsNoName, "You say no full host name in HELO"};
  }
  return {};
}

}  // namespace mail::door
