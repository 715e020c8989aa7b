#include "service/door/policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "service/door/decision.h"
#include "service/policy/silence.h"

namespace mail::door {
namespace {

constexpr std::string_view kJunk = "Junk";

Disposed::As asked_by(dmarc::Policy policy) {
  switch (policy) {
    case dmarc::Policy::none:
      return Disposed::As::taken;
    case dmarc::Policy::quarantine:
      return Disposed::As::junk;
    case dmarc::Policy::reject:
      return Disposed::As::refused;
  }
  return Disposed::As::taken;
}

class PolicyHearing final : public Hearing {
 public:
  PolicyHearing(const Tools& tools, const Case& of, std::shared_ptr<const Settings> settings)
      : tools_(tools), case_(of), settings_(std::move(settings)) {}

  Task<Verdict> recipient(const Mailbox& recipient) override {
    const Mode mode = settings_->mode_of(recipient.domain.text());
    Decision decision = decide_by_score(mode, *settings_, case_.evidence);
    if (decision.fate != Fate::refuse) co_return Accept{};
    co_return Reject{std::move(decision.reason), std::move(decision.reply),
                     std::move(decision.status)};
  }

  Task<Verdict> message(Draft& draft) override {
    decide_for_all();
    if (const Decision* common = common_refusal()) {
      if (common->fate == Fate::defer) {
        co_return Defer{common->reason, common->reply, common->status};
      }
      tell(Disposed::As::refused, common->reason);
      co_return Reject{common->reason, common->reply, common->status};
    }
    const std::string junk = choose_folders(draft);
    tell(junk.empty() ? Disposed::As::taken : Disposed::As::junk, junk);
    if (const mailauth::Findings* findings = case_.evidence.findings.get()) {
      if (fails_dmarc(*settings_, *findings)) {
        silence(draft, Silence::everything);  // security.md 20
      } else if (is_unauthenticated(*findings)) {
        silence(draft, Silence::successes);  // security.md 21
      }
    }
    co_return Accept{.added_fields = {}, .tags = tags_of(*settings_, case_.evidence), .folder = {}};
  }

 private:
  const Decision& decision_for(std::string_view domain) const {
    return decisions_[static_cast<std::size_t>(settings_->mode_of(domain))];
  }

  void decide_for_all() {
    for (const Mode mode : {Mode::observe, Mode::junk, Mode::balanced, Mode::enforce}) {
      decisions_[static_cast<std::size_t>(mode)] = decide(mode, *settings_, case_.evidence);
    }
    spared_.clear();
  }

  // The mildest of what all recipients say, where none of them takes it; null: somebody does.
  const Decision* common_refusal() {
    const auto directory = tools_.control.snapshot();
    const Decision* mildest = nullptr;
    bool taken = case_.transaction.recipients.empty();
    for (const smtp::TakenRecipient& recipient : case_.transaction.recipients) {
      const Resolution resolution = directory->resolve(recipient);
      if (resolution.always_taken) {  // RFC 5321 §4.5.1
        for (const Resolution::Member& member : resolution.members) spared_.insert(member.address);
        taken = true;
        continue;
      }
      const Decision& decision = decision_for(recipient.domain.text());
      taken = taken || decision.fate < Fate::defer;
      if (mildest == nullptr || decision.fate < mildest->fate) mildest = &decision;
    }
    return taken ? nullptr : mildest;
  }

  // Why some have it in Junk; empty: nobody has.
  std::string choose_folders(Draft& draft) {
    std::string reason;
    for (Delivery& delivery : draft.deliveries) {
      auto* mailbox = std::get_if<ToMailbox>(&delivery.target);
      if (mailbox == nullptr || delivery.recipients.empty()) continue;
      const std::string& address = delivery.recipients.front().address;
      if (spared_.contains(address)) continue;
      const Decision& decision = decision_for(address.substr(address.rfind('@') + 1));
      if (decision.fate != Fate::junk && decision.fate != Fate::refuse) continue;
      mailbox->folder = kJunk;
      reason = decision.reason;
    }
    if (!reason.empty() && !draft.events.empty()) {
      draft.events.front().facts.push_back({"junk", reason});
    }
    return reason;
  }

  // For reports to the author domain: only what came of its own policy is its business.
  void tell(Disposed::As as, const std::string& reason) const {
    const mailauth::Findings* findings = case_.evidence.findings.get();
    if (tools_.dispositions == nullptr || findings == nullptr) return;
    const dmarc::Outcome* outcome = findings->dmarc_decisive();
    const auto& path = case_.transaction.reverse_path.mailbox;
    Disposed disposed{.as = Disposed::As::taken,
                      .why_not_as_asked = {},
                      .source = case_.client.peer.address,
                      .mail_from_domain = path ? path->domain.text() : std::string(),
                      .at = tools_.clock().wall_now()};
    if (outcome != nullptr && outcome->verdict == dmarc::Verdict::fail) {
      disposed.as = as;
      if (as != asked_by(outcome->policy)) {
        disposed.why_not_as_asked = reason.empty() ? "local policy" : reason;
      }
    }
    tools_.dispositions->disposed(*findings, disposed);
  }

  const Tools& tools_;
  const Case& case_;
  const std::shared_ptr<const Settings> settings_;
  std::array<Decision, 4> decisions_;  // by mode
  std::set<std::string> spared_;       // mailboxes that a duty address leads to
};

}  // namespace

std::unique_ptr<Hearing> Policy::open(const Case& of) {
  auto settings = tools_.settings.get();
  if (!is_judged(of, *settings)) return nullptr;
  return std::make_unique<PolicyHearing>(tools_, of, std::move(settings));
}

}  // namespace mail::door
