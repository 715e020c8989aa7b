// ORCPT (RFC 3461 §4.2, RFC 6533 §3): the recipient as the sender knew it.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mail {

// "rfc822;bob+2Btag@x.test" becomes "rfc822;bob+tag@x.test"; "utf-8;b\x{FC}cher@x.test" has its
// characters in UTF-8. Octets above 127 may stand as they are where `utf8`, and only in that type.
// At most 500 characters. Fails with bad_syntax, on everything that hides a control as well.
Result<std::string> parse_original_recipient(std::string_view value, bool utf8);

}  // namespace mail
