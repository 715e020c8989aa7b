// The text of a hash from another server, read without computing anything. Pure.
#pragma once

#include <string_view>

#include "base/result.h"

namespace mail::password {

// The hash in `text`, without its {SCHEME}: of a method known here, at a cost that is bearable.
// invalid_argument with a sentence for the operator. Whether a password can match it at all,
// is_well_formed() says.
Result<std::string_view> parse_imported(std::string_view text);

}  // namespace mail::password
