// The public suffix list by libpsl: its own, or the distribution's where that is newer. Any thread;
// the list is read once.
#pragma once

#include <string_view>

namespace mail::psl {

// Whether names directly below `name` belong to owners of their own: "co.uk", and any top-level
// domain. In A-labels, lower case, without a final dot.
bool is_public_suffix(std::string_view name);

}  // namespace mail::psl
