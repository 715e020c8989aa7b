// The only file that sees crypt.h and argon2.h.
#include "platform/password/password.h"

#include <argon2.h>
#include <crypt.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "base/random.h"
#include "base/text.h"

namespace mail::password {
namespace {

// yescrypt, memory-hard (security.md 41); cost 5: 16 MiB and about 20 ms a hash. The next step
// up doubles both, for every login.
constexpr const char* kMethod = "$y$";
constexpr unsigned long kCost = 5;
constexpr std::string_view kCurrent = "$y$j9T$";  // how hashes of that cost begin

// libxcrypt's working memory holds the secret afterwards: wiped with the object.
struct Scratch {
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { explicit_bzero(&data, sizeof data); }
  crypt_data data{};
};

// Empty on failure. Reads `password` up to its first NUL: callers refuse those that have one.
std::string crypt_string(const std::string& password, const std::string& setting) {
  const auto scratch = std::make_unique<Scratch>();
  const char* result = crypt_rn(password.c_str(), setting.c_str(), &scratch->data,
                                static_cast<int>(sizeof scratch->data));
  return result != nullptr ? std::string(result) : std::string();
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;  // lengths of hashes are no secret
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  const volatile unsigned char seen = difference;
  return seen == 0;
}

bool is_argon2(std::string_view stored) { return stored.starts_with("$argon2"); }

// argon2_error_codes. The library compares in constant time and wipes its memory.
int argon2_check(const std::string& password, const std::string& stored) {
  return stored.starts_with("$argon2id$")
             ? argon2id_verify(stored.c_str(), password.data(), password.size())
             : argon2i_verify(stored.c_str(), password.data(), password.size());
}

bool has_nul(const std::string& password) { return password.find('\0') != std::string::npos; }

}  // namespace

Result<std::string> hash(const std::string& password) {
  if (password.empty()) return fail(Errc::invalid_argument, "the password is empty");
  if (has_nul(password)) return fail(Errc::invalid_argument, "the password has a NUL in it");
  if (password.size() >= CRYPT_MAX_PASSPHRASE_SIZE) {
    return fail(Errc::too_large,
                concat("the password is longer than ", CRYPT_MAX_PASSPHRASE_SIZE - 1, " octets"));
  }
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn(kMethod, kCost, nullptr, 0, setting, sizeof setting) == nullptr) {
    return fail(Errc::unavailable, concat("no salt for the password: ", std::strerror(errno)));
  }
  std::string result = crypt_string(password, setting);
  if (result.empty()) {
    return fail(Errc::unavailable, concat("cannot hash the password: ", std::strerror(errno)));
  }
  return result;
}

bool matches(const std::string& password, const std::string& stored_hash) {
  if (is_argon2(stored_hash)) {
    return argon2_check(password, stored_hash) == ARGON2_OK && !has_nul(password);
  }
  const std::string computed = crypt_string(password, stored_hash);
  // Decided after the work, so that no kind of password answers sooner than another.
  return !computed.empty() && !has_nul(password) && equal_in_constant_time(computed, stored_hash);
}

bool is_well_formed(const std::string& stored_hash) {
  static const std::string any = "x";
  if (is_argon2(stored_hash)) {
    const int found = argon2_check(any, stored_hash);
    return found == ARGON2_OK || found == ARGON2_VERIFY_MISMATCH;
  }
  const std::string computed = crypt_string(any, stored_hash);
  // crypt() ignores what stands behind the salt; of the whole hash only the length can be told.
  return !computed.empty() && computed.size() == stored_hash.size();
}

bool is_current(std::string_view stored_hash) { return stored_hash.starts_with(kCurrent); }

const std::string& decoy_hash() {
  static const std::string decoy = [] {
    SystemRandom random;
    std::string nobody_knows = random_hex(random, 32);
    Result<std::string> hashed = hash(nobody_knows);
    MAIL_ASSERT(hashed.has_value());
    wipe(nobody_knows);
    return *hashed;
  }();
  return decoy;
}

void wipe(std::string& secret) {
  secret.resize(secret.capacity());  // what an earlier, longer value left behind, too
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace mail::password
