// Who may log in: passwords against the directory, hashed on a bounded pool, failures throttled by
// address (security.md 40-42). Wrong user, wrong password and disabled account look and last the
// same. One for all protocols; any I/O thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/executor.h"
#include "base/task.h"
#include "codec/address/ip_address.h"
#include "codec/sasl/sasl.h"
#include "platform/password/password.h"
#include "service/auth/known_logins.h"
#include "service/auth/login_throttle.h"
#include "service/directory/control_store.h"

namespace mail {

// malformed: no exchange of its mechanism looks like that; nobody's failure.
enum class LoginResult : std::uint8_t { accept, wrong, busy, throttled, malformed };
enum class LoginFor : std::uint8_t { submit, read };  // the right an app password must have

constexpr bool may(Rights rights, LoginFor purpose) {
  return purpose == LoginFor::submit ? rights.submit : rights.read;
}

struct Login {
  std::string user;
  std::string password;
  IpAddress from;
  LoginLimits limits;
  LoginFor purpose = LoginFor::submit;
};

class ChallengeLogin;

// Whether a password fits a stored hash; tests count what is compared with what.
using PasswordCheck = std::function<bool(const std::string& password, const std::string& stored)>;

class Authenticator {
 public:
  // All outlive the authenticator.
  Authenticator(ControlStore& control, WorkerPool& pool, const Clock& clock,
                PasswordCheck check = password::matches);

  struct Answer {
    LoginResult result = LoginResult::wrong;
    std::string account;  // its address, on accept
  };
  // A password that came as it is (PLAIN, LOGIN): the account's, or one of its app passwords.
  Task<Answer> check(Login login);

  // An exchange that never shows the password (SCRAM-SHA-256, CRAM-MD5); `login.password` is not
  // looked at. The authenticator outlives it.
  std::unique_ptr<ChallengeLogin> begin(sasl::Mechanism mechanism, Login login,
                                        std::string hostname);
  bool offers_cram_md5() const { return control_.snapshot()->has_cram_md5(); }

 private:
  friend class ChallengeLogin;
  Task<void> note_used(AccountId account, std::string app_password);

  ControlStore& control_;
  WorkerPool& pool_;
  const Clock& clock_;
  const PasswordCheck check_;
  LoginThrottle throttle_;
  KnownLogins known_;
  std::mutex noted_mutex_;
  std::unordered_map<std::string, MonoTime> noted_;  // when an app password's use was written last
};

}  // namespace mail
