// Content as it goes over the wire: every line ended by CRLF; behind DATA dots stuffed (RFC 5321
// §4.5.2) and the final dot, behind BDAT neither (RFC 3030 §2). A bare CR or bare LF leaves as
// CRLF: what a line end is may never be for the next reader to guess (RFC 5321 §2.3.8; smuggling).
// Lines are never folded (security.md 25). Pure; keeps no bytes, only where it is. Linear in the
// input: a pass over it and a memchr for each dot; two memchr a line where a bare CR or LF is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mail::smtp {

class DotEncoder {
 public:
  enum class Dots : std::uint8_t { stuffed, plain };
  explicit DotEncoder(Dots dots = Dots::stuffed) : dots_(dots) {}

  // `content`, cut anywhere; appends to `wire` what it becomes.
  void feed(std::string_view content, std::string* wire);
  // A CRLF where content did not end in one, and ".CRLF" where dots are stuffed. Nothing may
  // follow.
  void finish(std::string* wire);

 private:
  void feed_clean_lines(std::string_view lines, std::string* wire);

  enum class State : std::uint8_t { line_start, in_line, cr };
  Dots dots_;
  State state_ = State::line_start;  // cr: of a CR at the very end, which has not left yet
};

// A whole message at once, final dot included.
std::string to_wire(std::string_view message);

}  // namespace mail::smtp
