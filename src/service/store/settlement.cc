// What an outcome means for the delivery that waited: settlement_of() of ledger.h.
#include <algorithm>

#include "base/text.h"
#include "service/store/ledger.h"

namespace mail {
namespace {

using record::Event;
using record::EventKind;
using record::PendingDelivery;
using record::PendingRecipient;

EventKind kind_of(RecipientOutcome::Kind kind) {
  switch (kind) {
    case RecipientOutcome::Kind::delivered:
      return EventKind::delivered;
    case RecipientOutcome::Kind::deferred:
      return EventKind::deferred;
    case RecipientOutcome::Kind::bounced:
      return EventKind::bounced;
    case RecipientOutcome::Kind::expired:
      return EventKind::expired;
    case RecipientOutcome::Kind::discarded:
      return EventKind::discarded;
  }
  return EventKind::deferred;
}

class Settler {
 public:
  Settler(const PendingDelivery& waiting, bool was_held, const Outcome& outcome)
      : waiting_(waiting),
        outcome_(outcome),
        before_(was_held ? std::optional(EventKind::held) : std::nullopt),
        recipients_(waiting.recipients.size()) {}

  Result<Settlement> run() {
    for (const Expanded& each : outcome_.expanded) MAIL_TRY(expand(each));
    for (const RecipientOutcome& told : outcome_.recipients) MAIL_TRY(tell(told));
    for (const Delivery& delivery : outcome_.rest) MAIL_TRY(move(delivery));
    for (const record::Notice& notice : outcome_.notices) add_notice(notice);
    for (const State& state : recipients_) {
      if (state.replaced) continue;
      if (!state.placed) return misfit("a recipient has neither an end nor a place");
      --counter_of(settlement_.effect, before_);
      ++counter_of(settlement_.effect, state.after);
    }
    return std::move(settlement_);
  }

 private:
  struct State {
    const RecipientOutcome* told = nullptr;
    bool placed = false;    // it has its end, or its place in `rest`
    bool replaced = false;  // by the members of an alias
    std::optional<EventKind> after;
  };

  static std::unexpected<Error> misfit(std::string_view why) {
    return fail(Errc::invalid_argument, concat("an outcome that does not fit: ", why));
  }

  // The first of this address that is still to be spoken of; an address may be there twice.
  Result<std::size_t> find(const std::string& address, bool to_tell) const {
    for (std::size_t i = 0; i < recipients_.size(); ++i) {
      const State& state = recipients_[i];
      if (state.placed || (to_tell && state.told != nullptr)) continue;
      if (pending(i).recipient.address == address) return i;
    }
    return misfit(concat(address, " is named too often or is no recipient of it"));
  }

  const PendingRecipient& pending(std::size_t index) const {
    const std::size_t waited = waiting_.recipients.size();
    return index < waited ? waiting_.recipients[index] : members_[index - waited];
  }

  // Its members are counted where it was (security.md 17).
  Result<void> expand(const Expanded& expanded) {
    MAIL_TRY(const std::size_t index, find(expanded.recipient, false));
    recipients_[index].placed = recipients_[index].replaced = true;
    Event& event = settlement_.events.emplace_back();
    event.message = waiting_.message;
    event.kind = EventKind::expanded;
    event.at = outcome_.at;
    event.recipient = expanded.recipient;
    for (const Recipient& member : expanded.members) {
      event.recipients.push_back(member.address);
      members_.push_back({.recipient = member, .reason = ""});
      recipients_.emplace_back();
    }
    const auto more = static_cast<std::int64_t>(expanded.members.size()) - 1;
    settlement_.effect.accepted += more;
    counter_of(settlement_.effect, before_) += more;
    return {};
  }

  Result<void> tell(const RecipientOutcome& told) {
    MAIL_TRY(const std::size_t index, find(told.recipient, true));
    State& state = recipients_[index];
    state.told = &told;
    state.placed = told.kind != RecipientOutcome::Kind::deferred;
    add_event(state, kind_of(told.kind), told.recipient, told.facts);
    if (told.notice) add_notice(*told.notice);
    return {};
  }

  void add_notice(const record::Notice& notice) {
    settlement_.notices.push_back(notice);
    settlement_.notices.back().message = waiting_.message;
  }

  Result<void> move(const Delivery& delivery) {
    MAIL_TRY(validate(delivery));
    const std::optional<Event> fate = fate_event(delivery.target);
    const bool kept = waits(delivery.target) || std::holds_alternative<ToMailbox>(delivery.target);
    PendingDelivery rest{.message = waiting_.message,
                         .since = waiting_.since,
                         .reason = "",
                         .attempts = std::max(waiting_.attempts, outcome_.attempts),
                         .reverse_path = delivery.reverse_path,
                         .added_fields = delivery.added_fields,
                         .recipients = {}};
    if (const auto* held = std::get_if<Held>(&delivery.target)) rest.reason = held->reason;
    for (const Recipient& recipient : delivery.recipients) {
      const std::string& address = recipient.address;
      MAIL_TRY(const std::size_t index, find(address, false));
      State& state = recipients_[index];
      state.placed = true;
      rest.recipients.push_back(carried(index));
      if (fate) {
        add_event(state, fate->kind, address, fate->facts);
      } else if (before_ == EventKind::held && state.told == nullptr) {
        // Without it the events would go on saying that it is held.
        add_event(state, EventKind::deferred, address, {{"reason", "released"}});
      }
    }
    if (kept) settlement_.rest.push_back({delivery.target, std::move(rest)});
    return {};
  }

  PendingRecipient carried(std::size_t index) const {
    PendingRecipient recipient = pending(index);
    const RecipientOutcome* told = recipients_[index].told;
    if (told == nullptr) return recipient;
    recipient.reason = told->reason;
    recipient.delay_told =
        recipient.delay_told || (told->notice && told->notice->kind == record::NoticeKind::delayed);
    return recipient;
  }

  void add_event(State& state, EventKind kind, const std::string& recipient,
                 const std::vector<record::Fact>& facts) {
    state.after = kind;
    settlement_.events.push_back({.message = waiting_.message,
                                  .kind = kind,
                                  .at = outcome_.at,
                                  .recipient = recipient,
                                  .recipients = {},
                                  .facts = facts});
  }

  const PendingDelivery& waiting_;
  const Outcome& outcome_;
  const std::optional<EventKind> before_;
  std::vector<PendingRecipient> members_;
  std::vector<State> recipients_;  // as in `waiting_`, then `members_`
  Settlement settlement_;
};

}  // namespace

Result<Settlement> settlement_of(const PendingDelivery& waiting, bool was_held,
                                 const Outcome& outcome) {
  return Settler(waiting, was_held, outcome).run();
}

}  // namespace mail
