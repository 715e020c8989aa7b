// Names beyond ASCII without Unicode's tables, for fuzzing only: not IDNA, but of the same shape.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/idn.h"
#include "base/result.h"

namespace mail::idn::toy {

// Octets beyond ASCII become 'u'.
inline Result<std::string> to_ascii(std::string_view domain) {
  std::string out(domain);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) > 127; }, 'u');
  return out;
}
inline constexpr Idn kToyIdn{&to_ascii, nullptr};

}  // namespace mail::idn::toy
