// SCRAM-SHA-256 (RFC 5802, RFC 7677) by libgsasl, both sides; without channel binding (-PLUS).
// Messages are plain bytes, after base64. Objects serve one exchange, on one thread at a time.
// Making keys and the client's second step derive keys from a password and take some milliseconds;
// the server's steps take microseconds. Secrets given are wiped with the object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct Gsasl_session;

namespace mail::gsasl {

// What a server keeps instead of the password (RFC 5802 §3). All are raw octets.
struct ScramKeys {
  std::uint32_t iterations = 0;
  std::string salt;
  std::string stored_key;  // 32 octets
  std::string server_key;
  bool operator==(const ScramKeys&) const = default;
};

// RFC 7677 §4 asks for at least 4096. All accounts have the same number: another one would tell
// that an account exists.
inline constexpr std::uint32_t kIterations = 10'000;

// invalid_argument for a password that SASLprep (RFC 4013) does not take.
Result<ScramKeys> make_scram_keys(const std::string& password, std::string_view salt,
                                  std::uint32_t iterations = kIterations);

// "SCRAM-SHA-256$10000:salt$stored_key:server_key", in base64, as other servers write it too.
std::string to_text(const ScramKeys& keys);
Result<ScramKeys> parse_scram_keys(std::string_view text);

class ScramServer {
 public:
  // The keys of a user, or some that nobody has; called once, from the first step().
  using FindKeys = std::function<ScramKeys(std::string_view user)>;
  explicit ScramServer(FindKeys find_keys);
  ~ScramServer();
  ScramServer(const ScramServer&) = delete;
  ScramServer& operator=(const ScramServer&) = delete;

  // The client's messages in order -> ours: two of each. After the second the client is who he
  // says. bad_syntax; not_allowed: wrong proof, or he asks to act as somebody else.
  Result<std::string> step(std::string_view message);
  const std::string& user() const { return user_; }  // as given; behind the first step

 private:
  friend struct Callbacks;
  FindKeys find_keys_;
  std::string user_;
  ScramKeys keys_;
  Gsasl_session* session_ = nullptr;
};

class ScramClient {
 public:
  ScramClient(std::string user, std::string password);
  ~ScramClient();
  ScramClient(const ScramClient&) = delete;
  ScramClient& operator=(const ScramClient&) = delete;

  // "" -> the first message; then the server's, in order. not_allowed: the server did not prove
  // that it knows the password, or wants more iterations than a login may cost; bad_syntax.
  Result<std::string> step(std::string_view message);
  bool is_complete() const { return steps_ == 3; }  // the server has proved it

 private:
  friend struct Callbacks;
  std::string user_;
  std::string password_;
  int steps_ = 0;
  Gsasl_session* session_ = nullptr;
};

}  // namespace mail::gsasl
