// Changes of a draft's header block that judges ask for (verdict.h): content, header_size, size and
// what lists show of it go together. The body is not touched. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "service/store/draft.h"

namespace mail {

// Whole fields, each ending in CRLF, above all others, our trace fields too.
void prepend_fields(Draft& draft, std::string_view fields);
// `octets` of the header block were taken out of draft.content.
void count_removed(Draft& draft, std::size_t octets);

struct HeaderChange {
  enum class Kind : std::uint8_t {
    append,   // below all others
    insert,   // so that `index` fields stand above it
    replace,  // number `index` of its name, from 1; appended where there is none
    remove,   // number `index` of its name, from 1; 0: all of them
  };
  Kind kind = Kind::append;
  std::uint32_t index = 0;
  std::string name;
  std::string value = {};  // all that stands behind the colon; folds may be LF
};

// In the order given. `seen` is the header block as it looked to whoever asks, who counts what is
// to be replaced or removed in it, and knows nothing of what was changed since; each number keeps
// its meaning whatever went before. Fails with bad_syntax for what is no field, too_large where the
// block would be over its limits; the draft stays as it was then.
Result<void> change_header(Draft& draft, std::string_view seen,
                           std::span<const HeaderChange> changes);

}  // namespace mail
