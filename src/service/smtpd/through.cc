// Sessions of a listener with mode = "end-to-end": what the next hop says is what the client hears,
// and nothing waits here (security.md 22).
#include <utility>
#include <variant>

#include "base/log.h"
#include "service/smtpd/connection.h"
#include "service/smtpd/recipient.h"

namespace mail {
namespace {

using Kind = smtp::CommitVerdict::Kind;
using smtp::RecipientVerdict;

}  // namespace

Task<void> Connection::ask_hop(Mailbox recipient) {
  const Resolution ours = services_.control.snapshot()->resolve(recipient);
  if (ours.kind != Resolution::Kind::not_local) {
    session_.answer(RecipientVerdict::elsewhere);
    co_return;
  }
  if (trial_ != nullptr && co_await recipient_refused(recipient)) co_return;
  if (hop_ == nullptr) {
    MAIL_ASSERT(services_.next_hops != nullptr);
    hop_ = std::make_unique<HopConversation>(*services_.next_hops, thread_, settings_->routes);
  }
  const auto answer = co_await hop_->recipient(session_.transaction(), std::move(recipient));
  std::visit([this](const auto& said) { session_.answer(said); }, answer);
}

Task<void> Connection::send_through(smtp::JudgeAndCommit input) {
  Draft draft;
  draft.id = id_;
  draft.staged_chunks = staged_chunks_;
  smtp::CommitVerdict verdict{Kind::try_later, id_};
  Kind& kind = verdict.kind;
  if (stage_failed_ == Errc::storage_full || services_.store.storage_low()) {
    kind = Kind::storage_full;
  } else if (!stage_failed_) {
    if (trial_ != nullptr) co_await let_hear_rest(input);
    verdict =
        co_await services_.spool.prepare(draft, *settings_->listener, session_.client(),
                                         session_.transaction(), std::move(input), trial_.get());
  }
  if (trial_ != nullptr) end_trial_of_message();
  // Nothing waits in this mode: what is to be held stays with the client until it is decided.
  const bool accepted = kind == Kind::accepted;
  const bool held = accepted && std::holds_alternative<Held>(draft.deliveries.front().target);
  const bool goes_on = accepted && std::holds_alternative<Relayed>(draft.deliveries.front().target);
  if (held) {
    log::info("relay.not_held", {{"id", id_.to_string()}});
    kind = Kind::try_later;
  } else if (accepted && !goes_on) {
    kind = co_await services_.spool.commit(draft);  // discarded
  }
  if (!goes_on) {
    if (kind != Kind::accepted) co_await services_.store.drop_staged(id_);
    session_.answer(verdict);
    co_return;
  }
  HopConversation::Outcome outcome = co_await hop_->send(draft);
  if (outcome.taken()) {
    look_for_client();
    co_await record_relayed(std::move(draft), std::move(outcome.facts));
  } else {
    co_await services_.store.drop_staged(id_);
  }
  if (const auto* reply = std::get_if<smtp::PassedReply>(&outcome.answer)) {
    session_.answer(*reply);
  } else {
    session_.answer(smtp::CommitVerdict{std::get<Kind>(outcome.answer), id_});
  }
}

// The hop has the message, whatever becomes of our record of it.
Task<void> Connection::record_relayed(Draft draft, std::vector<record::Fact> facts) {
  const MessageId id = draft.id;
  log::info("message.relayed", {{"id", id.to_string()},
                                {"from", draft.reverse_path},
                                {"recipients", draft.recipients.size()},
                                {"size", draft.size},
                                {"client", keys_.client}});
  std::get<Relayed>(draft.deliveries.front().target).facts = std::move(facts);
  if (co_await services_.spool.commit(draft) == Kind::accepted) co_return;
  log::error("relay.not_recorded", {{"id", id.to_string()}, {"from", draft.reverse_path}});
  co_await services_.store.drop_staged(id);
}

// A client that is gone has not heard that the hop took its message, and may send it again.
void Connection::look_for_client() {
  relay_unsaid_ = true;
  if (input_.empty() && !lost_) read_now();
  keep_input();
}

}  // namespace mail
