// The INSTREAM command of clamd (man 8 clamd): a message in pieces, each behind its length, and one
// line of answer, both in the form that ends in NUL.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail::clamd {

inline constexpr std::size_t kMaxAnswer = 4096;

void append_start(std::string& out);
void append_piece(std::string& out, std::string_view piece);  // nothing where it is empty
void append_end(std::string& out);

struct Answer {
  std::string found;  // "Eicar-Test-Signature", printable; empty: nothing bad
};

// `bytes` is what has come of the answer; nothing: not all of it. Fails with too_large where the
// stream was over clamd's own limit, unavailable where clamd could not scan, bad_syntax.
Result<std::optional<Answer>> parse_answer(std::string_view bytes);

}  // namespace mail::clamd
