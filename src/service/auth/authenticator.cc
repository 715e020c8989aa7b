#include "service/auth/authenticator.h"

#include <utility>

#include "base/log.h"
#include "platform/password/password.h"

namespace mail {
namespace {

// A hash from another server costs a login another time than the decoy, which tells strangers that
// the account exists, and may be weak. So the first login that knows the password replaces it.
void make_current(ControlStore& control, const std::string& address, const std::string& stored,
                  const std::string& password) {
  if (password::is_current(stored)) return;
  const Result<std::string> made = password::hash(password);
  if (!made) return;  // longer than our hashes take: it stays as it is
  const Result<void> replaced = control.replace_hash(address, stored, *made);
  if (!replaced) {
    log::warning("auth.hash_not_replaced",
                 {{"account", address}, {"error", describe(replaced.error())}});
  }
}

}  // namespace

Authenticator::Authenticator(ControlStore& control, WorkerPool& pool, const Clock& clock)
    : control_(control), pool_(pool), throttle_(clock) {
  (void)password::decoy_hash();  // computed here, not while the first stranger waits
}

// One path for every kind of login: a snapshot, one hash on the pool, one answer. Only the string
// that is hashed against differs (security.md 41).
Task<Authenticator::Answer> Authenticator::check(Login login) {
  const LoginThrottle::Attempt attempt = throttle_.attempt(login.from, login.user, login.password);
  if (!throttle_.admits(attempt, login.limits)) {
    password::wipe(login.password);
    co_return Answer{LoginResult::throttled, {}};
  }
  const std::shared_ptr<const Directory> directory = control_.snapshot();
  const AccountRow* row = directory->account(login.user);
  const bool may_log_in = row != nullptr && !row->disabled;
  const std::string& stored = may_log_in ? row->password_hash : password::decoy_hash();
  const Result<bool> matched = co_await on(pool_, [&]() -> Result<bool> {
    const bool right = password::matches(login.password, stored);
    if (right && may_log_in) make_current(control_, row->address, stored, login.password);
    return right;
  });
  password::wipe(login.password);
  if (!matched) co_return Answer{LoginResult::busy, {}};
  if (!*matched || !may_log_in) {
    throttle_.failed(attempt);
    co_return Answer{LoginResult::wrong, {}};
  }
  throttle_.succeeded(attempt);
  co_return Answer{LoginResult::accept, row->address};
}

}  // namespace mail
