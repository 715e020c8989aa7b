// Password hashes by libxcrypt (crypt(3) strings; yescrypt by default). Blocks for tens of
// milliseconds: call on a pool. Secrets given are not kept.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::password {

Result<std::string> hash(const std::string& password);  // "$y$..."
// Constant-time comparison. A hash that is no crypt string matches nothing.
bool matches(const std::string& password, const std::string& stored_hash);
// A hash of the usual cost that no password matches: what to check for unknown users.
const std::string& decoy_hash();
void wipe(std::string& secret);

}  // namespace mail::password
