// Rates of strangers on mx listeners, per sender, per recipient, and of recipients that do not
// exist: slowed down first, then told to come back. (security.md §3)
#include "base/log.h"
#include "base/text.h"
#include "service/smtpd/connection.h"

namespace mail {
namespace {

constexpr Milliseconds kMinute{60'000};

}  // namespace

bool Connection::is_rated() const {
  return settings_->listener->role == smtp::Role::mx && !peer_.may_relay &&
         session_.client().login.empty() &&
         (settings_->limits.rate_loopback || !peer_.address.is_loopback());
}

// Half of what there is goes quickly.
Connection::Pace Connection::pace(const std::string& key, std::uint32_t per_minute) {
  const Rate rate{per_minute, kMinute};
  const Rate quick{per_minute > 1 ? per_minute / 2 : 1, kMinute};
  if (!services_.limits.take(key, 1, rate, now())) {
    if (services_.limits.take(concat("log ", key), 1, {1, kMinute}, now())) {
      log::info("smtpd.over_rate",
                {{"what", key}, {"per_minute", per_minute}, {"client", keys_.client}});
    }
    return Pace::refuse;
  }
  return services_.limits.take(concat("quick ", key), 1, quick, now()) ? Pace::quick : Pace::slow;
}

bool Connection::sender_may_send_more(const ReversePath& path) {
  if (!path.mailbox || !is_rated()) return true;
  return pace(concat("sender ", path.mailbox->key()), settings_->limits.sender_per_minute) !=
         Pace::refuse;
}

// What the directory said of a recipient, after the rates.
void Connection::rate_recipient(const Mailbox& recipient, RecipientDecision& decision) {
  if (!is_rated()) return;
  const std::string harvest = concat("unknown ", keys_.client);
  const std::uint32_t unknown_per_minute = settings_->limits.unknown_recipients_per_minute;
  using smtp::RecipientVerdict;
  Pace pace_now = Pace::quick;
  if (decision.verdict == RecipientVerdict::unknown_user) {
    pace_now = pace(harvest, unknown_per_minute);
    if (pace_now == Pace::refuse) decision.verdict = RecipientVerdict::harvesting;
  } else if (decision.verdict != RecipientVerdict::accept) {
    return;
  } else if (!services_.limits.has(harvest, 1, {unknown_per_minute, kMinute}, now())) {
    decision.verdict = RecipientVerdict::harvesting;  // nor is it told who does exist
  } else {
    pace_now = pace(concat("to ", recipient.key()), settings_->limits.recipient_per_minute);
    if (pace_now == Pace::refuse) decision.verdict = RecipientVerdict::flooded;
  }
  decision.slowly = pace_now == Pace::slow;
}

}  // namespace mail
