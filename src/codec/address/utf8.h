// UTF-8 as it may stand in addresses (RFC 3629, RFC 6532 §3.1).
// Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace mail {

// Octets of the character beyond ASCII that `text` begins with; 0 where it is none: ASCII, an
// overlong or broken form, a surrogate, above U+10FFFF, or one of the C1 controls, which RFC 6532
// lets through and no screen should get.
std::size_t utf8_character(std::string_view text);

bool is_ascii(std::string_view text);
// ASCII, or characters that utf8_character() knows.
bool is_utf8(std::string_view text);

}  // namespace mail
