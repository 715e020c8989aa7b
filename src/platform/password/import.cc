// Hashes of other servers: which are taken, and what is said about the others.
#include "platform/password/import.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "platform/password/password.h"

namespace mail::password {
namespace {

enum class Method : std::uint8_t { md5, blowfish, sha256, sha512, yescrypt, argon2i, argon2id };

struct Scheme {
  std::string_view name;
  std::optional<Method> method;  // nothing: whatever crypt(3) knows
};
// As doc.dovecot.org, "Password schemes", names them. Unsalted and fast ones are left out, and
// DES-CRYPT: it looks at eight letters, so that a login does not even tell the password.
constexpr auto kSchemes = std::to_array<Scheme>({
    {"CRYPT", std::nullopt},
    {"BLF-CRYPT", Method::blowfish},
    {"SHA256-CRYPT", Method::sha256},
    {"SHA512-CRYPT", Method::sha512},
    {"MD5-CRYPT", Method::md5},
    {"ARGON2I", Method::argon2i},
    {"ARGON2ID", Method::argon2id},
});
constexpr auto kOpenSchemes = std::to_array<std::string_view>({"PLAIN", "CLEAR", "CLEARTEXT"});

std::optional<Method> method_of(std::string_view hash) {
  if (hash.starts_with("$argon2id$")) return Method::argon2id;
  if (hash.starts_with("$argon2i$")) return Method::argon2i;
  if (hash.starts_with("$y$")) return Method::yescrypt;
  if (hash.starts_with("$6$")) return Method::sha512;
  if (hash.starts_with("$5$")) return Method::sha256;
  if (hash.starts_with("$1$")) return Method::md5;
  if (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$")) {
    return Method::blowfish;
  }
  return std::nullopt;
}

// The number behind `name` ("rounds="); nothing where it is missing or too large for a number.
std::optional<std::uint32_t> number_behind(std::string_view hash, std::string_view name) {
  const std::size_t at = hash.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  hash.remove_prefix(at + name.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(hash.data(), hash.data() + hash.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// Every login pays what the hash asks for, on a pool that all share: at most 256 MiB, and seconds.
bool is_affordable(Method method, std::string_view hash) {
  switch (method) {
    case Method::md5:
      return true;
    case Method::blowfish:
      return number_behind(hash, concat(hash.substr(0, 4))).value_or(99) <= 14;
    case Method::sha256:
    case Method::sha512:
      return !hash.substr(3).starts_with("rounds=") ||
             number_behind(hash, "rounds=").value_or(UINT32_MAX) <= 1'000'000;
    case Method::yescrypt:  // "$y$jCT$": C is the logarithm of N, T stands for r = 32
      return hash.size() > 7 && hash[3] == 'j' && hash[4] <= 'D' && hash[5] <= 'T' &&
             hash[6] == '$';
    case Method::argon2i:
    case Method::argon2id:
      return number_behind(hash, "m=").value_or(UINT32_MAX) <= 262'144 &&
             number_behind(hash, "t=").value_or(UINT32_MAX) <= 20 &&
             number_behind(hash, "p=").value_or(UINT32_MAX) <= 16;
  }
  return false;
}

// Of 16, 24, 32, 48 or 64 octets in base64. Argon2 itself takes any length, a cut off one too.
bool has_usual_length(std::string_view argon2) {
  const std::size_t length = argon2.size() - argon2.rfind('$') - 1;
  return length == 22 || length == 32 || length == 43 || length == 64 || length == 86;
}

std::unexpected<Error> unknown(std::string_view what) {
  std::string known;
  for (const Scheme& scheme : kSchemes)
    append(known, known.empty() ? "{" : ", {", scheme.name, "}");
  return fail(Errc::invalid_argument,
              concat(what, " Known are ", known,
                     ". Set a password of your own choice for this account instead."));
}

// Takes "{SCHEME}" off the front; what is left must be a hash of that scheme.
Result<std::optional<Method>> take_scheme(std::string_view& text) {
  if (!text.starts_with('{')) return std::nullopt;
  const std::size_t end = text.find('}');
  if (end == std::string_view::npos) {
    return unknown("The hash begins with { but no scheme, like {SHA512-CRYPT}, follows.");
  }
  const std::string_view name = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  for (const std::string_view open : kOpenSchemes) {
    if (!iequals(name, open)) continue;
    return fail(Errc::invalid_argument,
                concat("{", open,
                       "} holds the password itself and no hash of it: give the "
                       "password with --password-stdin, so that it is hashed here."));
  }
  for (const Scheme& scheme : kSchemes) {
    if (iequals(name, scheme.name)) return scheme.method;
  }
  // Said again only where it can be the name of a scheme: it might be part of a password.
  const bool sayable =
      name.size() < 32 &&
      std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '.'; });
  return unknown(concat("The scheme ", sayable ? concat("{", name, "}") : "in front of the hash",
                        " is not known here."));
}

std::unexpected<Error> damaged() {
  return fail(Errc::invalid_argument,
              "The hash is damaged or cut off: no password could ever match it. Copy the whole of "
              "it from the other server.");
}

}  // namespace

Result<std::string_view> parse_imported(std::string_view text) {
  std::string_view hash = text;
  MAIL_TRY(const std::optional<Method> named, take_scheme(hash));
  const std::optional<Method> found = method_of(hash);
  if (!found) {
    return unknown(hash.size() == text.size()
                       ? "This is no hash: it begins neither with a {SCHEME} nor with a $method$."
                       : "Behind the scheme stands no hash of a method known here.");
  }
  const bool argon2 = *found == Method::argon2i || *found == Method::argon2id;
  const bool crypt_named = hash.size() != text.size() && !named;
  if ((named && *named != *found) || (crypt_named && argon2)) {
    return fail(Errc::invalid_argument,
                "The scheme and the hash behind it are not of one kind: copy both from the line "
                "of the other server.");
  }
  if (!is_affordable(*found, hash)) {
    return fail(Errc::invalid_argument,
                "The hash asks for more work than a login may cost here (256 MiB, or about a "
                "second): set a password of your own choice for this account instead.");
  }
  const bool printable = std::ranges::all_of(
      hash, [](char c) { return c > ' ' && static_cast<unsigned char>(c) < 127; });
  if (!printable || (argon2 && !has_usual_length(hash))) return damaged();
  return hash;
}

Result<std::string> import_hash(std::string_view text) {
  MAIL_TRY(const std::string_view hash, parse_imported(text));
  std::string stored(hash);
  if (!is_well_formed(stored)) return damaged();
  return stored;
}

}  // namespace mail::password
