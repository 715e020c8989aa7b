// Password hashes by libxcrypt (crypt(3) strings; yescrypt by default) and, for those made
// elsewhere, libargon2. Blocks for tens of milliseconds: call on a pool. Secrets given are not
// kept.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::password {

Result<std::string> hash(const std::string& password);  // "$y$..."
// Constant-time comparison. A hash that is neither a crypt nor an argon2 string matches nothing.
bool matches(const std::string& password, const std::string& stored_hash);
// Whether some password could match it. Costs as much as matches().
bool is_well_formed(const std::string& stored_hash);
// Whether it is what hash() makes now: others cost another time than the decoy, and are often weak.
bool is_current(std::string_view stored_hash);

// A hash of another server as it is stored here. `text` is a crypt(3) or argon2 string, in front of
// it a {SCHEME} as Dovecot and Postfix set-ups have it. invalid_argument with a sentence for the
// operator: unknown scheme, a password instead of a hash, cut off, too dear for a login.
Result<std::string> import_hash(std::string_view text);
// A hash of the usual cost that no password matches: what to check for unknown users.
const std::string& decoy_hash();
void wipe(std::string& secret);

}  // namespace mail::password
