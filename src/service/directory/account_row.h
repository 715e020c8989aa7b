// An account as the directory has it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace mail {

// What a login may be used for. One made for a phone need not open what it never needs.
struct Rights {
  bool submit = true;
  bool read = true;
  bool operator==(const Rights&) const = default;
};
// A password of its own for one program of a user's. It is generated, with 120 bits, so that a fast
// digest of it is as good as a slow hash of a word.
struct AppPasswordRow {
  std::string name;    // lower case
  std::string digest;  // AppPasswords::digest
  std::string scram;   // as AccountRow::scram
  Rights rights{};
};
struct AccountRow {
  AccountId id;
  std::string address;        // lower case
  std::string password_hash;  // crypt(3) string: yescrypt
  bool disabled = false;
  std::uint64_t quota_bytes = 0;  // only where has_quota
  bool has_quota = false;
  std::vector<std::string> send_as{};  // granted senders: "team@yahoo.test", "*@yahoo.test"; sorted
  std::string scram{};                 // gsasl::ScramKeys as text; "" before they could be made
  std::string cram_md5{};  // "" unless asked for: whoever reads it can log in by CRAM-MD5
  std::vector<AppPasswordRow> app_passwords{};  // by name
};

}  // namespace mail
