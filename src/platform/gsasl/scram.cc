// The only file that sees gsasl.h.
#include "platform/gsasl/scram.h"

#include <gsasl.h>

#include <cstring>
#include <utility>

#include "base/base64.h"
#include "base/text.h"

namespace mail::gsasl {

// What libgsasl asks in the course of an exchange. It frees what it is given itself.
struct Callbacks {
  static int answer(Gsasl* /*context*/, Gsasl_session* session, Gsasl_property wanted) {
    const auto* hook = static_cast<const Hook*>(gsasl_session_hook_get(session));
    return hook == nullptr ? GSASL_NO_CALLBACK : hook->answer(hook->self, session, wanted);
  }

  static int set(Gsasl_session* session, Gsasl_property property, const std::string& value) {
    return gsasl_property_set_raw(session, property, value.data(), value.size());
  }

  static int server(void* self, Gsasl_session* session, Gsasl_property wanted) {
    auto& server = *static_cast<ScramServer*>(self);
    if (server.find_keys_) {  // the first question comes when the name is known
      const char* name = gsasl_property_fast(session, GSASL_AUTHID);
      if (name == nullptr) return GSASL_NO_CALLBACK;  // about channel binding, before the start
      server.user_ = name;
      server.keys_ = std::exchange(server.find_keys_, nullptr)(server.user_);
    }
    switch (wanted) {
      case GSASL_SCRAM_ITER:
        return set(session, wanted, concat(server.keys_.iterations));
      case GSASL_SCRAM_SALT:
        return set(session, wanted, base64_encode(server.keys_.salt));
      case GSASL_SCRAM_STOREDKEY:
        return set(session, wanted, base64_encode(server.keys_.stored_key));
      case GSASL_SCRAM_SERVERKEY:
        return set(session, wanted, base64_encode(server.keys_.server_key));
      default:
        return GSASL_NO_CALLBACK;
    }
  }

  static int client(void* self, Gsasl_session* session, Gsasl_property wanted) {
    const auto& client = *static_cast<const ScramClient*>(self);
    if (wanted == GSASL_AUTHID) return set(session, wanted, client.user_);
    if (wanted == GSASL_PASSWORD) return set(session, wanted, client.password_);
    return GSASL_NO_CALLBACK;
  }

  struct Hook {
    int (*answer)(void* self, Gsasl_session* session, Gsasl_property wanted);
    void* self;
  };
};

namespace {

constexpr const char* kMechanism = "SCRAM-SHA-256";
constexpr std::size_t kKeySize = 32;
constexpr std::uint32_t kMaxIterations = 200'000;  // a server's wish: some 0.1 s of one core

// One for the process: after this it is only read.
Gsasl* context() {
  static Gsasl* const made = [] {
    Gsasl* fresh = nullptr;
    const int failed = gsasl_init(&fresh);
    MAIL_ASSERT(failed == GSASL_OK);  // without memory only
    gsasl_callback_set(fresh, Callbacks::answer);
    return fresh;
  }();
  return made;
}

void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

std::unexpected<Error> failed(int code) {
  switch (code) {
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
    case GSASL_NEEDS_MORE:
    case GSASL_SASLPREP_ERROR:
      return fail(Errc::bad_syntax, gsasl_strerror(code));
    case GSASL_MALLOC_ERROR:
    case GSASL_CRYPTO_ERROR:
      return fail(Errc::unavailable, gsasl_strerror(code));
    default:
      return fail(Errc::not_allowed, gsasl_strerror(code));
  }
}

struct Output {
  int code;
  std::string bytes;
};

Output advance(Gsasl_session* session, std::string_view message) {
  char* bytes = nullptr;
  std::size_t size = 0;
  const std::string input(message);  // it reads on to a NUL
  const int code = gsasl_step(session, input.data(), input.size(), &bytes, &size);
  Output output{code, {}};
  if (bytes != nullptr) output.bytes.assign(bytes, size);
  gsasl_free(bytes);
  return output;
}

void finish(Gsasl_session* session) {
  if (session == nullptr) return;
  delete static_cast<Callbacks::Hook*>(gsasl_session_hook_get(session));
  gsasl_finish(session);
}

// "r=...,s=...,i=4096": the number; 0 where there is none.
std::uint64_t iterations_in(std::string_view server_first) {
  for (const std::string_view part : split(server_first, ',')) {
    if (part.starts_with("i=")) return parse_number(part.substr(2)).value_or(UINT64_MAX);
  }
  return 0;
}

}  // namespace

Result<ScramKeys> make_scram_keys(const std::string& password, std::string_view salt,
                                  std::uint32_t iterations) {
  char salted[kKeySize];
  char client_key[kKeySize];
  char server_key[kKeySize];
  char stored_key[kKeySize];
  if (password.contains('\0')) return fail(Errc::invalid_argument, "the password has a NUL in it");
  const int code = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password.c_str(),
                                                     iterations, salt.data(), salt.size(), salted,
                                                     client_key, server_key, stored_key);
  ScramKeys keys{iterations, std::string(salt), std::string(stored_key, kKeySize),
                 std::string(server_key, kKeySize)};
  explicit_bzero(salted, sizeof salted);
  explicit_bzero(client_key, sizeof client_key);
  explicit_bzero(server_key, sizeof server_key);
  if (code == GSASL_OK) return keys;
  return fail(code == GSASL_SASLPREP_ERROR ? Errc::invalid_argument : Errc::unavailable,
              concat("no SCRAM keys from this password: ", gsasl_strerror(code)));
}

std::string to_text(const ScramKeys& keys) {
  return concat(kMechanism, '$', keys.iterations, ':', base64_encode(keys.salt), '$',
                base64_encode(keys.stored_key), ':', base64_encode(keys.server_key));
}

Result<ScramKeys> parse_scram_keys(std::string_view text) {
  const auto bad = [] { return fail(Errc::bad_syntax, "these are no SCRAM-SHA-256 keys"); };
  const std::vector<std::string_view> parts = split(text, '$');
  if (parts.size() != 3 || parts[0] != kMechanism) return bad();
  const std::vector<std::string_view> front = split(parts[1], ':');
  const std::vector<std::string_view> back = split(parts[2], ':');
  if (front.size() != 2 || back.size() != 2) return bad();
  const auto iterations = parse_number(front[0]);
  MAIL_TRY(std::string salt, base64_decode(front[1]));
  MAIL_TRY(std::string stored_key, base64_decode(back[0]));
  MAIL_TRY(std::string server_key, base64_decode(back[1]));
  if (!iterations || *iterations == 0 || *iterations > UINT32_MAX || salt.empty() ||
      stored_key.size() != kKeySize || server_key.size() != kKeySize) {
    return bad();
  }
  return ScramKeys{static_cast<std::uint32_t>(*iterations), std::move(salt), std::move(stored_key),
                   std::move(server_key)};
}

ScramServer::ScramServer(FindKeys find_keys) : find_keys_(std::move(find_keys)) {
  const int code = gsasl_server_start(context(), kMechanism, &session_);
  MAIL_ASSERT(code == GSASL_OK);  // without memory only
  gsasl_session_hook_set(session_, new Callbacks::Hook{Callbacks::server, this});
}

ScramServer::~ScramServer() {
  finish(session_);
  wipe(keys_.server_key);
  wipe(keys_.stored_key);
}

Result<std::string> ScramServer::step(std::string_view message) {
  if (message.empty() || message.contains('\0')) {
    return fail(Errc::bad_syntax, "an empty message, or one with a NUL");
  }
  // RFC 5802 §6: "p" asks for channel binding, which only -PLUS can do; libgsasl lets it pass here.
  if (find_keys_ && message.starts_with('p')) {
    return fail(Errc::bad_syntax, "channel binding without -PLUS");
  }
  Output output = advance(session_, message);
  if (output.code != GSASL_OK && output.code != GSASL_NEEDS_MORE) return failed(output.code);
  const char* authzid = gsasl_property_fast(session_, GSASL_AUTHZID);
  if (authzid != nullptr && *authzid != '\0' && !iequals(authzid, user_)) {
    return fail(Errc::not_allowed, "SCRAM asks to act as another user");
  }
  return std::move(output.bytes);
}

ScramClient::ScramClient(std::string user, std::string password)
    : user_(std::move(user)), password_(std::move(password)) {
  const int code = gsasl_client_start(context(), kMechanism, &session_);
  MAIL_ASSERT(code == GSASL_OK);
  gsasl_session_hook_set(session_, new Callbacks::Hook{Callbacks::client, this});
}

ScramClient::~ScramClient() {
  finish(session_);
  wipe(password_);
}

Result<std::string> ScramClient::step(std::string_view message) {
  if (steps_ == 3) return fail(Errc::bad_syntax, "the server asks for more than there is to say");
  if (message.contains('\0')) return fail(Errc::bad_syntax, "a NUL in a SCRAM message");
  if (user_.contains('\0') || password_.contains('\0')) {
    return fail(Errc::invalid_argument, "the user or password holds a NUL");
  }
  if (steps_ == 1 && iterations_in(message) > kMaxIterations) {
    return fail(Errc::not_allowed, "the server asks for too many iterations");
  }
  Output output = advance(session_, message);
  const int wanted = steps_ == 2 ? GSASL_OK : GSASL_NEEDS_MORE;
  if (output.code != wanted) return failed(output.code);
  ++steps_;
  return std::move(output.bytes);
}

}  // namespace mail::gsasl
