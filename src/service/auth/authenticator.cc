#include "service/auth/authenticator.h"

#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "platform/password/password.h"
#include "platform/tls/digest.h"
#include "service/auth/challenge_login.h"
#include "service/auth/credentials.h"

namespace mail {
namespace {

constexpr Milliseconds kNotedEvery{600'000};
constexpr std::size_t kMaxNoted = 100'000;

// A hash from another server costs a login another time than the decoy, which tells strangers that
// the account exists, and may be weak; and without its password no SCRAM keys could be made. So the
// first login that knows the password makes all of it.
void make_current(ControlStore& control, const AccountRow& row, const std::string& password) {
  if (password::is_current(row.password_hash) && !row.scram.empty()) return;
  Result<Credential> made =
      make_credential(control.login_secret(), row.address, password, CramMd5::no);
  if (!made) return;  // longer than our hashes take: it stays as it is
  if (password::is_current(row.password_hash)) {
    if (made->scram.empty()) return;  // a password that has no keys never gets them
    made->password_hash = row.password_hash;
  }
  const Result<void> replaced = control.refresh_password(row.address, row.password_hash, *made);
  if (!replaced) {
    log::warning("auth.hash_not_replaced",
                 {{"account", row.address}, {"error", describe(replaced.error())}});
  }
}

// The app password this is. Each is compared, so that the time does not tell which it was.
const AppPasswordRow* find_app_password(const LoginName& name, const std::string& digest,
                                        LoginFor purpose) {
  const AppPasswordRow* found = nullptr;
  if (name.account == nullptr) return found;
  for (const AppPasswordRow& app : name.account->app_passwords) {
    const bool meant = !name.names_app || &app == name.app;
    const bool right = tls::equal_in_constant_time(app.digest, digest);
    if (meant && right && may(app.rights, purpose)) found = &app;
  }
  return found;
}

}  // namespace

Authenticator::Authenticator(ControlStore& control, WorkerPool& pool, const Clock& clock,
                             PasswordCheck check)
    : control_(control),
      pool_(pool),
      clock_(clock),
      check_(std::move(check)),
      throttle_(clock),
      known_(clock) {
  (void)password::decoy_hash();  // computed here, not while the first stranger waits
}

// Who is wrong has always waited for one hash on the pool, of the kind that somebody has here
// (security.md 41). Who is right may be answered sooner.
Task<Authenticator::Answer> Authenticator::check(Login login) {
  login.user = folded_login_name(login.user);
  const LoginThrottle::Attempt attempt = throttle_.attempt(login.from, login.user, login.password);
  if (!throttle_.admits(attempt, login.limits)) {
    password::wipe(login.password);
    co_return Answer{LoginResult::throttled, {}};
  }
  const std::shared_ptr<const Directory> directory = control_.snapshot();
  const LoginName name = find_login_name(*directory, login.user);
  const std::string digest = app_password_digest(control_.login_secret(), login.password);
  if (const AppPasswordRow* app = find_app_password(name, digest, login.purpose)) {
    password::wipe(login.password);
    throttle_.succeeded(attempt);
    co_await note_used(name.account->id, app->name);
    co_return Answer{LoginResult::accept, name.account->address};
  }
  const AccountRow* row = name.names_app ? nullptr : name.account;
  const std::string& stored =
      row != nullptr ? row->password_hash
                     : hash_for_nobody(*directory, control_.login_secret(), login.user);
  KnownLogins::Key key = known_.key(row != nullptr ? row->address : "", stored, login.password);
  const bool known = row != nullptr && known_.contains(key);
  if (!known) {
    const Result<bool> matched = co_await on(pool_, [&]() -> Result<bool> {
      const bool right = check_(login.password, stored);
      if (right && row != nullptr) make_current(control_, *row, login.password);
      return right;
    });
    password::wipe(login.password);
    if (!matched) co_return Answer{LoginResult::busy, {}};
    if (!*matched || row == nullptr) {
      throttle_.failed(attempt);
      co_return Answer{LoginResult::wrong, {}};
    }
    known_.add(std::move(key));
  }
  password::wipe(login.password);
  throttle_.succeeded(attempt);
  co_return Answer{LoginResult::accept, row->address};
}

std::unique_ptr<ChallengeLogin> Authenticator::begin(sasl::Mechanism mechanism, Login login,
                                                     std::string hostname) {
  return std::make_unique<ChallengeLogin>(*this, mechanism, std::move(login), std::move(hostname));
}

// At most once in ten minutes: the time is for a human who looks which of his phones is gone.
Task<void> Authenticator::note_used(AccountId account, std::string app_password) {
  const MonoTime now = clock_.mono_now();
  {
    const std::lock_guard lock(noted_mutex_);
    if (noted_.size() >= kMaxNoted) noted_.clear();
    const auto [at, fresh] = noted_.try_emplace(concat(account.value, '/', app_password), now);
    if (!fresh && now - at->second < kNotedEvery) co_return;
    at->second = now;
  }
  const WallTime wall = clock_.wall_now();
  const Result<void> noted = co_await on(
      pool_, [&] { return control_.note_app_password_used(account, app_password, wall); });
  if (!noted) log::warning("auth.use_not_noted", {{"error", describe(noted.error())}});
}

}  // namespace mail
