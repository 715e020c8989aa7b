// How addresses that are not ASCII are put into the form in which they are compared and kept
// (docs/decisions/0009-idn.md). Unicode needs tables, so the functions come from platform/idn and
// are handed to the parsers of codec/address. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mail {

struct Idn {
  // A domain of U-labels, or of both kinds, in A-labels (RFC 5891 §4, with the mapping of UTS #46).
  // Fails with bad_syntax.
  Result<std::string> (*to_ascii)(std::string_view domain);
  // What a local part in UTF-8 is compared by: lower case, NFC (RFC 6532 §3.1). Fails with
  // bad_syntax on what is not UTF-8.
  Result<std::string> (*fold)(std::string_view local_part);
};

}  // namespace mail
