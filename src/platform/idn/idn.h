// Internationalised names by libidn2, and the normal form of Unicode by its libunistring
// (docs/decisions/0009-idn.md). Any thread; no state.
#pragma once

#include <string>
#include <string_view>

#include "base/idn.h"
#include "base/result.h"

namespace mail::idn {

// RFC 5891 §4 with the non-transitional mapping of UTS #46: "Bücher.TEST" -> "xn--bcher-kva.test".
// Fails with bad_syntax.
Result<std::string> to_ascii(std::string_view domain);
// The other way, for people's eyes; a name that does not convert comes back as it is.
std::string to_unicode(std::string_view domain);
// See Idn::fold.
Result<std::string> fold(std::string_view local_part);

// The functions above, for the parsers of codec/address.
inline constexpr Idn kFunctions{&to_ascii, &fold};

}  // namespace mail::idn
