#include "codec/sasl/sasl.h"

#include "base/text.h"

namespace mail::sasl {

namespace {

constexpr std::size_t kMaxName = 255;  // RFC 4616 §2: implementations may limit what they take

// RFC 4616 §2: message = [authzid] UTF8NUL authcid UTF8NUL passwd.
Result<Step> parse_plain(std::string_view message) {
  const std::size_t first = message.find('\0');
  if (first == std::string_view::npos) return fail(Errc::bad_syntax, "PLAIN without NUL");
  const std::size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return fail(Errc::bad_syntax, "PLAIN with one NUL");
  const std::string_view authzid = message.substr(0, first);
  const std::string_view authcid = message.substr(first + 1, second - first - 1);
  const std::string_view password = message.substr(second + 1);
  if (password.find('\0') != std::string_view::npos) {
    return fail(Errc::bad_syntax, "PLAIN with three NULs");
  }
  if (authcid.empty() || password.empty() || authcid.size() > kMaxName) {
    return fail(Errc::bad_syntax, "PLAIN with an empty or overlong part");
  }
  // RFC 4616 §3: nobody here may act for another, so the two must be one.
  if (!authzid.empty() && !iequals(authzid, authcid)) {
    return fail(Errc::not_allowed, "PLAIN asks to act as another user");
  }
  return Credentials{std::string(authcid), std::string(password)};
}

}  // namespace

std::optional<Mechanism> find_mechanism(std::string_view name) {
  if (iequals(name, "PLAIN")) return Mechanism::plain;
  if (iequals(name, "LOGIN")) return Mechanism::login;
  if (iequals(name, kCramMd5)) return Mechanism::cram_md5;
  if (iequals(name, "SCRAM-SHA-256")) return Mechanism::scram_sha_256;
  return std::nullopt;
}

Exchange::Exchange(Mechanism mechanism) : mechanism_(mechanism) {
  MAIL_ASSERT(!is_challenge_response(mechanism));
}

Result<Step> Exchange::start(std::optional<std::string_view> initial) {
  if (initial) return respond(*initial);
  // PLAIN's challenge is empty; LOGIN's must be spelt so (draft-murchison-sasl-login §2.2, note).
  return Challenge{mechanism_ == Mechanism::plain ? "" : "Username:"};
}

Result<Step> Exchange::respond(std::string_view response) {
  if (mechanism_ == Mechanism::plain) return parse_plain(response);
  if (response.find('\0') != std::string_view::npos)
    return fail(Errc::bad_syntax, "LOGIN with NUL");
  if (!user_) {
    if (response.size() > kMaxName) return fail(Errc::bad_syntax, "LOGIN with overlong name");
    user_ = std::string(response);
    return Challenge{"Password:"};
  }
  return Credentials{std::move(*user_), std::string(response)};
}

void wipe(std::string& secret) {
  volatile char* bytes = secret.data();
  for (std::size_t i = 0; i < secret.size(); ++i) bytes[i] = 0;
  secret.clear();
}

}  // namespace mail::sasl
