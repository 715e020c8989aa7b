// What is kept of a password: its hash, and the keys for logins that never send it. All of it is
// made whenever a password is known. Making it blocks for tens of milliseconds: call on a pool.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/address/address.h"
#include "platform/gsasl/scram.h"
#include "service/directory/control_store.h"

namespace mail {

// `secret`: ControlStore::login_secret(). CRAM-MD5 only where it was asked for: who can read what
// it needs can log in with it. A password SASLprep does not take has no SCRAM keys, and logs in by
// PLAIN and LOGIN only.
enum class CramMd5 : bool { no, yes };
Result<Credential> make_credential(std::span<const std::byte> secret, std::string_view address,
                                   const std::string& password, CramMd5 cram_md5);

// "submit", "read", or both with a comma.
Result<Rights> parse_rights(std::string_view text);
std::string to_string(Rights rights);

struct NewAppPassword {
  std::string password;  // told once; "abcdef-abcdef-abcdef-abcdef", 120 random bits
  AppPasswordRow row;
};
Result<NewAppPassword> make_app_password(std::span<const std::byte> secret, const Mailbox& address,
                                         std::string_view name, Rights rights);
std::string app_password_digest(std::span<const std::byte> secret, std::string_view password);

// The salt of a login name: computed, so that asking for a name that is nobody's, or for one whose
// keys were changed or never made, gets the answer that an account would give (security.md 41).
std::string scram_salt(std::span<const std::byte> secret, std::string_view login_name);
// Keys that no password fits, for the same reason.
gsasl::ScramKeys decoy_scram_keys(std::span<const std::byte> secret, std::string_view login_name);

// A login name as it is looked up: an address beyond ASCII in the form in which addresses are kept,
// however it was spelled (docs/decisions/0009-idn.md). Of anything else nothing changes.
std::string folded_login_name(std::string_view user);

// What a password for a name that nobody may log in by is compared with, so that it takes as long
// as for one who may: a disabled account's own hash; for a stranger always the same account's,
// whose is computed from the name. Hashes of other servers cost other times than ours, and so the
// times of strangers are those of the accounts. The caller ignores the outcome.
const std::string& hash_for_nobody(const Directory& directory, std::span<const std::byte> secret,
                                   std::string_view user);

// Who a login name means: "jerry@yahoo.test", or "jerry@yahoo.test/phone" for one app password (how
// SCRAM, which never sees a password to try, is told which). Pointers into the directory.
struct LoginName {
  const AccountRow* account = nullptr;  // null: nobody, or disabled
  const AppPasswordRow* app = nullptr;  // null: not named
  bool names_app = false;               // named, whether it exists or not
};
LoginName find_login_name(const Directory& directory, std::string_view user);

}  // namespace mail
