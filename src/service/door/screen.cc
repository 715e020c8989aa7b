#include "service/door/screen.h"

#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "codec/dns/name.h"
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
        inquiry_(tools.examiner.resolver, settings_, of.client.peer.address, deadline()) {}

  Task<Verdict> sender(const ReversePath&) override {
    told_ = false;
    const std::string& helo = case_.client.helo;
    if (helo != asked_helo_ && helo.contains('.') && dns::is_host_name(helo)) {
      inquiry_.ask_helo(helo, deadline());
    }
    asked_helo_ = helo;
    co_return Accept{};
  }
  Task<Verdict> recipient(const Mailbox&) override {
    co_await tell();
    co_return Accept{};
  }
  Task<Verdict> message(Draft&) override {
    co_await tell();
    co_return Accept{};
  }
  void end_transaction() override { told_ = false; }

 private:
  MonoTime deadline() const { return tools_.clock().mono_now() + kReplyPatience; }

  Task<void> tell() {
    if (std::exchange(told_, true)) co_return;
    co_await inquiry_.ready();
    std::vector<Signal>& signals = case_.evidence.signals;
    const IpAddress& client = case_.client.peer.address;
    for (const List* list : inquiry_.listed_by()) {
      signals.push_back({concat(list->allow ? kAllowlisted : kBlocklisted, list->zone),
                         list->allow ? -list->weight : list->weight, reply_of(*list, client)});
    }
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
  std::string asked_helo_;
  bool told_ = false;  // in this transaction
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
