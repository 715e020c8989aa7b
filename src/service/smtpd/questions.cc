// What a session asks, answered from the directory, the judges, the store and the spool.
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "codec/address/utf8.h"
#include "platform/idn/idn.h"
#include "service/auth/challenge_login.h"
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
constexpr Milliseconds kSlowAnswer{2'000};

// A user beyond ASCII may be spelled in any way that mail to it may be.
std::string account_name(std::string user) {
  if (is_ascii(user)) return user;
  const auto mailbox = Mailbox::parse(user, &idn::kFunctions);
  return mailbox ? mailbox->key() : std::move(user);
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
  if (client.login.empty() && !peer_.may_relay && !client_may_send_more()) {
    return SenderVerdict::too_many;
  }
  return sender_may_send_more(path) ? SenderVerdict::accept : SenderVerdict::too_fast;
}

bool Connection::client_may_send_more() {
  const SmtpLimits& limits = settings_->limits;
  return services_.limits.take(concat("message ", keys_.client), 1,
                               {limits.messages_per_minute, kMinute}, now()) &&
         services_.limits.take(concat("message ", keys_.network), 1,
                               {limits.network_messages_per_minute, kMinute}, now());
}

// Against stolen passwords. Counted by recipient: one message can reach a thousand people.
bool Connection::account_may_send_more() {
  const std::string& account = session_.client().login;
  const std::uint32_t cap = settings_->limits.recipients_per_hour;
  if (account.empty()) return true;
  if (services_.limits.take(concat("recipient ", account), 1, {cap, kHour}, now())) return true;
  if (services_.limits.take(concat("recipient-log ", account), 1, {1, kMinute}, now())) {
    log::warning("smtpd.account_over_limit",
                 {{"account", account}, {"client", keys_.client}, {"recipients_per_hour", cap}});
  }
  return false;
}

// False: it takes waiting, and answer_recipient() goes on.
bool Connection::answer_recipient_now(const Mailbox& recipient) {
  const auto directory = services_.control.snapshot();
  decision_ = decide_recipient(*settings_->listener, session_.client(), session_.transaction(),
                               recipient, *directory, services_.store);
  rate_recipient(recipient, decision_);
  if (decision_.verdict == RecipientVerdict::accept && !account_may_send_more()) {
    decision_.verdict = RecipientVerdict::too_many;
  }
  if (decision_.slowly || (decision_.verdict == RecipientVerdict::accept &&
                           (ends_elsewhere() || is_heard(decision_)))) {
    return false;
  }
  session_.answer(decision_.verdict);
  return true;
}

Task<void> Connection::answer_recipient(Mailbox recipient) {
  if (decision_.slowly) co_await pauses_.until(now() + kSlowAnswer);
  if (decision_.verdict != RecipientVerdict::accept) {
    session_.answer(decision_.verdict);
  } else if (ends_elsewhere()) {
    co_await ask_hop(std::move(recipient));
  } else if (is_heard(decision_)) {
    co_await ask_judges(std::move(recipient));
  } else {
    session_.answer(decision_.verdict);
  }
}

Task<void> Connection::check_login(smtp::AskLogin login) {
  Login asked{account_name(std::move(login.user)), std::move(login.password), peer_.address,
              settings_->limits.failed_logins};
  answer_login(co_await services_.authenticator.check(std::move(asked)));
}

Task<void> Connection::step_login(smtp::AskSaslStep step) {
  if (step.first) {
    Login asked{{}, {}, peer_.address, settings_->limits.failed_logins};
    login_ = services_.authenticator.begin(step.mechanism, std::move(asked),
                                           settings_->listener->hostname);
  }
  ChallengeLogin::Next said = co_await login_->respond(std::move(step.response));
  if (said.challenge) {
    session_.answer(smtp::SaslChallenge{*std::move(said.challenge)});
    co_return;
  }
  login_.reset();
  answer_login(std::move(said.answer));
}

void Connection::answer_login(Authenticator::Answer answer) {
  switch (answer.result) {
    case LoginResult::accept:
      session_.answer(LoginVerdict::accept, std::move(answer.account));
      break;
    case LoginResult::malformed:
      session_.answer(LoginVerdict::malformed, {});
      break;
    case LoginResult::busy:
      session_.answer(LoginVerdict::busy, {});
      break;
    case LoginResult::wrong:
      log::info("smtpd.login_failed", {{"client", keys_.client}});
      session_.answer(LoginVerdict::wrong, {});
      break;
    case LoginResult::throttled:
      log::info("smtpd.login_throttled", {{"client", keys_.client}});
      session_.answer(LoginVerdict::throttled, {});
      break;
  }
}

DataVerdict Connection::begin_message(std::size_t room) {
  staged_chunks_ = 0;
  stage_failed_.reset();
  heard_ = false;
  if (hop_ != nullptr && !hop_->fits_content()) return {DataVerdict::Kind::no_eight_bit, {}};
  if (!services_.store.healthy()) return {DataVerdict::Kind::try_later, {}};
  id_ = services_.store.next_id();
  return {DataVerdict::Kind::accept,
          services_.spool.trace_fields(id_, *settings_->listener, session_.client(),
                                       session_.transaction(), room)};
}

// A chunk that could not be kept is told at the end of data: only then a reply is due.
Task<void> Connection::stage(std::string chunk) {
  if (stage_failed_) co_return;
  if (trial_ != nullptr) {
    // A copy: the session may end, and forget it, while a judge waits.
    if (!heard_) {
      const std::string first(session_.first_chunk());
      co_await let_hear(first);
    }
    co_await trial_->body(chunk);
  }
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
    if (trial_ != nullptr) co_await let_hear_rest(input);
    verdict = co_await services_.spool.accept(id_, settings_->listener, session_.client(),
                                              session_.transaction(), settings_->routes,
                                              std::move(input), staged_chunks_, trial_.get());
  }
  if (trial_ != nullptr) end_trial_of_message();
  session_.answer(verdict);
}

}  // namespace mail
