// The key that private signing keys are sealed with in the control store: a file of its own, so
// that a copy of the store alone signs nothing. The first of these that is named: the path of the
// configuration, the systemd credential "dkim.key", "dkim.key" in the state folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "platform/tls/secret_box.h"

namespace mail::signing {

struct KeyFile {
  std::filesystem::path configured;   // [signing] key_file; empty: not said
  std::filesystem::path credentials;  // $CREDENTIALS_DIRECTORY; empty: not under systemd
  std::filesystem::path state;

  std::filesystem::path path() const;
};

// Makes the file (0600) where it is missing. Refused with not_allowed where group or others may
// read it (security.md 58), invalid_argument where it holds less than a key; a sentence says what
// to do.
Result<std::unique_ptr<tls::SecretBox>> open_key_file(const KeyFile& file);

}  // namespace mail::signing
