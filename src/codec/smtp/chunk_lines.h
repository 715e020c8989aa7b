// The content of BDAT chunks that hold a message of text: only CRLF ends a line (RFC 5321 §2.3.8).
// A bare LF becomes CRLF or does damage, as told; a bare CR always does damage. The size of a chunk
// says where the content ends, so that unlike with DATA nothing can be smuggled behind it; what is
// made whole here is what mail programs and other servers will read.
// Pure; keeps no bytes, only where it is, so that a CRLF may be cut between two chunks. Linear.
#pragma once

#include <string>
#include <string_view>

#include "codec/smtp/listener.h"

namespace mail::smtp {

class ChunkLines {
 public:
  explicit ChunkLines(BareLf bare_lf = BareLf::normalize) : bare_lf_(bare_lf) {}

  // Appends to `out` what `piece` means, at most twice its octets; of damage the octet that does it
  // is the last. Not to be called once damaged().
  void feed(std::string_view piece, std::string* out);
  bool damaged() const { return damaged_; }
  bool ends_in_cr() const { return cr_; }  // a bare one, if nothing more comes

 private:
  BareLf bare_lf_;
  bool cr_ = false;
  bool damaged_ = false;
};

}  // namespace mail::smtp
