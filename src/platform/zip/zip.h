// Zip archives by libzip. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail::zip {

struct File {
  std::string name;  // as the archive says: a stranger's word, never a path of ours
  std::string content;
};

struct Limits {
  std::size_t max_files = 10;
  std::size_t max_bytes = std::size_t{16} << 20;  // of all files together, unpacked
};

// Fails with too_large before more than the limit is unpacked, whatever the archive says of itself;
// with bad_syntax on damage and on encrypted files.
Result<std::vector<File>> unpack(std::string_view archive, Limits limits = {});

}  // namespace mail::zip
