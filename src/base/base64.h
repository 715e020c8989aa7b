// Base64 (RFC 4648 §4). The pure protocol code of codec/ may not call a library, so it is here.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mail {

std::string base64_encode(std::string_view bytes);
// Padding is required, nothing may stand behind it. Fails with bad_syntax.
Result<std::string> base64_decode(std::string_view text);

}  // namespace mail
