// Access tokens for logins at next hops (XOAUTH2, OAUTHBEARER): from a program of the operator's,
// or by changing a refresh token at its issuer (RFC 6749 §6). Kept until shortly before they end.
// Any thread; a token is fetched on a pool of its own, once for all who wait for it.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"
#include "service/routing/route.h"

namespace mail {

class AccessTokens {
 public:
  // `ca_file`: authorities for token_url; empty: the system's. The clock outlives it.
  AccessTokens(const Clock& clock, std::filesystem::path ca_file);

  // For a login with a token command or URL. Fails with a sentence for the operator; retried
  // whenever it is asked for again.
  Task<Result<std::string>> token(RouteLogin login);
  void forget(const RouteLogin& login);  // the hop did not take it

 private:
  struct Entry {
    std::mutex mutex;  // held while it is fetched
    std::string token;
    MonoTime until;
  };
  std::shared_ptr<Entry> entry_of(const RouteLogin& login);
  Result<std::string> fetch(Entry& entry, const RouteLogin& login);

  const Clock& clock_;
  const std::filesystem::path ca_file_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  WorkerPool pool_;  // last: its work uses the others
};

// What an issuer answers (RFC 6749 §5.1).
struct IssuedToken {
  std::string token;
  std::chrono::seconds lasts{0};
};
Result<IssuedToken> parse_issued_token(long status, const std::string& body);

}  // namespace mail
