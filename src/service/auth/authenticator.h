// Who may log in: passwords against the directory, hashed on a bounded pool, failures throttled by
// address (security.md 40-42). Wrong user, wrong password and disabled account look and last the
// same. One for all protocols; any I/O thread.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/task.h"
#include "codec/address/ip_address.h"
#include "service/auth/login_throttle.h"
#include "service/directory/control_store.h"

namespace mail {

enum class LoginResult : std::uint8_t { accept, wrong, busy, throttled };

struct Login {
  std::string user;
  std::string password;
  IpAddress from;
  LoginLimits limits;
};

class Authenticator {
 public:
  // All outlive the authenticator.
  Authenticator(ControlStore& control, WorkerPool& pool, const Clock& clock);

  struct Answer {
    LoginResult result = LoginResult::wrong;
    std::string account;  // its address, on accept
  };
  Task<Answer> check(Login login);

 private:
  ControlStore& control_;
  WorkerPool& pool_;
  LoginThrottle throttle_;
};

}  // namespace mail
