// What a session asks, answered from the directory, the judges, the store and the spool.
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "service/policy/access.h"
#include "service/smtpd/connection.h"
#include "service/smtpd/recipient.h"

namespace mail {
namespace {

using smtp::CommitVerdict;
using smtp::DataVerdict;
using smtp::LoginVerdict;
using smtp::RecipientVerdict;
using smtp::SenderVerdict;

constexpr Milliseconds kMinute{60'000};
constexpr Milliseconds kHour{3'600'000};

// Hold and discard at MAIL or RCPT concern the message: its own judge decides then.
SenderVerdict sender_verdict(const Verdict& verdict) {
  if (std::holds_alternative<Reject>(verdict)) return SenderVerdict::refused;
  if (std::holds_alternative<Defer>(verdict)) return SenderVerdict::try_later;
  return SenderVerdict::accept;
}

RecipientVerdict recipient_verdict(const Verdict& verdict) {
  if (std::holds_alternative<Reject>(verdict)) return RecipientVerdict::refused;
  if (std::holds_alternative<Defer>(verdict)) return RecipientVerdict::try_later;
  return RecipientVerdict::accept;
}

}  // namespace

SenderVerdict Connection::decide_sender(const ReversePath& path) {
  session_.set_stressed(clients_.stressed(settings_->limits));
  const smtp::Client& client = session_.client();
  const SenderVerdict allowed =
      may_send_as(*settings_->listener, client, path, *services_.control.snapshot());
  if (allowed != SenderVerdict::accept) return allowed;
  if (!services_.store.healthy()) return SenderVerdict::try_later;
  if (services_.store.storage_low()) return SenderVerdict::storage_full;
  if (client.login.empty() && !peer_.may_relay &&
      !services_.limits.take(concat("message ", client_key_), 1,
                             {settings_->limits.messages_per_minute, kMinute}, now())) {
    return SenderVerdict::too_many;
  }
  return SenderVerdict::accept;
}

Task<void> Connection::ask_judges(ReversePath path) {
  const Verdict verdict = co_await services_.judges.sender(session_.client(), path);
  session_.answer(sender_verdict(verdict));
}

// Against stolen passwords. Counted by recipient: one message can reach a thousand people.
bool Connection::account_may_send_more() {
  const std::string& account = session_.client().login;
  const std::uint32_t cap = settings_->limits.recipients_per_hour;
  if (account.empty()) return true;
  if (services_.limits.take(concat("recipient ", account), 1, {cap, kHour}, now())) return true;
  if (services_.limits.take(concat("recipient-log ", account), 1, {1, kMinute}, now())) {
    log::warning("smtpd.account_over_limit",
                 {{"account", account}, {"client", client_key_}, {"recipients_per_hour", cap}});
  }
  return false;
}

RecipientVerdict Connection::decide_recipient_now(const Mailbox& recipient, bool* ask_judges_too) {
  const auto directory = services_.control.snapshot();
  const RecipientDecision decision =
      decide_recipient(*settings_->listener, session_.client(), session_.transaction(), recipient,
                       *directory, *settings_->routes, services_.store);
  if (decision.verdict == RecipientVerdict::accept && !account_may_send_more()) {
    return RecipientVerdict::too_many;
  }
  *ask_judges_too = decision.verdict == RecipientVerdict::accept && !decision.always_taken &&
                    !services_.judges.empty();
  return decision.verdict;
}

Task<void> Connection::ask_judges(Mailbox recipient) {
  const Verdict verdict =
      co_await services_.judges.recipient(session_.client(), session_.transaction(), recipient);
  session_.answer(recipient_verdict(verdict));
}

Task<void> Connection::check_login(smtp::AskLogin login) {
  Login asked{std::move(login.user), std::move(login.password), peer_.address,
              settings_->limits.failed_logins};
  Authenticator::Answer answer = co_await services_.authenticator.check(std::move(asked));
  switch (answer.result) {
    case LoginResult::accept:
      session_.answer(LoginVerdict::accept, std::move(answer.account));
      break;
    case LoginResult::busy:
      session_.answer(LoginVerdict::busy, {});
      break;
    case LoginResult::wrong:
      log::info("smtpd.login_failed", {{"client", client_key_}});
      session_.answer(LoginVerdict::wrong, {});
      break;
    case LoginResult::throttled:
      log::info("smtpd.login_throttled", {{"client", client_key_}});
      session_.answer(LoginVerdict::throttled, {});
      break;
  }
}

DataVerdict Connection::begin_message() {
  staged_chunks_ = 0;
  stage_failed_.reset();
  if (!services_.store.healthy()) return {DataVerdict::Kind::try_later, {}};
  id_ = services_.store.next_id();
  return {DataVerdict::Kind::accept,
          services_.spool.trace_fields(id_, *settings_->listener, session_.client(),
                                       session_.transaction())};
}

// A chunk that could not be kept is told at the end of data: only then a reply is due.
Task<void> Connection::stage(std::string chunk) {
  if (stage_failed_) co_return;
  const auto staged = co_await services_.store.stage(id_, staged_chunks_ + 1, std::move(chunk));
  if (staged) {
    ++staged_chunks_;
    co_return;
  }
  log::info("smtpd.stage_failed", {{"id", id_.to_string()}, {"error", describe(staged.error())}});
  stage_failed_ = staged.error().code;
}

Task<void> Connection::drop_staged() {
  co_await services_.store.drop_staged(id_);
  staged_chunks_ = 0;
}

Task<void> Connection::commit(smtp::JudgeAndCommit input) {
  CommitVerdict verdict{CommitVerdict::Kind::try_later, id_};
  if (stage_failed_ == Errc::storage_full || services_.store.storage_low()) {
    verdict.kind = CommitVerdict::Kind::storage_full;
  } else if (!stage_failed_) {
    verdict = co_await services_.spool.accept(id_, settings_->listener, session_.client(),
                                              session_.transaction(), settings_->routes,
                                              std::move(input), staged_chunks_);
  }
  session_.answer(verdict);
}

}  // namespace mail
