// The content of DATA as it comes over the wire: dots un-stuffed (RFC 5321 §4.5.2), its end found.
// Only CRLF.CRLF ends it (RFC 5321 §4.1.1.4), and only CRLF ends a line (§2.3.8): what a bare LF or
// bare CR seems to end is content to us and a line end to somebody else, which is how mail is
// smuggled. Such content is read on to its true end and is `damaged`.
// Pure; keeps no bytes, only where it is. Linear in the input: a pass over it and a memchr for each
// dot; a memchr or two a line where it holds a bare CR or LF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "codec/smtp/listener.h"

namespace mail::smtp {

class DotDecoder {
 public:
  explicit DotDecoder(BareLf bare_lf = BareLf::reject) : bare_lf_(bare_lf) {}

  // Takes `wire` up to its end or up to and including the CRLF.CRLF; returns how much it took and
  // appends to `body` what it means. Nothing is appended any more once damaged(). With
  // BareLf::normalize a bare LF comes out as CRLF, so that output may be longer than input.
  std::size_t feed(std::string_view wire, std::string* body);
  bool done() const { return state_ == State::done; }
  bool damaged() const { return damaged_; }

 private:
  enum class State : std::uint8_t { line_start, dot, dot_cr, in_line, cr, done };
  struct Run;  // bytes seen, wanted and not yet appended
  void step(Run& run);
  void scan_line(Run& run);
  void scan_clean_lines(Run& run);
  void bare_lf(Run& run);

  BareLf bare_lf_;
  State state_ = State::line_start;  // the CRLF of the DATA command counts
  bool damaged_ = false;
};

}  // namespace mail::smtp
