#include "service/auth/credentials.h"

#include <algorithm>
#include <array>

#include "base/random.h"
#include "base/text.h"
#include "codec/address/utf8.h"
#include "platform/idn/idn.h"
#include "platform/password/password.h"
#include "platform/tls/digest.h"

namespace mail {
namespace {

using Digest = std::array<std::uint8_t, 32>;

Digest keyed(std::span<const std::byte> secret, std::string_view purpose, std::string_view text) {
  return tls::hmac_sha256(secret, concat(purpose, '\0', text));
}

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Without letters and digits that look alike: it is typed from a screen into a phone.
std::string random_password() {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(kLetters.size() == 32);
  std::array<std::byte, 24> random;
  SystemRandom().fill(random);
  std::string out;
  for (std::size_t i = 0; i < random.size(); ++i) {
    if (i > 0 && i % 6 == 0) out += '-';
    out += kLetters[std::to_integer<std::size_t>(random[i]) % kLetters.size()];
  }
  return out;
}

// Empty for a password SASLprep does not take.
Result<std::string> scram_keys_text(std::span<const std::byte> secret, std::string_view login_name,
                                    const std::string& password) {
  const auto keys = gsasl::make_scram_keys(password, scram_salt(secret, login_name));
  if (keys) return gsasl::to_text(*keys);
  if (keys.error().code == Errc::invalid_argument) return std::string();
  return std::unexpected(keys.error());
}

}  // namespace

Result<Credential> make_credential(std::span<const std::byte> secret, std::string_view address,
                                   const std::string& password, CramMd5 cram_md5) {
  MAIL_TRY(Credential made, password::hash(password));
  MAIL_TRY(made.scram, scram_keys_text(secret, address, password));
  if (cram_md5 == CramMd5::yes) made.cram_md5 = tls::hmac_md5_state(password);
  return made;
}

Result<Rights> parse_rights(std::string_view text) {
  Rights rights{false, false};
  for (const std::string_view word : split(text, ',')) {
    if (word == "submit") {
      rights.submit = true;
    } else if (word == "read") {
      rights.read = true;
    } else {
      return fail(Errc::invalid_argument,
                  concat("'", word, "' is no right: give submit, read, or submit,read"));
    }
  }
  return rights;
}

std::string to_string(Rights rights) {
  return rights.submit && rights.read ? "submit,read" : rights.submit ? "submit" : "read";
}

Result<NewAppPassword> make_app_password(std::span<const std::byte> secret, const Mailbox& address,
                                         std::string_view name, Rights rights) {
  NewAppPassword made{random_password(), {to_lower(name), {}, {}, rights}};
  made.row.digest = app_password_digest(secret, made.password);
  MAIL_TRY(made.row.scram,
           scram_keys_text(secret, concat(address.key(), '/', made.row.name), made.password));
  return made;
}

std::string app_password_digest(std::span<const std::byte> secret, std::string_view password) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t octet : keyed(secret, "app password", password)) {
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
  return out;
}

std::string scram_salt(std::span<const std::byte> secret, std::string_view login_name) {
  return std::string(bytes_of(keyed(secret, "scram salt", to_lower(login_name))).substr(0, 16));
}

gsasl::ScramKeys decoy_scram_keys(std::span<const std::byte> secret, std::string_view login_name) {
  const std::string name = to_lower(login_name);
  return {gsasl::kIterations, scram_salt(secret, name),
          std::string(bytes_of(keyed(secret, "nobody's stored key", name))),
          std::string(bytes_of(keyed(secret, "nobody's server key", name)))};
}

std::string folded_login_name(std::string_view user) {
  if (is_ascii(user)) return std::string(user);
  const std::size_t slash = user.rfind('/');
  const bool names_app = slash != std::string_view::npos && user.rfind('@') < slash;
  const std::string_view address = names_app ? user.substr(0, slash) : user;
  const Result<Mailbox> mailbox = Mailbox::parse(address, &idn::kFunctions);
  if (!mailbox) return std::string(user);
  return concat(mailbox->key(), user.substr(address.size()));
}

const std::string& hash_for_nobody(const Directory& directory, std::span<const std::byte> secret,
                                   std::string_view user) {
  const AccountTable& accounts = directory.accounts();
  if (const AccountRow* disabled = directory.account(user)) return disabled->password_hash;
  if (accounts.empty()) return password::decoy_hash();
  const Digest digest = keyed(secret, "nobody's hash", to_lower(user));
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
  return accounts[number % accounts.size()].password_hash;
}

LoginName find_login_name(const Directory& directory, std::string_view user) {
  LoginName found;
  const std::size_t slash = user.rfind('/');
  // Behind the '@': a local part may hold one, a domain may not.
  const bool names_app = slash != std::string_view::npos && user.rfind('@') < slash;
  found.names_app = names_app;
  const AccountRow* row = directory.account(names_app ? user.substr(0, slash) : user);
  if (row == nullptr || row->disabled) return found;
  found.account = row;
  if (!names_app) return found;
  for (const AppPasswordRow& app : row->app_passwords) {
    if (iequals(app.name, user.substr(slash + 1))) found.app = &app;
  }
  return found;
}

}  // namespace mail
