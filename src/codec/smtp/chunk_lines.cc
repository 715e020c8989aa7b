#include "codec/smtp/chunk_lines.h"

#include <cstring>

namespace mail::smtp {

namespace {
const char* find(const char* from, const char* to, char c) {
  return static_cast<const char*>(std::memchr(from, c, static_cast<std::size_t>(to - from)));
}
}  // namespace

void ChunkLines::feed(std::string_view piece, std::string* out) {
  const char* begin = piece.data();  // [begin, at) is to be appended
  const char* at = begin;
  const char* const end = begin + piece.size();
  if (cr_ && at < end) {
    damaged_ = *at++ != '\n';
    cr_ = false;
  }
  while (at < end && !damaged_) {
    const char* const lf = find(at, end, '\n');
    const char* const stop = lf != nullptr ? lf : end;
    const char* const cr = find(at, stop, '\r');
    if (cr != nullptr) {
      damaged_ = cr + 1 != stop;
      if (damaged_) {
        at = cr + 2;
        break;
      }
      cr_ = lf == nullptr;
    } else if (lf != nullptr) {
      damaged_ = bare_lf_ == BareLf::reject;
      if (damaged_) {
        at = lf + 1;
        break;
      }
      out->append(begin, lf);
      out->append("\r\n");
      begin = lf + 1;
    }
    at = lf != nullptr ? lf + 1 : end;
  }
  out->append(begin, at);
}

}  // namespace mail::smtp
