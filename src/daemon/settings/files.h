// Internal to daemon/settings: the files a configuration names.
#pragma once

#include <sys/types.h>

#include <string>

#include "daemon/settings/values.h"

namespace mail {

// A path to be read at start. Nothing: it is a file that we may read, with this mode.
Refusal check_file(const std::string& path, std::string_view form, mode_t& mode);

// Why a secret may not stay in a file with this mode; nothing: it may (security.md 58).
Refusal check_secrecy(const std::string& path, mode_t mode);

// The first line of a file with a secret, which is its owner's alone.
Refusal read_secret(const std::string& path, std::string& secret);

}  // namespace mail
