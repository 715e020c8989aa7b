#include "service/auth/authenticator.h"

#include <utility>

#include "platform/password/password.h"

namespace mail {

Authenticator::Authenticator(ControlStore& control, WorkerPool& pool)
    : control_(control), pool_(pool) {
  (void)password::decoy_hash();  // computed here, not while the first stranger waits
}

// One path for every kind of login: a snapshot, one hash on the pool, one answer. Only the string
// that is hashed against differs (security.md 41).
Task<Authenticator::Answer> Authenticator::check(std::string user, std::string password) {
  const std::shared_ptr<const Directory> directory = control_.snapshot();
  const AccountRow* row = directory->account(user);
  const bool may_log_in = row != nullptr && !row->disabled;
  const std::string& stored = may_log_in ? row->password_hash : password::decoy_hash();
  const Result<bool> matched = co_await on(pool_, [&password, &stored]() -> Result<bool> {
    return password::matches(password, stored);
  });
  password::wipe(password);
  if (!matched) co_return Answer{LoginResult::busy, {}};
  if (!*matched || !may_log_in) co_return Answer{LoginResult::wrong, {}};
  co_return Answer{LoginResult::accept, row->address};
}

}  // namespace mail
