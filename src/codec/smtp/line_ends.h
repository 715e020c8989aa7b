// Whether content has clean line ends, which nearly all has: then only its dots are of interest.
// Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace mail::smtp {

// How much of `content` is whole lines without a bare CR or LF: all of its whole lines, or nothing
// where a bare one stands anywhere. One pass that the compiler makes vectors of.
inline std::size_t clean_lines(std::string_view content) {
  bool bare = content.starts_with('\n');
  for (std::size_t i = 1; i < content.size(); ++i) {
    bare |= (content[i] == '\n') != (content[i - 1] == '\r');
  }
  return bare ? 0 : content.rfind('\n') + 1;  // npos + 1 is 0
}

}  // namespace mail::smtp
